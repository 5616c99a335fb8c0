import { stringify } from 'yaml';
import { assertNever } from '../../runtime/sdk/assert-never.ts';
import { printInstant } from './instant.ts';
import { printQualified } from './name.ts';
import { manifestVersion } from './source-schema.ts';
import type {
  ContextSpec,
  FunctionSpec,
  KeySource,
  LagTrigger,
  ScheduleTrigger,
  StreamSpec,
  StreamTrigger,
  TriggerSpec,
  VerifySpec,
  WebhookTrigger,
} from './spec.ts';
import { printCpu, printDuration, printDurationRange, printSize } from './units.ts';

/** The manifest of a spec with every default written out; parsing it gives the spec again. Schemas stand in place, comments are lost. */
export function printManifest(spec: ContextSpec): string {
  const source = {
    version: manifestVersion,
    context: spec.context,
    owner: spec.owner,
    streams: Object.fromEntries(spec.streams.map(stream => [stream.name, streamSource(stream)])),
    functions: Object.fromEntries(spec.functions.map(fn => [fn.name, functionSource(fn, spec.context)])),
  };
  const escaped: unknown = escapeReferences(source);
  return stringify(escaped, { lineWidth: 140, aliasDuplicateObjects: false });
}

/** Text that looks like `${NAME}` is text here. */
function escapeReferences(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${');
  if (Array.isArray(value)) return value.map(escapeReferences);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, escapeReferences(held)]));
}

function streamSource(stream: StreamSpec) {
  const { ageMs, bytes } = stream.retention ?? {};
  return {
    ...(stream.internal ? { internal: true } : { topic: stream.topic }),
    partitions: stream.partitions,
    schema: stream.schema,
    retention: stream.retention && {
      age: ageMs === undefined ? undefined : printDuration(ageMs),
      size: bytes === undefined ? undefined : printSize(bytes),
    },
  };
}

function functionSource(fn: FunctionSpec, context: string) {
  const { retry, limits, scale, warm } = fn;
  return {
    handler: fn.handler,
    on: fn.on.map(triggerSource),
    retry: {
      attempts: retry.attempts,
      backoff: printDurationRange(retry.backoffMs),
      maxCrashes: retry.maxCrashes,
      onExhausted: retry.onExhausted,
    },
    limits: {
      timeout: printDuration(limits.timeoutMs),
      lifespan: printDuration(limits.lifespanMs),
      memory: printSize(limits.memoryBytes),
      cpu: printCpu(limits.cpuMillis),
      concurrency: limits.concurrency,
    },
    scale: {
      min: scale.min,
      max: scale.max,
      maxAge: printDuration(scale.maxAgeMs),
      prefer: scale.prefer,
      weight: scale.weight,
      schedule: scale.schedule,
      lagThreshold: scale.lagThreshold,
    },
    warm: { keep: warm.keepMs === 'auto' ? 'auto' : printDuration(warm.keepMs), min: warm.min },
    emits: fn.emits.map(ref => ref.name),
    calls: fn.calls.map(unit => printUnit(unit, context)),
    env: fn.env,
    durability: fn.durability,
  };
}

function printUnit(unit: string, context: string): string {
  const [owner = '', name = ''] = unit.split('.');
  return printQualified({ context: owner, name }, context);
}

function triggerSource(trigger: TriggerSpec) {
  switch (trigger.kind) {
    case 'stream':
      return { stream: streamTriggerSource(trigger) };
    case 'webhook':
      return { webhook: webhookSource(trigger) };
    case 'schedule':
      return {
        schedule: {
          name: trigger.name,
          ...whenSource(trigger.when),
          timezone: trigger.timezone,
          missed: trigger.missed,
          overlap: trigger.overlap,
        },
      };
    case 'resource': {
      const { kind, resourceKind, fields, ...rest } = trigger;
      return { resource: { ...rest, ...(fields.length > 0 && { fields }), kind: resourceKind } };
    }
    case 'lag':
      return {
        lag: {
          group: trigger.group,
          topics: trigger.topics,
          above: boundSource(trigger.above),
          below: boundSource(trigger.below),
          every: printDuration(trigger.everyMs),
        },
      };
    default:
      return assertNever(trigger);
  }
}

function streamTriggerSource(trigger: StreamTrigger) {
  const { streams, from, order, batch, filter } = trigger;
  return {
    streams: streams.map(ref => ref.name),
    from: typeof from === 'string' ? from : printInstant(from.timeMs),
    order,
    batch: { size: batch.size, window: printDuration(batch.windowMs) },
    filter,
  };
}

function webhookSource(trigger: WebhookTrigger) {
  const { path, verify, secret, key, respond } = trigger;
  return { path, verify: verifySource(verify), secret, key: key && keySource(key), respond };
}

function verifySource(verify: VerifySpec) {
  if (verify.scheme !== 'hmac') return verify.scheme;
  const { scheme, ...rest } = verify;
  return { [scheme]: rest };
}

function keySource(key: KeySource): string {
  switch (key.from) {
    case 'header':
      return `header:${key.name}`;
    case 'path':
      return `path:${key.param}`;
    case 'json':
      return `json:${key.pointer}`;
    default:
      return assertNever(key);
  }
}

function whenSource(when: ScheduleTrigger['when']) {
  if ('cron' in when) return { cron: when.cron };
  return 'everyMs' in when ? { every: printDuration(when.everyMs) } : { at: printInstant(when.atMs) };
}

function boundSource(bound: LagTrigger['above']) {
  return 'events' in bound ? bound.events : printDuration(bound.ageMs);
}
