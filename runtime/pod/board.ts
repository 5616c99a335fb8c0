/**
 * What the worker is doing, in memory that the shim can read while the worker is too busy to answer. All figures are doubles:
 * a heartbeat, the slot that runs its first synchronous part, the slot that asked to end the process, then four per slot.
 * A slot is one call of the handler; its position is `wholeBatch` when the handler takes batches.
 */
export interface BoardCall {
  readonly slot: number;
  readonly batchId: number;
  readonly index: number;
  readonly enteredAtMs: number;
  readonly deadlineMs: number;
}

export const wholeBatch = -1;

const heartbeatAt = 0;
const synchronousAt = 1;
const culpritAt = 2;
const headDoubles = 4;
const slotDoubles = 4;

export function createBoard(slots: number): SharedArrayBuffer {
  return new SharedArrayBuffer((headDoubles + slots * slotDoubles) * 8);
}

/** The worker's side. */
export class BoardWriter {
  readonly #doubles: Float64Array;
  readonly #free: number[] = [];

  constructor(board: SharedArrayBuffer) {
    this.#doubles = new Float64Array(board);
    for (let slot = (this.#doubles.length - headDoubles) / slotDoubles - 1; slot >= 0; slot -= 1) this.#free.push(slot);
  }

  beat(nowMs: number): void {
    this.#doubles[heartbeatAt] = nowMs;
  }

  /** Takes a slot; undefined when all are taken. */
  enter(batchId: number, index: number, enteredAtMs: number, deadlineMs: number): number | undefined {
    const slot = this.#free.pop();
    if (slot === undefined) return undefined;
    const at = headDoubles + slot * slotDoubles;
    this.#doubles[at + 1] = index;
    this.#doubles[at + 2] = enteredAtMs;
    this.#doubles[at + 3] = deadlineMs;
    this.#doubles[at] = batchId;
    return slot;
  }

  /** The handler in this slot runs and has not given control back yet. */
  enterSynchronous(slot: number): void {
    this.#doubles[synchronousAt] = slot + 1;
  }

  leaveSynchronous(): void {
    this.#doubles[synchronousAt] = 0;
  }

  leave(slot: number): void {
    this.#doubles[headDoubles + slot * slotDoubles] = 0;
    this.#free.push(slot);
  }

  blame(slot: number): void {
    this.#doubles[culpritAt] = slot + 1;
  }
}

export interface BoardView {
  /** When the worker's event loop last turned; 0: not yet. */
  readonly heartbeatMs: number;
  readonly synchronousSlot: number | undefined;
  readonly culpritSlot: number | undefined;
  readonly running: readonly BoardCall[];
}

/** The shim's side: what is on the board now. A torn read of a slot that changes at this moment is possible and is gone at the next look. */
export function readBoard(board: SharedArrayBuffer): BoardView {
  const doubles = new Float64Array(board);
  const at = (index: number) => doubles[index] ?? 0;
  const running: BoardCall[] = [];
  for (let slot = 0; headDoubles + slot * slotDoubles < doubles.length; slot += 1) {
    const from = headDoubles + slot * slotDoubles;
    const batchId = at(from);
    if (batchId !== 0) running.push({ slot, batchId, index: at(from + 1), enteredAtMs: at(from + 2), deadlineMs: at(from + 3) });
  }
  return { heartbeatMs: at(heartbeatAt), synchronousSlot: slotAt(at(synchronousAt)), culpritSlot: slotAt(at(culpritAt)), running };
}

function slotAt(value: number): number | undefined {
  return value === 0 ? undefined : value - 1;
}
