import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Ajv, type ValidateFunction } from 'ajv';
import type { PartitionReport, UnitReport } from '../dispatch/dispatcher.ts';
import { FaasError } from '../errors.ts';
import type { Hosting, MessageAnswer, PodsAnswer, PodsQuestion, PodsWish, ReportMessage } from './messages.ts';

/**
 * The JSON of `/internal/v1` between processes. What is unknown in a message is ignored, so that members may be added within a version; a new version is
 * needed where the other side would do something wrong without knowing them.
 */
export const clusterVersion = 1;
/** The header of a request with the version of its sender, and of a refusal with the one that would have been right. */
export const clusterVersionHeader = 'faas-cluster';

const count = Type.Integer({ minimum: 0 });
const number = Type.Number({ minimum: 0 });
const counts = Type.Record(Type.String(), count);

const pod = Type.Object({
  pod: Type.Object({
    id: Type.String(),
    bootId: Type.String(),
    address: Type.String({ pattern: '^https?://' }),
    token: Type.String(),
    startedAtMs: number,
    pid: Type.Optional(count),
  }),
  unit: Type.String(),
  revision: Type.String(),
  state: Type.Union([Type.Literal('ready'), Type.Literal('draining')]),
  handler: Type.Union([Type.Literal('event'), Type.Literal('batch')]),
  concurrency: count,
});

const exit = Type.Object({
  id: Type.String(),
  bootId: Type.String(),
  reason: Type.Union([
    Type.Literal('stopped'),
    Type.Literal('crashed'),
    Type.Literal('killed'),
    Type.Literal('memory'),
    Type.Literal('stuck'),
  ]),
  code: Type.Union([Type.Integer(), Type.Null()]),
  signal: Type.Union([Type.String(), Type.Null()]),
  unit: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
});

const failing = Type.Object({
  sinceMs: number,
  failed: count,
  of: count,
  probesFailed: count,
  last: Type.Optional(
    Type.Object({
      reason: Type.String(),
      error: Type.Object({ code: Type.String(), name: Type.String(), message: Type.String(), stack: Type.Optional(Type.String()) }),
    }),
  ),
  revision: Type.String(),
});

const unitReport = Type.Object({
  unit: Type.String(),
  waiting: count,
  inFlight: count,
  finishedTotal: number,
  failedTotal: number,
  deadLettersTotal: number,
  emitsTotal: number,
  busyMsTotal: number,
  isFull: Type.Boolean(),
  usablePods: count,
  inFlightByPod: counts,
  partitions: Type.Array(
    Type.Object({
      topic: Type.String(),
      partition: count,
      frontier: number,
      endOffset: Type.Optional(number),
      inFlight: count,
      nextOffset: number,
      openEvents: count,
      oldestAppendedAtMs: Type.Optional(Type.Number()),
    }),
  ),
  failing: Type.Optional(failing),
});

const hosting = Type.Object({ podsMax: count, revision: count, pods: Type.Array(pod), replicas: counts, exits: Type.Array(exit) });
const reported = {
  process: Type.String(),
  hosting: Type.Optional(hosting),
  units: Type.Array(unitReport),
  calls: Type.Array(Type.Object({ unit: Type.String(), open: count, takenTotal: number })),
};
const names = Type.Array(Type.String());
const report = Type.Object({ ...reported, sequence: Type.Optional(count) });
const difference = Type.Object({ ...reported, base: count, sequence: count, unitsGone: names, callsGone: names });

const term = { term: Type.String(), fencing: count };
const reportAnswer = Type.Object({ ...term, inFlightByPod: counts, holds: Type.Optional(count) });
const question = Type.Object({ process: Type.String(), term: Type.Optional(Type.String()), revision: count });
const podsAnswer = Type.Object({
  ...term,
  revision: count,
  isComplete: Type.Boolean(),
  hosts: Type.Record(Type.String(), Type.Array(pod)),
  exits: Type.Array(exit),
  shares: Type.Optional(counts),
  released: count,
});
const wish = Type.Object({
  unit: Type.String(),
  pods: count,
  reason: Type.Union([Type.Literal('first-event'), Type.Literal('waiting-events'), Type.Literal('direct-call')]),
});

/** A whole one is what releases sent that knew no differences; a leader that knows none never asks for one. */
export function encodeReport(message: ReportMessage): string {
  if (message.kind === 'whole') {
    const { sequence, report } = message;
    return JSON.stringify({ ...report, sequence, hosting: hostingText(report.hosting), units: report.units.map(unitText) });
  }
  const { kind, difference, ...rest } = message;
  return JSON.stringify({ ...rest, ...difference, hosting: hostingText(difference.hosting), units: difference.units.map(unitText) });
}

