import type { ClusterObject } from '../ports/objects.ts';
import type { Condition } from '../ports/registry.ts';
import { labelsOf } from '../ports/resources.ts';

/** What came of the generation of a resource that was dealt with last. */
export interface Verdict {
  readonly generation: number;
  /** Why it is not live; undefined: it is. */
  readonly problem: { readonly code: string; readonly message: string } | undefined;
}

/** A function as it is now; all of it but the revision may be a moment old. */
export interface FunctionFigures {
  readonly unit: string;
  readonly revision: string;
  readonly triggers: readonly string[];
  readonly pods: { readonly ready: number };
  readonly backlogEvents?: number | undefined;
  readonly oldestAgeMs?: number | undefined;
  readonly conditions: readonly Condition[];
}

export interface StatusFacts {
  readonly verdict: Verdict;
  /** Of the leader who writes. */
  readonly fencing: number;
  readonly nowMs: number;
}

type Json = Readonly<Record<string, unknown>>;

interface WrittenCondition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration: number;
}

const messageCharsMax = 4_000;

/** `Ready`: a revision is live. `Progressing`: this generation of the resource is the live one, or why not. Then all that is out of the ordinary. */
export function functionStatus(object: ClusterObject, figures: FunctionFigures | undefined, facts: StatusFacts): Json {
  const ready = readyOf(figures === undefined ? undefined : `${figures.revision} is live`, facts.verdict);
  const found = (figures?.conditions ?? []).map(({ type, status, reason, message, sinceMs }) => ({
    type,
    status,
    reason,
    message,
    sinceMs,
  }));
  return {
    ...common(object, [ready, progressingOf(facts.verdict), ...found], facts),
    replicas: figures?.pods.ready ?? 0,
    selector: Object.entries(labelsOf(object.metadata.name))
      .map(pair => pair.join('='))
      .join(','),
    ...(figures !== undefined && { revision: figures.revision, triggers: figures.triggers.join(', ') }),
    ...(figures?.backlogEvents !== undefined && { lag: figures.backlogEvents }),
    ageOfOldest: figures?.oldestAgeMs === undefined ? '-' : roughAge(figures.oldestAgeMs),
  };
}

/** `functions`: how many of the context are live; undefined: the context is not live. */
export function contextStatus(object: ClusterObject, functions: number | undefined, facts: StatusFacts): Json {
  const ready = readyOf(functions === undefined ? undefined : `${functions} functions are live`, facts.verdict);
  return { ...common(object, [ready, progressingOf(facts.verdict)], facts), functions: functions ?? 0 };
}

/** What a resource says of its last generation; undefined: nothing was written yet. */
export function verdictIn({ status }: ClusterObject): Verdict | undefined {
  const { observedGeneration, conditions } = asJson(status);
  if (typeof observedGeneration !== 'number') return undefined;
  const progressing = listOf(conditions).find(({ type }) => type === 'Progressing');
  if (progressing?.status !== 'False') return { generation: observedGeneration, problem: undefined };
  return { generation: observedGeneration, problem: { code: String(progressing.reason), message: String(progressing.message) } };
}

export function fencingIn({ status }: ClusterObject): number {
  const { fencing } = asJson(status);
  return typeof fencing === 'number' ? fencing : 0;
}

/** Figures move all the time, and each write goes to everybody who watches: they alone are written now and then, everything else at once. */
export function differs(object: ClusterObject, next: Json, withFigures: boolean): boolean {
  const before = asJson(object.status);
  const keys = new Set([...Object.keys(before), ...Object.keys(next)]);
  for (const key of keys) {
    if (!withFigures && (key === 'lag' || key === 'ageOfOldest')) continue;
    if (key !== 'fencing' && JSON.stringify(before[key]) !== JSON.stringify(next[key])) return true;
  }
  return false;
}

interface Found {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
  readonly sinceMs?: number;
}

function readyOf(live: string | undefined, { problem }: Verdict): Found {
  if (live !== undefined) return { type: 'Ready', status: true, reason: 'Live', message: live };
  return { type: 'Ready', status: false, reason: problem?.code ?? 'Pending', message: problem?.message ?? 'nothing is live yet' };
}

function progressingOf({ problem, generation }: Verdict): Found {
  if (problem === undefined)
    return { type: 'Progressing', status: true, reason: 'Deployed', message: `generation ${generation} is what is live` };
  return { type: 'Progressing', status: false, reason: problem.code, message: problem.message };
}

function common(object: ClusterObject, found: readonly Found[], { verdict, fencing, nowMs }: StatusFacts): Json {
  const before = new Map(listOf(asJson(object.status).conditions).map(one => [one.type, one]));
  const conditions = found.map(({ type, status, reason, message, sinceMs = nowMs }): WrittenCondition => {
    const old = before.get(type);
    const word = status ? 'True' : 'False';
    return {
      type,
      status: word,
      reason: reason === '' ? 'None' : reason,
      message: message.slice(0, messageCharsMax),
      lastTransitionTime: old?.status === word ? String(old.lastTransitionTime) : instant(sinceMs),
      observedGeneration: verdict.generation,
    };
  });
  return { observedGeneration: verdict.generation, fencing, conditions };
}

function instant(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** As kubectl shows ages: one unit, and the next larger one from two of it. */
function roughAge(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const [unit, size] = units.find(([, held]) => seconds >= 2 * held) ?? ['s', 1];
  return `${Math.floor(seconds / size)}${unit}`;
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(asJson) : [];
}

function asJson(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
