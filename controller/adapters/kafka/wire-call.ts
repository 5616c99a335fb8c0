import type { Call } from 'kafkajs/src/network/connectionPool.js';
import Encoder from 'kafkajs/src/protocol/encoder.js';

/** A request that we write and an answer that we read ourselves; kafkajs carries both. */
export function wireCall<Answer extends object>(
  api: { readonly apiName: string; readonly apiKey: number; readonly apiVersion: number },
  body: Buffer,
  decode: (payload: Buffer) => Answer | Promise<Answer>,
): Call<Answer> {
  return {
    request: { ...api, encode: async () => new Encoder(body.length).writeBuffer(body) },
    response: { decode: async payload => decode(payload), parse: async decoded => decoded as Answer },
    logResponseError: false,
  };
}
