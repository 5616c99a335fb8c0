import { parentPort } from 'node:worker_threads';
import type { ModeName } from './modes.ts';
import { runSeed } from './run-seed.ts';

/** What a worker thread of the simulation is asked, one seed at a time; it answers with a SeedResult. */
export interface SeedRequest {
  readonly seed: number;
  readonly mode: ModeName;
  readonly traced: boolean;
}

parentPort?.on('message', (request: SeedRequest) => {
  void runSeed(request.seed, request.mode, request.traced).then(result => parentPort?.postMessage(result));
});
