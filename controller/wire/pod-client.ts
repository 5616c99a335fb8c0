import type { Batch, BatchEnd, EventResult, LoadRequest, LoadResult, PodLog, PodStatus } from '../../runtime/protocol/messages.ts';
import type { PodInfo } from '../ports/pods.ts';

/** The dispatcher's side of the wire to pods (docs/wire.md). An expected outcome is an answer; it throws only for our own mistakes. */
export interface PodClient {
  status(pod: PodInfo): Promise<PodStatus | undefined>;
  load(pod: PodInfo, request: LoadRequest, timeoutMs: number): Promise<LoadResult>;
  /** Calls back once per event as it finishes; resolves when the pod has nothing more to say about the batch. */
  run(pod: PodInfo, batch: Batch, on: BatchListener): Promise<BatchEnd>;
  close(): Promise<void>;
}

export interface BatchListener {
  result(result: EventResult): void;
  log(log: PodLog): void;
}
