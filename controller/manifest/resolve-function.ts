import type { Cursor } from './cursor.ts';
import { most } from './most.ts';
import { resolveInside } from './resolve-file.ts';
import { resolveCallees, resolveStreamRefs } from './resolve-references.ts';
import { resolveScale } from './resolve-scale.ts';
import { resolveTriggers } from './resolve-triggers.ts';
import type { Neighbours, Resolving } from './resolving.ts';
import type { FunctionSpec, LimitsSpec, RetrySpec, TriggerSpec } from './spec.ts';
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
    calls: resolveCallees(at.at('calls'), neighbours),
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
  const written = parseDurationRange(backoff.text() ?? '');
  if (backoff.isThere && (written === undefined || written.max > backoffMsMax)) {
    backoff.problem('FAAS_MANIFEST_OUT_OF_BOUNDS', `"${backoff.text()}" is out of bounds, expected at most 24h`);
  } else if (written !== undefined && written.min > written.max) {
    backoff.problem('FAAS_MANIFEST_OUT_OF_BOUNDS', `"${backoff.text()}" ends before it starts, expected the smaller one first`);
  }
  const backoffMs = written ?? { min: 200, max: 30_000 };
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
    timeoutMs: at.at('timeout').amount(parseDuration, 30_000, '1ms', most['limits.timeout']),
    lifespanMs: at.at('lifespan').amount(parseDuration, 600_000, '1s', '30d'),
    memoryBytes: at.at('memory').amount(parseSize, 268_435_456, '32Mi', most['limits.memory']),
    cpuMillis: cpuMillis ?? 500,
    concurrency: at.at('concurrency').whole() ?? 16,
  };
}

function resolveWarm(at: Cursor): FunctionSpec['warm'] {
  const keep = at.at('keep');
  return {
    keepMs:
      keep.text() === 'auto' ? 'auto' : keep.text() === 'never' ? 0 : keep.isThere ? keep.amount(parseDuration, 0, '0ms', '30d') : 'auto',
    min: at.at('min').whole() ?? 0,
  };
}
