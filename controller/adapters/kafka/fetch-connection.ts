import type Broker from 'kafkajs/src/broker/index.js';
import { type Brokers, versionMax } from './brokers.ts';
import type { Fetch } from './fetch-lanes.ts';
import { type FetchBounds, type FetchedPart, type FetchPart, fetchCall, fetchKey } from './fetch-request.ts';

export interface FetchConnection {
  readonly fetch: Fetch;
  close(): Promise<void>;
}

/** Over the wait; then the connection is cut and the leader looked up again. */
const answerMs = 2_000;
const responseBytesMax = 16 * 2 ** 20;

/** Fetches over connections that carry nothing else. */
export function fetchConnection(brokers: Brokers): FetchConnection {
  return {
    fetch: (node, parts, waitMs) =>
      brokers.ask(node, waitMs + answerMs, broker => fetchOver(broker, parts, { waitMs, bytesMax: responseBytesMax })),
    close: () => brokers.close(),
  };
}

export function fetchOver(broker: Broker, parts: readonly FetchPart[], bounds: FetchBounds): Promise<FetchedPart[]> {
  return broker.connectionPool.send(fetchCall(parts, bounds, versionMax(broker, fetchKey)));
}
