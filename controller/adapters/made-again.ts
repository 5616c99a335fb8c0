import { FaasError } from '../errors.ts';
import { areOtherTopics } from '../ports/other-topic.ts';

/** FAAS_STREAM_MADE_AGAIN for a fetch of the topic `wanted` where `found` is there now (law T8); undefined: it may be the same. */
export function madeAgain(topic: string, wanted: string | undefined, found: string | undefined): FaasError | undefined {
  if (!areOtherTopics(wanted, found)) return undefined;
  return new FaasError(
    'FAAS_STREAM_MADE_AGAIN',
    `the topic ${topic} was deleted and made again`,
    'The new one is read from its first record on.',
  );
}
