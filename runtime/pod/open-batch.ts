import type { ServerResponse } from 'node:http';
import type { BatchHead } from '../protocol/batch.ts';
import { FrameWriter, framesType } from '../protocol/frame.ts';
import type { Outcome } from '../protocol/messages.ts';
import { encodeReply, writeReply } from '../protocol/reply.ts';
import { wholeBatch } from './board.ts';
import { readUnsent } from './unsent-lines.ts';

const aliveFrame = encodeReply({ kind: 'alive' });
const endFrames = {
  done: encodeReply({ kind: 'end', end: 'done' }),
  busy: encodeReply({ kind: 'end', end: 'busy' }),
  draining: encodeReply({ kind: 'end', end: 'draining' }),
};
const framesHeaders = { 'content-type': framesType };

/** A batch whose answer is being written: which of its events were answered, and where the rest will go. */
export class OpenBatch {
  readonly id: number;
  readonly events: number;
  readonly receivedAtMs = Date.now();
  bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly #response: ServerResponse;
  readonly #answered: Uint8Array;
  #open: number;
  /** The frames that answer for the last event: they leave with the end. */
  #last: Uint8Array | undefined;
  #spoke = false;
  /** Of what the worker wrote about it. */
  #passedBytes = 0;
  /** What its worker has not handed over. */
  #lines: SharedArrayBuffer | undefined;
  /** The first byte of its body says that it has begun. */
  #waits: boolean;

  constructor(
    id: number,
    { eventCount, waits }: Pick<BatchHead, 'eventCount' | 'waits'>,
    bytes: Uint8Array<ArrayBuffer>,
    response: ServerResponse,
  ) {
    this.id = id;
    this.events = eventCount;
    this.#waits = waits;
    this.bytes = bytes;
    this.#response = response;
    this.#answered = new Uint8Array(eventCount);
    this.#open = eventCount;
  }

  /** While it waits: what the answer begins with is out of the way when it begins. */
  keep(): void {
    if (!this.#waits || this.#response.headersSent) return;
    this.#response.writeHead(200, framesHeaders);
    this.#response.flushHeaders();
  }

  /** It goes to the worker next, whose unsent lines are there. What says so is out before: a handler may end its process faster than a turn does. */
  begin(lines: SharedArrayBuffer | undefined): void {
    this.#lines = lines;
    if (!this.#waits) return;
    this.#waits = false;
    this.#write(aliveFrame);
    // Node holds back what is written until the turn is over.
    this.#response.socket?.uncork();
  }

  /** The worker's frames go out as they are; false, and nothing goes out: that cannot be (an index twice, or out of range). */
  pass(frames: Uint8Array, answered: readonly number[]): boolean {
    for (const [at, index] of answered.entries()) {
      if (this.#answered[index] === 0) {
        this.#answered[index] = 1;
        continue;
      }
      for (const before of answered.slice(0, at)) this.#answered[before] = 0;
      return false;
    }
    this.#passedBytes += frames.length;
    this.#open -= answered.length;
    if (this.#open > 0 || this.#response.headersSent) this.#write(frames);
    else this.#last = frames;
    return true;
  }

  /** Its worker is gone, or as good as gone: passes on what was said last, and answers for all events that nobody answered for. */
  settle(running: ReadonlyMap<number, Outcome>, rest: Outcome): void {
    if (this.#lines !== undefined) for (const frame of readUnsent(this.#lines, this.id, this.#passedBytes)) this.#write(frame);
    const writer = new FrameWriter();
    const whole = running.get(wholeBatch);
    for (let index = 0; index < this.events; index += 1) {
      if (this.#answered[index] !== 0) continue;
      this.#answered[index] = 1;
      writeReply(writer, { kind: 'result', result: { index, outcome: whole ?? running.get(index) ?? rest } });
    }
    if (writer.length > 0) this.#write(writer.take());
  }

  end(end: 'done' | 'busy' | 'draining'): void {
    const frame = endFrames[end];
    if (this.#response.headersSent) return void this.#response.end(frame);
    // All in one piece of a known length, as batches of short handlers end: chunks would cost both sides more than what is in them.
    const whole = this.#last === undefined ? frame : Buffer.concat([this.#last, frame]);
    this.#response.writeHead(200, { ...framesHeaders, 'content-length': whole.length });
    this.#response.end(whole);
  }

  /** Something for the client to hear when there is nothing to say: a pod that is silent for long is taken for lost. */
  beat(): void {
    if (this.#waits) return;
    if (!this.#spoke) this.#write(aliveFrame);
    this.#spoke = false;
  }

  /** The answer cannot be completed. */
  abandon(): void {
    this.#response.destroy();
  }

  #write(frames: Uint8Array): void {
    this.#spoke = true;
    if (!this.#response.headersSent) this.#response.writeHead(200, framesHeaders);
    this.#response.write(frames);
  }
}
