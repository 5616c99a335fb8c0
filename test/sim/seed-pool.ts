import { mkdtemp, rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { bundleWorker, type Mutation } from './bundle.ts';
import type { SeedResult } from './run-seed.ts';
import type { SeedRequest } from './seed-worker.ts';

export interface PoolOptions {
  readonly threads: number;
  readonly mutations?: readonly Mutation[];
  /** Real time for one seed; one that takes longer hangs in a loop. */
  readonly seedTimeoutMs?: number;
}

/**
 * Runs seeds on worker threads, as many at a time as there are threads, until all are run or `onResult` answers 'stop'.
 * A seed that never ends is a result too.
 */
export async function runSeeds(
  requests: Iterable<SeedRequest>,
  options: PoolOptions,
  onResult: (result: SeedResult) => 'go on' | 'stop',
): Promise<void> {
  const folder = await mkdtemp(`${process.cwd()}/node_modules/.sim-`);
  const file = `${folder}/seed-worker.mjs`;
  try {
    await bundleWorker(file, options.mutations);
    const queue = requests[Symbol.iterator]();
    let stopped = false;
    const next = (): SeedRequest | undefined => {
      if (stopped) return undefined;
      const { value, done } = queue.next();
      return done === true ? undefined : value;
    };
    const report = (result: SeedResult) => {
      if (!stopped && onResult(result) === 'stop') stopped = true;
    };
    await Promise.all(Array.from({ length: options.threads }, () => runThread(file, next, report, options.seedTimeoutMs ?? 20_000)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runThread(
  file: string,
  next: () => SeedRequest | undefined,
  report: (result: SeedResult) => void,
  timeoutMs: number,
): Promise<void> {
  let worker = new Worker(file);
  for (let request = next(); request !== undefined; request = next()) {
    const result = await runOn(worker, request, timeoutMs);
    if (result.ended) worker = new Worker(file);
    report(result.result);
  }
  await worker.terminate();
}

function runOn(worker: Worker, request: SeedRequest, timeoutMs: number): Promise<{ result: SeedResult; ended: boolean }> {
  return new Promise(resolve => {
    const settle = (result: SeedResult, ended: boolean) => {
      clearTimeout(timer);
      worker.off('message', onMessage);
      worker.off('error', onError);
      if (ended) void worker.terminate();
      resolve({ result, ended });
    };
    const broken = (what: string): SeedResult => ({ seed: request.seed, mode: request.mode, violations: [what], history: [], setting: '' });
    const onMessage = (result: SeedResult) => settle(result, false);
    const onError = (error: unknown) => settle(broken(`broken: ${error instanceof Error ? error.stack : String(error)}`), true);
    const timer = setTimeout(() => settle(broken(`endless: took longer than ${timeoutMs} ms`), true), timeoutMs);
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.postMessage(request);
  });
}
