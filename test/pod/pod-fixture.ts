import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createProcessPods } from '../../controller/adapters/process/process-pods.ts';
import { systemClock } from '../../controller/clock.ts';
import type { PodInfo, Pods } from '../../controller/ports/pods.ts';
import { systemRandom } from '../../controller/random.ts';
import { type Log, silentLog } from '../../controller/telemetry/log.ts';
import { createHttpPodClient } from '../../controller/wire/http-pod-client.ts';
import type { PodClient } from '../../controller/wire/pod-client.ts';
import type {
  Batch,
  BatchEnd,
  BatchEvent,
  EventResult,
  LoadRequest,
  LoadResult,
  Outcome,
  PodLog,
} from '../../runtime/protocol/messages.ts';

const utf8 = new TextEncoder();
export const bytes = (text: string): Uint8Array => utf8.encode(text);
export const text = (value: Uint8Array | null | undefined): string | null | undefined => (value ? new TextDecoder().decode(value) : value);

export function loadRequest(code: string, changes: Partial<LoadRequest> = {}): LoadRequest {
  const encoded = bytes(code);
  return {
    unit: 'shop.f',
    context: 'shop',
    functionName: 'f',
    revision: 'r1-00000000',
    bundleHash: createHash('sha256').update(encoded).digest('hex'),
    code: encoded,
    sourceMap: undefined,
    timeoutMs: 5_000,
    lifespanMs: 600_000,
    memoryBytes: 256 * 2 ** 20,
    concurrency: 1,
    emits: ['vips'],
    calls: ['shop.tax'],
    env: {},
    dataFilters: {},
    ...changes,
  };
}

export function batchEvent(index: number, data: unknown = index, changes: Partial<BatchEvent> = {}): BatchEvent {
  return {
    index,
    attempt: 1,
    trigger: 'stream',
    stream: 'orders',
    topic: 'orders',
    partition: 0,
    offset: 100 + index,
    appendedAtMs: 1_700_000_000_000,
    key: bytes(`key-${index}`),
    value: bytes(JSON.stringify(data)),
    headers: [],
    remainingMs: undefined,
    idempotencyKey: `orders/0/${100 + index}`,
    ...changes,
  };
}

let batches = 0;

export function batchOf(events: readonly BatchEvent[], changes: Partial<Batch> = {}): Batch {
  batches += 1;
  return { batchToken: `token-${batches}`, unit: 'shop.f', revision: 'r1-00000000', events, state: [], ...changes };
}

export interface RunResult {
  readonly end: BatchEnd;
  readonly results: readonly EventResult[];
  /** By index. */
  readonly outcomes: ReadonlyMap<number, Outcome>;
  readonly logs: readonly PodLog[];
}

export interface TestPod {
  readonly pods: Pods;
  readonly client: PodClient;
  readonly pod: PodInfo;
  load(code: string, changes?: Partial<LoadRequest>, timeoutMs?: number): Promise<LoadResult>;
  run(batch: Batch): Promise<RunResult>;
  close(): Promise<void>;
}

/** One pod of `pods`, with a client of its wire. */
export async function startPod(
  pods: Pods = processPods(),
  callbackUrl = 'http://127.0.0.1:9',
  memoryBytes = 256 * 2 ** 20,
): Promise<TestPod> {
  const client = createHttpPodClient({ clock: systemClock, log: silentLog });
  const pod = await pods.start({ memoryBytes, callbackUrl });
  return {
    pods,
    client,
    pod,
    load: (code, changes, timeoutMs = 5_000) => client.load(pod, loadRequest(code, changes), timeoutMs),
    run: batch => runOn(client, pod, batch),
    async close() {
      await client.close();
      await pods.close();
    },
  };
}

export async function runOn(client: PodClient, pod: PodInfo, batch: Batch): Promise<RunResult> {
  const results: EventResult[] = [];
  const logs: PodLog[] = [];
  const end = await client.run(pod, batch, { result: result => results.push(result), log: log => logs.push(log) });
  return { end, results, logs, outcomes: new Map(results.map(({ index, outcome }) => [index, outcome])) };
}

const folder = mkdtempSync(join(tmpdir(), 'faas-pods-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

export function processPods(log: Log = silentLog): Pods {
  return createProcessPods({ clock: systemClock, random: systemRandom, log, folder });
}
