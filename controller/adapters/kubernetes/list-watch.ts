import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import type { ObjectChange } from '../../ports/objects.ts';
import type { Random } from '../../random.ts';
import type { Log } from '../../telemetry/log.ts';
import { expectOk, type KubernetesApi, readBody, refusalOf } from './kubernetes-api.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { readPage } from './list-page.ts';
import { type WatchFrame, WatchFrames } from './watch-frames.ts';
import { WatchedObjects } from './watched-objects.ts';

export interface ListWatchOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Of the collection: `/api/v1/namespaces/default/pods`. */
  readonly path: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** What is kept and told of an object; all of it where nothing is given. */
  keep?(object: KubernetesObject): KubernetesObject;
  /** Awaited: while it works nothing more is read, so a slow follower slows the watch and not the memory. After a throw the same changes come again, with later ones. */
  onChanges(changes: readonly ObjectChange[]): Promise<void> | void;
  /** Each time all that is there has been told: once after the first list, and after each later one. */
  onSynced?(objects: readonly KubernetesObject[]): Promise<void> | void;
  /** Why nothing can be seen; undefined: it can. */
  onTrouble?(trouble: unknown): void;
}

/**
 * The API server ends a watch after this time, and sends a bookmark two seconds before: one that is well is never silent for longer than that. Short, because nothing
 * else tells of a connection that died without a word; and each bookmark keeps the version young that the next watch begins with.
 */
const watchSeconds = 8;
const silentMs = 8_500;
/** What a watch may have lost without our knowing is found by a list at this interval. */
const relistMs = 30 * 60_000;
const pageSize = 500;
/** A refusal is a few hundred bytes. */
const refusalBytesMax = 64 << 10;
const waitMs = { first: 200, most: 4_000 } as const;
/** A watch that lived this long was well: the next wait is the first one again. */
const wellAfterMs = 5_000;

/**
 * Follows a collection until the signal aborts: list, watch from there, watch again from the last version when it breaks, list again when that is gone. Never
 * gives up; the log says what it waits for.
 */
export async function listWatch(options: ListWatchOptions, signal: AbortSignal): Promise<void> {
  const { clock } = options;
  const told = new ToldObjects(options);
  let failures = 0;
  let listedAtMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    const startedAtMs = clock.steady();
    let trouble: unknown;
    try {
      await told.tell([]);
      if (told.objects.resourceVersion === undefined || startedAtMs - listedAtMs > relistMs) {
        await listAll(options, told, signal);
        listedAtMs = clock.steady();
      }
      await watchOnce(options, told, signal);
    } catch (error) {
      trouble = error;
    }
    if (signal.aborted) return;
    const wasWell = clock.steady() - startedAtMs > wellAfterMs;
    if (wasWell && trouble === undefined) failures = 0;
    else failures = await waitAgain(options, wasWell ? 1 : failures + 1, trouble, signal);
  }
}

/** A watch that ends at once, whoever ends it, is not begun again at once. Answers how often in a row that was. */
async function waitAgain(options: ListWatchOptions, failures: number, trouble: unknown, signal: AbortSignal): Promise<number> {
  const { clock, log, path, random } = options;
  if (trouble !== undefined) {
    const hint = trouble instanceof FaasError ? trouble.hint : undefined;
    log.warn('kubernetes watch broke', { path, error: String(trouble), ...(hint !== undefined && { hint }), failures });
    options.onTrouble?.(trouble);
  }
  await clock.sleep(waitAfter(failures, random.fraction()), signal);
  return failures;
}

/** What is known, and those changes of it that the follower has not taken yet. */
class ToldObjects {
  readonly objects = new WatchedObjects();
  readonly #options: ListWatchOptions;
  #untold: ObjectChange[] = [];

  constructor(options: ListWatchOptions) {
    this.#options = options;
  }

  async tell(changes: readonly ObjectChange[]): Promise<void> {
    for (const change of changes) this.#untold.push(change);
    if (this.#untold.length === 0) return;
    await this.#options.onChanges(this.#untold);
    this.#untold = [];
  }
}

/** Doubles up to four seconds, so that a cluster that is back is seen within ten; the lower half is by chance, so that a thousand watches do not return together. */
function waitAfter(failures: number, chance: number): number {
  const wait = Math.min(waitMs.most, waitMs.first * 2 ** (failures - 1));
  return wait / 2 + (wait / 2) * chance;
}

async function listAll(options: ListWatchOptions, told: ToldObjects, signal: AbortSignal): Promise<void> {
  const items: KubernetesObject[] = [];
  let version = '';
  let next: string | undefined;
  do {
    const query = queryOf(options, { limit: `${pageSize}`, ...(next === undefined ? {} : { continue: next }) });
    const answer = await options.api.send({ method: 'GET', path: `${options.path}?${query}`, signal });
    const page = readPage(expectOk(answer, `list of ${options.path}`, { verb: 'list', path: options.path }));
    for (const item of page.items) items.push(options.keep?.(item) ?? item);
    version = page.resourceVersion;
    next = page.next;
  } while (next !== undefined);
  await told.tell(told.objects.listed(items, version));
  await options.onSynced?.(told.objects.objects);
}

/** Ends when the server ends the watch, or what we have is too old for it: by status 410 or by a frame that says so. */
async function watchOnce(options: ListWatchOptions, told: ToldObjects, signal: AbortSignal): Promise<void> {
  const from = told.objects.resourceVersion ?? '';
  const query = queryOf(options, { watch: '1', allowWatchBookmarks: 'true', resourceVersion: from, timeoutSeconds: `${watchSeconds}` });
  const { status, pieces } = await options.api.follow(`${options.path}?${query}`, silentMs, signal);
  if (status === 410) {
    told.objects.framed({ kind: 'gone' });
    return;
  }
  if (status !== 200) throw await refused(options.path, status, pieces);
  options.onTrouble?.(undefined);
  const frames = new WatchFrames();
  for await (const piece of pieces) {
    for (const frame of frames.take(piece)) {
      await told.tell(told.objects.framed(keptOf(frame, options)));
      if (frame.kind === 'gone') return;
      if (frame.kind === 'refused') throw new Error(`the watch was ended: ${frame.message}`);
    }
  }
}

function keptOf(frame: WatchFrame, { keep }: ListWatchOptions): WatchFrame {
  return keep !== undefined && 'object' in frame ? { ...frame, object: keep(frame.object) } : frame;
}

/** With what the API server says of it, as far as that can be read. */
async function refused(path: string, status: number, pieces: AsyncIterable<Buffer>): Promise<FaasError> {
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    kept.push(piece);
    bytes += piece.length;
    if (bytes > refusalBytesMax) break;
  }
  return refusalOf({ status, body: readBody(Buffer.concat(kept).toString('utf8')) }, `watch of ${path}`, { verb: 'watch', path });
}

function queryOf({ labelSelector, fieldSelector }: ListWatchOptions, more: Readonly<Record<string, string>>): string {
  return new URLSearchParams({
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...more,
  }).toString();
}
