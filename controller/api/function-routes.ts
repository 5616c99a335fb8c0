import type { UnitReport } from '../dispatch/dispatcher.ts';
import { FaasError } from '../errors.ts';
import { deadLetterTopicOf, groupOf, inboxTopicOf } from '../functions/live-function.ts';
import type { ApiPorts } from './api-ports.ts';
import { backlogEvents, oldestAgeMs } from './backlog.ts';
import { FunctionDetailAnswer, FunctionParams, FunctionsAnswer, LagAnswer } from './contract.ts';
import { findFunction } from './find-unit.ts';
import { asFarAsTold, type Survey, summaries, summaryOf, surveyAll, surveys } from './function-survey.ts';
import type { OpenLetters } from './open-letters.ts';
import { defineRoute, type Route } from './route.ts';
import { printSpec } from './spec-json.ts';

/** What runs, how it is, and how far behind it is. */
export function functionRoutes(ports: ApiPorts, letters: Pick<OpenLetters, 'count'>): readonly Route[] {
  const list = defineRoute({
    method: 'GET',
    path: 'functions',
    tag: 'functions',
    summary: 'All live functions',
    answer: FunctionsAnswer,
    handle: async () => ({ functions: [...(await summaries(ports))] }),
  });
  const show = defineRoute({
    method: 'GET',
    path: 'function',
    tag: 'functions',
    summary: 'One function, with revisions, pods, progress and state figures',
    params: FunctionParams,
    answer: FunctionDetailAnswer,
    handle: async ({ params }) => {
      const record = await findFunction(ports.registry, params);
      const counting = asFarAsTold(ports.clock, letters.count(record.unit));
      const [[survey], deadLetters] = await Promise.all([surveys(ports, [record]), counting]);
      if (survey === undefined) throw new FaasError('FAAS_FUNCTION_UNKNOWN', 'the function is gone');
      return detailOf(ports, survey, deadLetters);
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

async function detailOf(ports: ApiPorts, survey: Survey, deadLetters: number | undefined): Promise<FunctionDetailAnswer> {
  const { report } = survey;
  const { unit, live, previousLive } = survey.record;
  const revisions = await ports.registry.revisions(unit);
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
    ...(deadLetters !== undefined && { deadLetters }),
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
