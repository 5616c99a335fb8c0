import { unitOf } from '../functions/live-function.ts';
import type { Cursor } from './cursor.ts';
import { qualify } from './name.ts';
import { didYouMean } from './nearest.ts';
import type { Neighbours, Resolving } from './resolve-context.ts';
import { resolveInside } from './resolve-file.ts';
import { resolveTriggers } from './resolve-triggers.ts';
import type { FunctionSpec, LimitsSpec, RetrySpec, ScaleSpec, StreamRef, TriggerSpec } from './spec.ts';
import { parseCpu, parseDuration, parseDurationRange, parseSize } from './units.ts';

export function resolveFunction(name: string, at: Cursor, neighbours: Neighbours, resolving: Resolving): FunctionSpec {
  const on = resolveTriggers(name, at.at('on'), neighbours, resolving);
  const retry = resolveRetry(at.at('retry'));
  checkParking(at, retry, on);
  return {
    name,
    handler: resolveHandler(at.at('handler'), resolving),
    on,
    retry,
    limits: resolveLimits(at.at('limits')),
    scale: resolveScale(at.at('scale')),
    warm: resolveWarm(at.at('warm')),
    emits: resolveStreamRefs(at.at('emits'), neighbours),
    calls: distinct(
      at.at('calls'),
      item => resolveCallee(item, neighbours),
      unit => unit,
    ),
    env: Object.fromEntries(
      at
        .at('env')
        .entries()
        .map(([key, value]) => [key, value.scalar() ?? '']),
    ),
    durability: at.at('durability').choice(['default', 'strict'], 'default'),
  };
}

function resolveHandler(at: Cursor, resolving: Resolving): string {
  const written = at.text();
  if (written === undefined) return '';
  const path = resolveInside(written);
  if (path === undefined) {
    at.problem(
      'FAAS_MANIFEST_HANDLER',
      `the handler "${written}" is outside the folder of the manifest`,
      'Name a file below it, such as src/handler.ts.',
    );
  } else if (!/\.(ts|mts|js|mjs)$/.test(path)) {
    at.problem('FAAS_MANIFEST_HANDLER', `the handler "${written}" is no .ts, .mts, .js or .mjs file`);
  } else if (!resolving.fileExists(path)) {
    at.problem(
      'FAAS_MANIFEST_HANDLER',
      `the handler file "${path}" does not exist`,
      `Create it, or correct the path: it is relative to ${resolving.file}.`,
    );
  }
  return path ?? written;
}

function resolveRetry(at: Cursor): RetrySpec {
  const backoff = at.at('backoff');
  const backoffMs = parseDurationRange(backoff.text() ?? '') ?? { min: 200, max: 30_000 };
  if (backoffMs.min > backoffMs.max)
    backoff.problem('FAAS_MANIFEST_OUT_OF_BOUNDS', `"${backoff.text()}" ends before it starts, expected the smaller one first`);
  else if (backoffMs.max > backoffMsMax)
    backoff.problem('FAAS_MANIFEST_OUT_OF_BOUNDS', `"${backoff.text()}" is out of bounds, expected at most 24h`);
  return {
    attempts: at.at('attempts').whole() ?? 5,
    backoffMs,
    maxCrashes: at.at('maxCrashes').whole() ?? 3,
    onExhausted: at.at('onExhausted').choice(['dlq', 'park', 'block'], 'dlq'),
  };
}

const backoffMsMax = 86_400_000;

/** A parked key holds back the later events of its own lane only, so there have to be lanes by key. */
function checkParking(at: Cursor, retry: RetrySpec, on: readonly TriggerSpec[]): void {
  const other = on.find(trigger => trigger.kind === 'stream' && trigger.order !== 'key');
  if (retry.onExhausted !== 'park' || other?.kind !== 'stream') return;
  at.at('retry')
    .at('onExhausted')
    .problem(
      'FAAS_MANIFEST_CONFLICT',
      `"park" holds back one key and needs "order: key", but a stream is read with "order: ${other.order}"`,
      'Use "order: key", or onExhausted dlq or block.',
    );
}

