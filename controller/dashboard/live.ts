import { batch, type Signal, signal } from '@preact/signals';
import type { HistoryItem } from '../api/contract.ts';
import type { LiveFunction, LiveHistory, LivePartition, LiveSnapshot } from '../api/live-schema.ts';
import { pathTo } from '../api/paths.ts';
import { ApiFailure, readSession } from './api.ts';
import { nowMs } from './browser.ts';
import { byTrouble } from './trouble.ts';

/** `lost` and `silent` keep what was shown: old figures with their age are worth more than none. */
export type Connection =
  | { readonly kind: 'connecting' | 'live' | 'signed-out' }
  | { readonly kind: 'lost' | 'silent'; readonly sinceMs: number; readonly why: string };

export const connection = signal<Connection>({ kind: 'connecting' });
/** Units, trouble first; undefined: nothing has come yet. */
export const units = signal<readonly string[] | undefined>(undefined);
export const topicRates = signal<Readonly<Record<string, number>>>({});
export const partitions = signal<readonly LivePartition[] | undefined>(undefined);
/** When the figures on the page were taken, by the server's clock. */
export const figuresAtMs = signal(0);

const functions = new Map<string, Signal<LiveFunction | undefined>>();
const texts = new Map<string, string>();
const sparks = new Map<string, Signal<readonly (number | null)[]>>();
const listeners = new Set<(kind: EntryKind, entry: HistoryItem) => void>();

const sparkPoints = 60;
/** A snapshot comes each second; after so long without one the figures are old. */
const silentMs = 5_000;
const retryMs = [500, 1_000, 2_000, 4_000, 8_000] as const;

export type EntryKind = 'decision' | 'log' | 'webhook';
const entryKinds: readonly EntryKind[] = ['decision', 'log', 'webhook'];

/** Changes only when something of the function does: a row is drawn again for its own figures alone. */
export function liveFunction(unit: string): Signal<LiveFunction | undefined> {
  return signalOf(functions, unit, undefined);
}

/** Finished per second, a point each `history.stepMs`. */
export function spark(unit: string): Signal<readonly (number | null)[]> {
  return signalOf(sparks, unit, []);
}

export function onEntry(listener: (kind: EntryKind, entry: HistoryItem) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function signalOf<Value>(signals: Map<string, Signal<Value>>, name: string, first: Value): Signal<Value> {
  const known = signals.get(name);
  if (known !== undefined) return known;
  const made = signal(first);
  signals.set(name, made);
  return made;
}

export interface Wish {
  readonly unit?: string;
  readonly webhooks?: boolean;
}

let source: EventSource | undefined;
let retry: number | undefined;
let failures = 0;
let wish: Wish = {};
let sparkStepMs = 5_000;
let sparkAtMs = 0;
let heardAtMs = Date.now();

/** One stream per page: another view that wishes for something else opens it anew. */
export function watch(next: Wish): void {
  wish = next;
  partitions.value = undefined;
  open();
}

export function stop(): void {
  source?.close();
  clearTimeout(retry);
}

/** Called once a second: the time moves on, and a stream that says nothing is noticed. */
export function look(): void {
  nowMs.value = Date.now();
  if (connection.value.kind === 'live' && Date.now() - heardAtMs > silentMs) {
    connection.value = { kind: 'silent', sinceMs: heardAtMs, why: 'the server sends no figures at the moment' };
  }
}

export function retryNow(): void {
  failures = 0;
  open();
}

function open(): void {
  stop();
  const stream = new EventSource(pathTo('live', {}, { unit: wish.unit, webhooks: wish.webhooks }));
  source = stream;
  stream.addEventListener('history', event => takeHistory(JSON.parse(event.data)));
  stream.addEventListener('snapshot', event => takeSnapshot(JSON.parse(event.data)));
  for (const kind of entryKinds) {
    stream.addEventListener(kind, event => {
      for (const listener of listeners) listener(kind, JSON.parse(event.data));
    });
  }
  stream.onerror = () => {
    if (stream === source) void lost();
  };
}

/** A browser's own attempts to come back give up on an answer such as 401: ours find out why. */
async function lost(): Promise<void> {
  stop();
  const sinceMs = connection.value.kind === 'lost' ? connection.value.sinceMs : Date.now();
  connection.value = { kind: 'lost', sinceMs, why: 'the connection to the server is lost' };
  try {
    await readSession();
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 401) {
      connection.value = { kind: 'signed-out' };
      return;
    }
  }
  const waitMs = retryMs[Math.min(failures, retryMs.length - 1)] ?? 8_000;
  failures += 1;
  clearTimeout(retry);
  retry = setTimeout(open, waitMs);
}

function takeHistory(history: LiveHistory): void {
  sparkStepMs = history.stepMs;
  sparkAtMs = Date.now();
  batch(() => {
    for (const [unit, points] of Object.entries(history.finishedRate)) spark(unit).value = points;
  });
}

function takeSnapshot(snapshot: LiveSnapshot): void {
  heardAtMs = Date.now();
  failures = 0;
  batch(() => {
    connection.value = connection.value.kind === 'live' ? connection.value : { kind: 'live' };
    nowMs.value = Date.now();
    figuresAtMs.value = snapshot.atMs;
    for (const one of snapshot.functions) takeFunction(one);
    takeUnits(byTrouble(snapshot.functions).map(one => one.unit));
    topicRates.value = snapshot.topics;
    if (snapshot.partitions !== undefined) partitions.value = snapshot.partitions;
    if (heardAtMs - sparkAtMs >= sparkStepMs) growSparks(snapshot.functions);
  });
}

function takeFunction(one: LiveFunction): void {
  const text = JSON.stringify(one);
  if (texts.get(one.unit) === text) return;
  texts.set(one.unit, text);
  liveFunction(one.unit).value = one;
}

function takeUnits(next: readonly string[]): void {
  const before = units.value;
  if (before !== undefined && before.length === next.length && before.every((unit, index) => unit === next[index])) return;
  units.value = next;
  const live = new Set(next);
  for (const unit of texts.keys()) {
    if (live.has(unit)) continue;
    texts.delete(unit);
    liveFunction(unit).value = undefined;
  }
}

function growSparks(all: readonly LiveFunction[]): void {
  sparkAtMs = heardAtMs;
  for (const { unit, finishedRate } of all) {
    const points = spark(unit);
    points.value = [...points.value, finishedRate ?? null].slice(-sparkPoints);
  }
}
