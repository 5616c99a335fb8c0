import { isRecord, type KubernetesObject, readObject } from './kubernetes-object.ts';

/** One line of a watch. `gone`: what we have seen is too old to go on from. `refused`: the server ends the watch for another reason. */
export type WatchFrame =
  | { readonly kind: 'added' | 'modified' | 'deleted'; readonly object: KubernetesObject }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly code: number | undefined; readonly message: string };

/** A line is an object of the cluster, which etcd holds below 1.5 MiB by default; four times that is a stream that is not a watch. */
export const frameBytesMax = 6 << 20;

/** Lines out of pieces that the network cut anywhere, in the midst of a character as well. */
export class WatchFrames {
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** Frames that are whole now. Throws when a line is no frame or longer than {@link frameBytesMax}. */
  take(piece: Buffer): readonly WatchFrame[] {
    const frames: WatchFrame[] = [];
    let from = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
      const last = piece.subarray(from, end);
      const line = (this.#pieces.length === 0 ? last : Buffer.concat([...this.#pieces, last])).toString('utf8');
      this.#pieces = [];
      this.#bytes = 0;
      from = end + 1;
      if (line.trim() !== '') frames.push(readFrame(line));
    }
    if (from < piece.length) this.#keep(piece.subarray(from));
    return frames;
  }

  #keep(rest: Buffer): void {
    this.#bytes += rest.length;
    if (this.#bytes > frameBytesMax) throw new Error(`a line of a watch is longer than ${frameBytesMax} bytes`);
    this.#pieces.push(Buffer.from(rest));
  }
}

const changes = { ADDED: 'added', MODIFIED: 'modified', DELETED: 'deleted' } as const;

function readFrame(line: string): WatchFrame {
  const frame: unknown = JSON.parse(line);
  if (!isRecord(frame)) throw new Error('a line of a watch is not an object');
  if (frame.type === 'ERROR') return readStatus(frame.object);
  if (frame.type === 'BOOKMARK') return { kind: 'bookmark', resourceVersion: bookmarkOf(frame.object) };
  const kind = Object.entries(changes).find(([type]) => type === frame.type)?.[1];
  const object = readObject(frame.object);
  if (kind === undefined || object === undefined) throw new Error(`a line of a watch is of an unknown type: ${String(frame.type)}`);
  return { kind, object };
}

function bookmarkOf(object: unknown): string {
  const version = isRecord(object) && isRecord(object.metadata) ? object.metadata.resourceVersion : undefined;
  if (typeof version !== 'string') throw new Error('a bookmark of a watch has no resource version');
  return version;
}

function readStatus(status: unknown): WatchFrame {
  const { code, message } = isRecord(status) ? status : {};
  if (code === 410) return { kind: 'gone' };
  return { kind: 'refused', code: typeof code === 'number' ? code : undefined, message: String(message ?? 'no reason given') };
}