function resolveLimits(at: Cursor): LimitsSpec {
  const cpu = at.at('cpu');
  const cpuMillis = cpu.isThere ? parseCpu(cpu.scalar() ?? '') : 500;
  if (cpuMillis === undefined && typeof cpu.value === 'number' && cpu.value > 0 && cpu.value <= 999) {
    cpu.problem('FAAS_MANIFEST_BAD_VALUE', `${cpu.value} is finer than a thousandth of a core`, 'Write 500m or 0.5.');
  }
  return {
    timeoutMs: at.at('timeout').amount(parseDuration, 30_000, '1ms', '24h'),
    lifespanMs: at.at('lifespan').amount(parseDuration, 600_000, '1s', '30d'),
    memoryBytes: at.at('memory').amount(parseSize, 268_435_456, '32Mi', '64Gi'),
    cpuMillis: cpuMillis ?? 500,
    concurrency: at.at('concurrency').whole() ?? 16,
  };
}

function resolveScale(at: Cursor): ScaleSpec {
  const min = at.at('min').whole() ?? 0;
  const max = at.at('max').whole() ?? Math.max(10, min);
  if (min > max) at.at('min').problem('FAAS_MANIFEST_OUT_OF_BOUNDS', `min ${min} is above max ${max}`, 'Raise max, or lower min.');
  return { min, max, maxAgeMs: at.at('maxAge').amount(parseDuration, 30_000, '100ms', '30d'), lagThreshold: at.at('lagThreshold').whole() };
}

function resolveWarm(at: Cursor): FunctionSpec['warm'] {
  const keep = at.at('keep');
  return {
    keepMs: keep.text() === 'auto' ? 'auto' : keep.isThere ? keep.amount(parseDuration, 0, '0ms', '30d') : 'auto',
    min: at.at('min').whole() ?? 0,
  };
}

export function resolveStreamRefs(at: Cursor, neighbours: Neighbours): readonly StreamRef[] {
  return distinct(
    at,
    item => resolveStreamRef(item, neighbours),
    ref => `${ref.context}.${ref.stream}`,
  );
}

function distinct<T>(at: Cursor, resolve: (item: Cursor) => T | undefined, idOf: (value: T) => string): readonly T[] {
  const found = new Map<string, T>();
  for (const item of at.items()) {
    const value = resolve(item);
    if (value === undefined) continue;
    if (found.has(idOf(value))) item.problem('FAAS_MANIFEST_DUPLICATE', `"${item.text()}" is listed twice`, 'Remove one of them.');
    found.set(idOf(value), value);
  }
  return [...found.values()];
}

/** A stream of this context has to be declared; those of others are looked up at deploy. */
function resolveStreamRef(at: Cursor, neighbours: Neighbours): StreamRef | undefined {
  const found = qualify(at.text() ?? '', neighbours.context);
  if (found === undefined) return undefined;
  if (found.context === neighbours.context && !neighbours.streams.has(found.name)) {
    at.problem(
      'FAAS_MANIFEST_UNDECLARED',
      `the stream "${found.written}" is not declared under "streams"`,
      nearestOf(found.name, neighbours.streams),
    );
  }
  return { name: found.written, context: found.context, stream: found.name };
}

function resolveCallee(at: Cursor, neighbours: Neighbours): string | undefined {
  const found = qualify(at.text() ?? '', neighbours.context);
  if (found === undefined) return undefined;
  if (found.context === neighbours.context && !neighbours.functions.has(found.name)) {
    at.problem(
      'FAAS_MANIFEST_UNDECLARED',
      `the function "${found.written}" is not declared under "functions"`,
      nearestOf(found.name, neighbours.functions),
    );
  }
  return unitOf(found.context, found.name);
}

function nearestOf(name: string, known: ReadonlySet<string>): string {
  return didYouMean(name, known) ?? (known.size === 0 ? 'None is declared.' : `Declared: ${[...known].slice(0, 20).join(', ')}.`);
}