export function decodeReport(value: unknown): ReportMessage {
  if (typeof value === 'object' && value !== null && 'base' in value) {
    const { process, base, sequence, hosting, units, calls, unitsGone, callsGone } = checked(difference, 'report', value);
    const changes = { hosting: hosting && hostingOf(hosting), units: units.map(unitOf), unitsGone, calls, callsGone };
    return { kind: 'difference', process, base, sequence, difference: changes };
  }
  const { process, sequence, hosting, units, calls } = checked(report, 'report', value);
  return { kind: 'whole', sequence, report: { process, hosting: hosting && hostingOf(hosting), units: units.map(unitOf), calls } };
}

export function encodeReportAnswer(answer: MessageAnswer): string {
  return JSON.stringify({ ...answer, inFlightByPod: Object.fromEntries(answer.inFlightByPod) });
}

export function decodeReportAnswer(value: unknown): MessageAnswer {
  const { holds, ...answer } = checked(reportAnswer, 'answer to a report', value);
  return { ...answer, holds, inFlightByPod: new Map(Object.entries(answer.inFlightByPod)) };
}

export function encodeQuestion(asked: PodsQuestion): string {
  return JSON.stringify(asked);
}

export function decodeQuestion(value: unknown): PodsQuestion {
  const { term: known, ...rest } = checked(question, 'question for pods', value);
  return { ...rest, term: known };
}

export function encodePodsAnswer(answer: PodsAnswer): string {
  const { hosts, shares } = answer;
  return JSON.stringify({ ...answer, hosts: Object.fromEntries(hosts), shares: shares && Object.fromEntries(shares) });
}

export function decodePodsAnswer(value: unknown): PodsAnswer {
  const { hosts, exits, shares, ...rest } = checked(podsAnswer, 'answer with pods', value);
  return {
    ...rest,
    hosts: new Map(Object.entries(hosts).map(([process, pods]) => [process, pods.map(podOf)])),
    exits: exits.map(exitOf),
    shares: shares && new Map(Object.entries(shares)),
  };
}

export function encodeWish(wanted: PodsWish): string {
  return JSON.stringify(wanted);
}

export function decodeWish(value: unknown): PodsWish {
  return checked(wish, 'wish for pods', value);
}

function hostingText(hosting: Hosting | undefined) {
  return hosting && { ...hosting, replicas: Object.fromEntries(hosting.replicas) };
}

function unitText(one: UnitReport) {
  return { ...one, inFlightByPod: Object.fromEntries(one.inFlightByPod) };
}

function hostingOf({ pods, replicas, exits, ...rest }: Static<typeof hosting>): Hosting {
  return { ...rest, pods: pods.map(podOf), replicas: new Map(Object.entries(replicas)), exits: exits.map(exitOf) };
}

function unitOf({ partitions, failing, ...one }: Static<typeof unitReport>): UnitReport {
  return {
    ...one,
    inFlightByPod: new Map(Object.entries(one.inFlightByPod)),
    partitions: partitions.map(partitionOf),
    failing: failing === undefined ? undefined : failingOf(failing),
  };
}

function podOf({ pod: { pid, ...info }, ...view }: Static<typeof pod>) {
  return { ...view, pod: { ...info, pid } };
}

/** Written out: there may be thousands, and what is spread has a shape of its own each time. */
function partitionOf(one: Static<typeof unitReport>['partitions'][number]): PartitionReport {
  return {
    topic: one.topic,
    partition: one.partition,
    frontier: one.frontier,
    endOffset: one.endOffset,
    inFlight: one.inFlight,
    nextOffset: one.nextOffset,
    openEvents: one.openEvents,
    oldestAppendedAtMs: one.oldestAppendedAtMs,
  };
}

function exitOf({ unit, ...rest }: Static<typeof exit>) {
  return { ...rest, unit };
}

/** JSON leaves out what is undefined. */
function failingOf({ last, ...rest }: Static<typeof failing>) {
  return { ...rest, last: last === undefined ? undefined : { ...last, error: { ...last.error, stack: last.error.stack } } };
}

const ajv = new Ajv({ strict: false });
const validators = new Map<TSchema, ValidateFunction>();

/** Throws FAAS_CLUSTER_MESSAGE with the place of the first thing that is wrong. */
function checked<Schema extends TSchema>(schema: Schema, what: string, value: unknown): Static<Schema> {
  const validate = validators.get(schema) ?? ajv.compile(schema);
  validators.set(schema, validate);
  if (validate(value)) return value as Static<Schema>;
  const [first] = validate.errors ?? [];
  throw new FaasError(
    'FAAS_CLUSTER_MESSAGE',
    `a ${what} of another process is not what it must be: ${first?.instancePath ?? ''} ${first?.message ?? ''}`,
    'All processes of a cluster run releases that speak the same version of /internal/v1.',
  );
}
