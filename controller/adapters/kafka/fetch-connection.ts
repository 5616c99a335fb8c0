import type { Brokers } from './brokers.ts';
import type { Fetch } from './fetch-lanes.ts';
import { fetchCall } from './fetch-request.ts';

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
    fetch: (node, parts, waitMs) => {
      const call = fetchCall(parts, { waitMs, bytesMax: responseBytesMax });
      return brokers.ask(node, waitMs + answerMs, broker => broker.connectionPool.send(call));
    },
    close: () => brokers.close(),
  };
}
