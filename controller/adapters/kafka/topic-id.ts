import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

const bytesOfId = 16;
const none = Buffer.alloc(bytesOfId);

/** As base64url; undefined: the broker has none for it. */
export function readTopicId(reader: ByteReader): string | undefined {
  const bytes = reader.slice(bytesOfId);
  return bytes.equals(none) ? undefined : bytes.toString('base64url');
}

export function writeTopicId(writer: ByteWriter, topicId: string): void {
  writer.bytes(Buffer.from(topicId, 'base64url'));
}
