import type { MemoryStateStore } from '../../controller/adapters/memory/memory-state.ts';
import type { StateStore } from '../../controller/ports/state.ts';

/** A store that acknowledges before it is durable: now and then it syncs, and what came after the last sync can be lost. */
export class RollingStore {
  /** As its users see it: `verify` waits for the next sync. */
  readonly asSeen: StateStore;
  readonly #real: MemoryStateStore;
  #durable: ReturnType<MemoryStateStore['snapshot']>;
  #rolls: boolean;
  #waiting: (() => void)[] = [];

  constructor(real: MemoryStateStore, rolls: boolean) {
    this.#real = real;
    this.#rolls = rolls;
    this.#durable = real.snapshot();
    this.asSeen = {
      capabilities: real.capabilities,
      claim: (...given) => real.claim(...given),
      commit: (...given) => real.commit(...given),
      recordAttempts: (...given) => real.recordAttempts(...given),
      trim: (...given) => real.trim(...given),
      verify: async (...given) => {
        if (this.#rolls) await new Promise<void>(resolve => this.#waiting.push(resolve));
        return real.verify(...given);
      },
      read: (...given) => real.read(...given),
      known: (...given) => real.known(...given),
      list: (...given) => real.list(...given),
      figures: unit => real.figures(unit),
      progress: unit => real.progress(unit),
      resetProgress: (...given) => real.resetProgress(...given),
      parked: unit => real.parked(unit),
      parkedEvents: (...given) => real.parkedEvents(...given),
      replayParked: (...given) => real.replayParked(...given),
      acceptRollback: (...given) => real.acceptRollback(...given),
      deleteUnit: unit => real.deleteUnit(unit),
      expire: (...given) => real.expire(...given),
      close: async () => {},
    };
  }

  sync(): void {
    this.#durable = this.#real.snapshot();
    for (const go of this.#waiting.splice(0)) go();
  }

  rollBack(): void {
    this.#real.restore(this.#durable);
  }

  /** Nothing is lost from now on. */
  settle(): void {
    this.#rolls = false;
    this.sync();
  }
}
