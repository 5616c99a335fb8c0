import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { RedisServer } from '../../services/redis.ts';

const everyMs = 50;
/** With `everysec` an fsync begins at least once in this time; what was written before the last one but this is on disk. */
const syncMs = 1_000;

/** The append-only file of a Redis: how long it was at which time. */
export class AppendOnlyFile {
  readonly #path: string;
  readonly #synced: boolean;
  readonly #sizes: { readonly atMs: number; readonly bytes: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  private constructor(path: string, isSyncedAlways: boolean) {
    this.#path = path;
    this.#synced = isSyncedAlways;
    this.#timer = setInterval(() => void this.#look(), everyMs);
  }

  static async watch(redis: RedisServer): Promise<AppendOnlyFile> {
    const folder = join(redis.folder, 'appendonlydir');
    const name = (await readdir(folder)).find(file => file.endsWith('.incr.aof'));
    if (name === undefined) throw new Error('there is no append-only file');
    const [, policy] = await redis.admin.config('GET', 'appendfsync').then(answer => (Array.isArray(answer) ? answer.map(String) : []));
    return new AppendOnlyFile(join(folder, name), policy === 'always');
  }

  /** What a crash of the machine leaves; to be called when the server has been killed. */
  async cutToSynced(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#synced) return;
    const latestMs = performance.now() - syncMs;
    const size = this.#sizes.findLast(({ atMs }) => atMs < latestMs);
    if (size === undefined) throw new Error('nobody looked long enough');
    await truncate(this.#path, size.bytes);
  }

  async #look(): Promise<void> {
    const { size } = await stat(this.#path);
    this.#sizes.push({ atMs: performance.now(), bytes: size });
  }
}
