import { assertNever } from '../../runtime/sdk/assert-never.ts';
import type { Cursor } from './cursor.ts';
import { parseInstant } from './instant.ts';
import { resolveStreamRefs } from './resolve-references.ts';
import { resolveResource } from './resolve-resource.ts';
import { resolveSchedule } from './resolve-schedule.ts';
import { resolveWebhook } from './resolve-webhook.ts';
import type { Neighbours, Resolving } from './resolving.ts';
import type { FilterSpec, LagTrigger, StreamTrigger, TriggerSpec } from './spec.ts';
import { parseDuration } from './units.ts';

const kinds = ['stream', 'webhook', 'schedule', 'resource', 'lag'] as const;

export function resolveTriggers(functionName: string, at: Cursor, neighbours: Neighbours, resolving: Resolving): readonly TriggerSpec[] {
  const triggers: TriggerSpec[] = [];
  const schedules = new Set<string>();
  const resources = new Set<string>();
  const read = new Set<string>();
  for (const item of at.items()) {
    const kind = kinds.find(kind => item.at(kind).isThere);
    if (kind === undefined) continue;
    const inner = item.at(kind);
    switch (kind) {
      case 'stream':
        triggers.push(resolveStreamTrigger(inner, neighbours, read));
        break;
      case 'webhook':
        triggers.push(resolveWebhook(functionName, inner, neighbours, resolving));
        break;
      case 'schedule':
        triggers.push(resolveSchedule(inner, schedules, resolving));
        break;
      case 'resource':
        triggers.push(resolveResource(inner, resources));
        break;
      case 'lag':
        triggers.push(resolveLag(inner));
        break;
      default:
        assertNever(kind);
    }
  }
  return triggers;
}

/** `read`: streams that the function reads already. Its group reads a topic once, so an order and a filter hold for all of it. */
function resolveStreamTrigger(at: Cursor, neighbours: Neighbours, read: Set<string>): StreamTrigger {
  const streams = resolveStreamRefs(at.at('streams'), neighbours);
  for (const ref of streams) {
    const id = `${ref.context}.${ref.stream}`;
    if (read.has(id))
      at.at('streams').problem(
        'FAAS_MANIFEST_DUPLICATE',
        `the stream "${ref.name}" is read by another trigger of this function`,
        'Read it in one of them.',
      );
    read.add(id);
  }
  const batch = at.at('batch');
  return {
    kind: 'stream',
    streams,
    from: resolveFrom(at.at('from')),
    order: at.at('order').choice(['partition', 'key', 'none'], 'key'),
    batch: { size: batch.at('size').whole() ?? 100, windowMs: batch.at('window').amount(parseDuration, 0, '0ms', '5m') },
    filter: resolveFilter(at.at('filter')),
  };
}

function resolveFrom(at: Cursor): StreamTrigger['from'] {
  const text = at.text();
  if (text === undefined || text === 'latest') return 'latest';
  if (text === 'earliest') return 'earliest';
  const timeMs = parseInstant(text);
  if (timeMs === undefined && /^[0-9]{4}-/.test(text)) {
    at.problem('FAAS_MANIFEST_BAD_VALUE', `"${text}" is not a time with its zone`, 'Write it as 2026-01-31T06:00:00Z.');
  }
  return { timeMs: timeMs ?? 0 };
}

function resolveFilter(at: Cursor): FilterSpec | undefined {
  if (!at.isThere) return undefined;
  const data: Record<string, string | number | boolean | null> = {};
  for (const [pointer, { value }] of at.at('data').entries()) {
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') data[pointer] = value;
  }
  const headers = at
    .at('headers')
    .entries()
    .map(([name, value]) => [name.toLowerCase(), value.text() ?? ''] as const);
  return { key: at.at('key').text(), headers: Object.fromEntries(headers), data };
}

function resolveLag(at: Cursor): LagTrigger {
  const above = resolveBound(at.at('above'));
  const written = at.at('below');
  const below = written.isThere ? resolveBound(written) : half(above);
  const [upper, lower] =
    'events' in above && 'events' in below
      ? [above.events, below.events]
      : 'ageMs' in above && 'ageMs' in below
        ? [above.ageMs, below.ageMs]
        : [];
  if (upper === undefined || lower === undefined)
    written.problem('FAAS_MANIFEST_CONFLICT', '"above" and "below" are of different kinds', 'Give both in events, or both as an age.');
  else if (lower > upper) written.problem('FAAS_MANIFEST_OUT_OF_BOUNDS', '"below" is larger than "above"', 'Lower it.');
  return {
    kind: 'lag',
    group: at.at('group').text() ?? '',
    topics: at
      .at('topics')
      .items()
      .flatMap(item => item.text() ?? []),
    above,
    below,
    everyMs: at.at('every').amount(parseDuration, 10_000, '1s', '1d'),
  };
}

type Bound = LagTrigger['above'];

function resolveBound(at: Cursor): Bound {
  return at.text() === undefined ? { events: at.whole() ?? 0 } : { ageMs: at.amount(parseDuration, 0, '0ms', '365d') };
}

function half(bound: Bound): Bound {
  return 'events' in bound ? { events: Math.floor(bound.events / 2) } : { ageMs: Math.floor(bound.ageMs / 2) };
}
