import { decodeLoad, encodeLoad, encodeLoadResult } from '../protocol/control.ts';
import { readFrames } from '../protocol/frame.ts';
import { encodeUtf8 } from '../protocol/intrinsics.ts';
import type { LoadRequest } from '../protocol/messages.ts';
import { hashMatches, writeBundle } from './bundle-file.ts';
import { rehearsals } from './rehearsals.ts';
import { emptyShim, step } from './shim.ts';
import type { ShimInput } from './shim-state.ts';

const code = encodeUtf8('export {};');
const request: LoadRequest = {
  unit: '',
  context: '',
  functionName: '',
  revision: '',
  bundleHash: '',
  code,
  sourceMap: code,
  timeoutMs: 0,
  lifespanMs: 0,
  memoryBytes: 0,
  concurrency: 1,
  emits: [],
  calls: [],
  env: {},
  dataFilters: {},
};
const ready = { kind: 'ready', handler: 'event', phases: { loadMs: 0, initMs: 0 } } as const;
const limits = { concurrency: 1, lifespanMs: 0, memoryBytes: 0, loadTimeoutMs: 0 };
const board = { heartbeatMs: 0, synchronousSlot: undefined, culpritSlot: undefined, running: [] };
const inputs: readonly ShimInput[] = [
  { kind: 'load', nowMs: 0, limits },
  { kind: 'loaded', nowMs: 0, workerId: 1, result: ready },
  { kind: 'batch', nowMs: 0, batchId: 1, events: 1, bytes: 0, exclusive: false, waits: false },
  { kind: 'tick', nowMs: 0, rssBytes: 0, boards: new Map([[1, board]]) },
  { kind: 'answered', nowMs: 0, batchId: 1, count: 1 },
];

/** Does once for nobody what the main thread does for a load and a batch, so that the first real ones do not wait for its compilation. */
export function rehearseLoad(): void {
  for (let time = 0; time < rehearsals; time += 1) {
    let shim = emptyShim();
    for (const input of inputs) shim = step(shim, input).shim;
    readFrames(encodeLoad(request, 0), frame => hashMatches(decodeLoad(frame).request));
    encodeLoadResult(ready);
  }
  try {
    writeBundle(request).removeLater(() => undefined);
  } catch {
    // A load says what is wrong with the file system.
  }
}
