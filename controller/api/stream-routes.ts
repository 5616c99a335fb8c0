import { FaasError } from '../errors.ts';
import { didYouMean } from '../manifest/nearest.ts';
import type { JsonSchema, StreamSpec } from '../manifest/spec.ts';
import { childTraceparent } from '../telemetry/trace.ts';
import type { ApiPorts } from './api-ports.ts';
import { EmitAnswer, EmitRequest, StreamParams, StreamsAnswer } from './contract.ts';
import { eventRecord, type GivenEvent } from './event-record.ts';
import { findContext } from './find-unit.ts';
import { boundsOf } from './function-backlog.ts';
import { type ProblemEntry, ProblemError } from './problem.ts';
import { defineRoute, type Route } from './route.ts';
import { StreamChecks } from './stream-checks.ts';

const tag = 'streams';
/** A thousand events of a usual size; more of them are more requests. */
export const eventsBytesMax = 16 * 2 ** 20;
/** Faults named in one answer. */
const faultsMax = 20;

/** Appends to a stream of a context, all events or none. `traceparent`: of who sends them. */
export type AppendEvents = (
  at: StreamParams,
  events: readonly GivenEvent[],
  traceparent: string | readonly string[] | undefined,
) => Promise<EmitAnswer>;

export function createAppend(ports: ApiPorts): AppendEvents {
  const checks = new StreamChecks();
  return async (at, events, traceparent) => {
    const stream = await findStream(ports, at.context, at.stream);
    if (stream.schema !== undefined) refuseFaulty(checks, stream.schema, events);
    return append(ports, at.context, stream, events, typeof traceparent === 'string' ? traceparent : undefined);
  };
}

/** The streams that contexts declare, and a way to append to them. */
export function streamRoutes(ports: ApiPorts): readonly Route[] {
  const appendEvents = createAppend(ports);
  const list = defineRoute({
    method: 'GET',
    path: 'streams',
    tag,
    summary: 'All declared streams',
    answer: StreamsAnswer,
    handle: async () => {
      const contexts = await ports.registry.contexts();
      const declared = contexts.flatMap(({ spec }) => spec.streams.map(stream => ({ context: spec.context, stream })));
      return { streams: await Promise.all(declared.map(({ context, stream }) => streamAnswer(ports, context, stream))) };
    },
  });
  const emit = defineRoute({
    method: 'POST',
    path: 'events',
    tag,
    summary: 'Appends events to a stream',
    params: StreamParams,
    body: EmitRequest,
    bodyBytesMax: eventsBytesMax,
    answer: EmitAnswer,
    handle: ({ params, body, headers }) => appendEvents(params, body.events, headers.traceparent),
  });
  return [list, emit];
}

async function streamAnswer(ports: ApiPorts, context: string, stream: StreamSpec): Promise<StreamsAnswer['streams'][number]> {
  const { name, topic, internal, schema } = stream;
  const bounds = await boundsOf(ports, topic);
  const known = bounds.length > 0 && {
    partitions: bounds.length,
    retainedEvents: bounds.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0),
  };
  return { context, name, topic, internal, schema: schema !== undefined, ...known };
}

async function findStream({ registry }: ApiPorts, context: string, name: string): Promise<StreamSpec> {
  const { spec } = await findContext(registry, context);
  const found = spec.streams.find(stream => stream.name === name);
  if (found !== undefined) return found;
  const names = spec.streams.map(stream => stream.name);
  const hint = didYouMean(name, names) ?? (names.length === 0 ? `${context} declares no streams.` : `${context} has: ${names.join(', ')}.`);
  throw new FaasError('FAAS_STREAM_UNKNOWN', `${context} has no stream ${name}`, hint);
}

function refuseFaulty(checks: StreamChecks, schema: JsonSchema, events: readonly GivenEvent[]): void {
  const problems: ProblemEntry[] = [];
  for (const [index, event] of events.entries()) {
    const fault = checks.faultOf(schema, event.data);
    if (fault !== undefined) problems.push({ at: `/events/${index}/data${fault.path}`, message: fault.message });
    if (problems.length === faultsMax) break;
  }
  const [first] = problems;
  if (first === undefined) return;
  throw new ProblemError(
    'FAAS_EVENT_SCHEMA',
    `${first.at} ${first.message}`,
    "Nothing was appended. The stream's schema is in its manifest.",
    { problems },
  );
}

async function append(
  ports: ApiPorts,
  context: string,
  stream: StreamSpec,
  events: readonly GivenEvent[],
  parent: string | undefined,
): Promise<EmitAnswer> {
  const { streams, clock, random } = ports;
  const topic = await streams.describeTopic(stream.topic);
  if (topic === undefined)
    throw new FaasError('FAAS_STREAM_UNKNOWN_TOPIC', `there is no topic ${stream.topic}`, `Deploy ${context} again.`);
  const common = { type: `${context}.${stream.name}`, time: new Date(clock.now()).toISOString(), partitions: topic.partitions };
  const ids = events.map(event => event.id ?? random.uuid());
  const records = events.map((event, index) =>
    eventRecord(event, { ...common, id: ids[index] ?? '', traceparent: childTraceparent(parent, random) }),
  );
  const offsets = await streams.append(stream.topic, records);
  return {
    topic: stream.topic,
    events: records.map(({ partition }, index) => ({ id: ids[index] ?? '', partition, offset: offsets[index] ?? 0 })),
  };
}
