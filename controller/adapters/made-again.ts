import { FaasError } from '../errors.ts';

/** Throws FAAS_STREAM_MADE_AGAIN when both are known and differ (law T8). */
export function requireTopic(topic: string, wanted: string | undefined, found: string | undefined): void {
  if (wanted === undefined || found === undefined || wanted === found) return;
  throw new FaasError(
    'FAAS_STREAM_MADE_AGAIN',
    `the topic ${topic} was deleted and made again`,
    'The new one is read from its first record on.',
  );
}
