import type { Batch, BatchEnd, EventResult, PodLog } from '../../runtime/protocol/messages.ts';
import type { PodView } from '../wire/pod-directory.ts';
import type { DispatcherOptions } from './dispatcher.ts';

export interface BatchRequest {
  readonly view: Pick<PodView, 'pod' | 'shared'>;
  readonly batch: Omit<Batch, 'batchToken'>;
  /** Units that its handlers may call. */
  readonly calls: ReadonlySet<string>;
  /** Nothing else may run beside it. */
  readonly alone: boolean;
  /** The pod is still loading the function. */
  readonly waits: boolean;
  /** What came in one turn, together. `alone`: nothing else has run on the pod so far, of a gateway either. */
  onResults(results: readonly EventResult[], alone: boolean): void;
  onLog(line: PodLog): void;
}

/** Runs a batch under a token of its own. `alone`: nothing else ran on the pod meanwhile, of a gateway either. */
export async function sendBatch(
  options: Pick<DispatcherOptions, 'client' | 'tokens' | 'random' | 'faults' | 'metrics'>,
  request: BatchRequest,
): Promise<{ readonly end: BatchEnd; readonly alone: boolean }> {
  const { client, tokens, random, faults, metrics } = options;
  const { view, batch, calls, alone, waits, onResults, onLog } = request;
  const { pod, shared } = view;
  const batchToken = random.token();
  tokens.grant(batchToken, { unit: batch.unit, podId: pod.id, calls, depth: 0 });
  let waiting: EventResult[] = [];
  const flush = () => {
    const results = waiting;
    waiting = [];
    if (results.length > 0) onResults(results, tokens.isAlone(batchToken));
  };
  const result = (one: EventResult) => {
    if (waiting.length === 0) queueMicrotask(flush);
    waiting.push(one);
  };
  try {
    metrics.observe('faas_batch_events', { unit: batch.unit }, batch.events.length);
    const how = shared === undefined ? undefined : { callbackUrl: shared.callbackUrl, exclusive: alone };
    // One that runs alone pays when its pod ends: so it is to be known whether it had begun.
    const sent = client.run(pod, { ...batch, batchToken, ...how, ...((waits || alone) && { waits: true }) }, { result, log: onLog });
    faults('dispatch.sent');
    const end = await sent;
    flush();
    return { end, alone: tokens.isAlone(batchToken) };
  } finally {
    tokens.revoke(batchToken);
  }
}
