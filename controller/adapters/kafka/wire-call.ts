import type { Call } from 'kafkajs/src/network/connectionPool.js';
import Encoder from 'kafkajs/src/protocol/encoder.js';

/** A request that we write and an answer that we read ourselves; kafkajs carries both. */
export function wireCall<Answer extends object>(
  api: { readonly apiName: string; readonly apiKey: number; readonly apiVersion: number },
  body: Buffer,
  decode: (payload: Buffer) => Answer | Promise<Answer>,
): Call<Answer> {
  return {
    request: { ...api, encode: async () => encoderOf(body) },
    response: { decode: async payload => decode(payload), parse: async decoded => decoded as Answer },
    logResponseError: false,
  };
}

/** It may be asked for again: what is sent is a copy. */
function encoderOf(body: Buffer): Encoder {
  const encoder = new Encoder(0);
  encoder.buf = body;
  encoder.offset = body.length;
  return encoder;
}
