import { conditionOfError } from '../conditions/condition-of-error.ts';
import type { UnitReport } from '../dispatch/dispatcher.ts';
import { FaasError } from '../errors.ts';
import { deadLetterTopicOf, groupOf, inboxTopicOf } from '../functions/live-function.ts';
import type { FunctionRecord } from '../ports/registry.ts';
import type { ApiPorts } from './api-ports.ts';
import { backlogEvents, oldestAgeMs, type PartitionBacklog } from './backlog.ts';
import { type FunctionAnswer, FunctionDetailAnswer, FunctionParams, FunctionsAnswer, LagAnswer } from './contract.ts';
import { findFunction } from './find-unit.ts';
import { boundsOf, readBacklog, resolveAll } from './function-backlog.ts';
import { defineRoute, type Route } from './route.ts';
import { printSpec } from './spec-json.ts';
import { triggerSentence } from './trigger-sentence.ts';

/** What runs, how it is, and how far behind it is. */
export function functionRoutes(ports: ApiPorts): readonly Route[] {
  const list = defineRoute({
    method: 'GET',
    path: 'functions',
    tag: 'functions',
    summary: 'All live functions',
    answer: FunctionsAnswer,
    handle: async () => ({ functions: await Promise.all((await surveyAll(ports)).map(survey => summaryOf(ports, survey))) }),
  });
  const show = defineRoute({
    method: 'GET',
    path: 'function',
    tag: 'functions',
    summary: 'One function, with revisions, pods, progress and state figures',
    params: FunctionParams,
    answer: FunctionDetailAnswer,
    handle: async ({ params }) => {
      const [survey] = await surveys(ports, [await findFunction(ports.registry, params)]);
      if (survey === undefined) throw new FaasError('FAAS_FUNCTION_UNKNOWN', 'the function is gone');
      return detailOf(ports, survey);
    },
  });
  const lag = defineRoute({
    method: 'GET',
    path: 'lag',
    tag: 'functions',
    summary: 'How many events wait for each function, and for how long',
    answer: LagAnswer,
    handle: async () => ({ functions: (await surveyAll(ports)).map(survey => lagOf(ports, survey)) }),
  });
  return [list, show, lag];
}

interface Survey {
  readonly record: FunctionRecord;
  /** Undefined: the dispatcher does not know the function (yet). */
  readonly report: UnitReport | undefined;
  /** Undefined: the streams do not tell. What is wrong with them is among the conditions, and is shown nevertheless. */
  readonly partitions: readonly PartitionBacklog[] | undefined;
}

async function surveyAll(ports: ApiPorts): Promise<readonly Survey[]> {
  return surveys(ports, await ports.registry.functions());
}

async function surveys(ports: ApiPorts, records: readonly FunctionRecord[]): Promise<readonly Survey[]> {
  const live = await resolveAll(ports, records);
  const partitions = await Promise.all(live.map(one => asFarAsTold(readBacklog(ports, one))));
  const reports = new Map(ports.dispatcher.report().map(report => [report.unit, report]));
  return records.map((record, index) => ({ record, report: reports.get(record.unit), partitions: partitions[index] }));
}

async function asFarAsTold<Told>(telling: Promise<Told>): Promise<Told | undefined> {
  return telling.catch(error => {
    if (conditionOfError(error) === undefined) throw error;
    return undefined;
  });
}

async function summaryOf(ports: ApiPorts, { record, report, partitions }: Survey): Promise<FunctionAnswer> {
  const { unit, context, name, live, activatedAtMs } = record;
  const pods = ports.pods.podsOf(unit);
  const ready = pods.filter(pod => pod.state === 'ready').length;
  const age = oldestAgeMs(report, ports.clock.now());
  return {
    unit,
    context,
    name,
    revision: live.id,
    triggers: live.spec.on.map(triggerSentence),
    activatedAtMs,
    pods: { ready, draining: pods.length - ready },
    ...(partitions && { backlogEvents: backlogEvents(partitions) }),
    ...(age !== undefined && { oldestAgeMs: age }),
    conditions: [...(await ports.conditions.of(unit))],
  };
}

async function detailOf(ports: ApiPorts, survey: Survey): Promise<FunctionDetailAnswer> {
  const { report } = survey;
  const { unit, live, previousLive } = survey.record;
  const revisions = await ports.registry.revisions(unit);
  const deadLetters = await asFarAsTold(boundsOf(ports, deadLetterTopicOf(unit)));
  return {
    ...(await summaryOf(ports, survey)),
    spec: printSpec(live.spec),
    group: groupOf(unit),
    inboxTopic: inboxTopicOf(unit),
    deadLetterTopic: deadLetterTopicOf(unit),
    ...(previousLive !== undefined && { previousRevision: previousLive }),
    revisions: revisions.map(one => ({
      id: one.id,
      hash: one.hash,
      bundleHash: one.bundleHash,
      createdAtMs: one.createdAtMs,
      live: one.id === live.id,
    })),
    running: runningPods(ports, unit, report?.inFlightByPod),
    state: await ports.state.figures(unit),
    parkedKeys: (await ports.state.parked(unit)).length,
    ...(deadLetters && { deadLetters: deadLetters.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0) }),
    partitions: [...(survey.partitions ?? [])],
    ...(report && { totals: totalsOf(report) }),
  };
}

function runningPods(ports: ApiPorts, unit: string, inFlight: UnitReport['inFlightByPod'] | undefined): FunctionDetailAnswer['running'] {
  return ports.pods.podsOf(unit).map(({ pod, state, revision }) => ({
    id: pod.id,
    state,
    revision,
    ...(pod.pid !== undefined && { pid: pod.pid }),
    startedAtMs: pod.startedAtMs,
    inFlight: inFlight?.get(pod.id) ?? 0,
  }));
}

function totalsOf(report: UnitReport): NonNullable<FunctionDetailAnswer['totals']> {
  const { finishedTotal, failedTotal, deadLettersTotal, emitsTotal, inFlight, waiting } = report;
  return { finished: finishedTotal, failed: failedTotal, deadLetters: deadLettersTotal, emits: emitsTotal, inFlight, waiting };
}

function lagOf(ports: ApiPorts, { record, report, partitions }: Survey): LagAnswer['functions'][number] {
  const age = oldestAgeMs(report, ports.clock.now());
  return {
    unit: record.unit,
    ...(partitions && { backlogEvents: backlogEvents(partitions) }),
    ...(age !== undefined && { oldestAgeMs: age }),
    ...(report && { waiting: report.waiting, inFlight: report.inFlight }),
    partitions: [...(partitions ?? [])],
  };
}
