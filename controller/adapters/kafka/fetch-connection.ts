import type Broker from 'kafkajs/src/broker/index.js';
import type { Brokers } from './brokers.ts';
import type { Fetch } from './fetch-lanes.ts';
import { type FetchedPart, type FetchOptions, type FetchPart, fetchCall } from './fetch-request.ts';

export interface FetchConnection {
  readonly fetch: Fetch;
  close(): Promise<void>;
}

/** Over the wait; then the connection is cut and the leader looked up again. */
const answerMs = 2_000;
const responseBytesMax = 16 * 2 ** 20;
const fetchKey = 1;

/** Fetches over connections that carry nothing else. */
export function fetchConnection(brokers: Brokers): FetchConnection {
  return {
    fetch: (node, parts, waitMs) =>
      brokers.ask(node, waitMs + answerMs, broker => fetchOver(broker, parts, { waitMs, bytesMax: responseBytesMax })),
    close: () => brokers.close(),
  };
}

export function fetchOver(broker: Broker, parts: readonly FetchPart[], options: FetchOptions): Promise<FetchedPart[]> {
  return broker.connectionPool.send(fetchCall(parts, options, broker.versions?.[fetchKey]?.maxVersion ?? 0));
}
