import type { Clock } from '../clock.ts';
import { conditionOfError } from '../conditions/condition-of-error.ts';
import type { UnitReport } from '../dispatch/dispatcher.ts';
import type { FunctionRecord } from '../ports/registry.ts';
import type { ApiPorts } from './api-ports.ts';
import { backlogEvents, oldestAgeMs, type PartitionBacklog } from './backlog.ts';
import type { FunctionAnswer } from './contract.ts';
import { readBacklog, resolveAll } from './function-backlog.ts';
import { triggerSentence } from './trigger-sentence.ts';

/** What a look at functions goes by. */
export type SurveyPorts = Pick<ApiPorts, 'registry' | 'streams' | 'state' | 'dispatcher' | 'conditions' | 'pods' | 'clock'>;

/** All live functions as they are now, in short. */
export async function summaries(ports: SurveyPorts): Promise<readonly FunctionAnswer[]> {
  return Promise.all((await surveyAll(ports)).map(survey => summaryOf(ports, survey)));
}

export interface Survey {
  readonly record: FunctionRecord;
  /** Undefined: the dispatcher does not know the function (yet). */
  readonly report: UnitReport | undefined;
  /** Undefined: the streams do not tell. What is wrong with them is among the conditions, and is shown nevertheless. */
  readonly partitions: readonly PartitionBacklog[] | undefined;
}

export async function surveyAll(ports: SurveyPorts): Promise<readonly Survey[]> {
  return surveys(ports, await ports.registry.functions());
}

export async function surveys(ports: SurveyPorts, records: readonly FunctionRecord[]): Promise<readonly Survey[]> {
  const live = await resolveAll(ports, records);
  const partitions = await Promise.all(live.map(one => asFarAsTold(ports.clock, readBacklog(ports, one))));
  const reports = new Map(ports.dispatcher.report().map(report => [report.unit, report]));
  return records.map((record, index) => ({ record, report: reports.get(record.unit), partitions: partitions[index] }));
}

/** What is asked while a server stands still is tried again for longer than anybody waits for a page. */
const tellingMs = 5_000;

/** Undefined: the stores do not tell, or not in time, for a reason that is among the conditions of the function. */
export async function asFarAsTold<Told>(clock: Pick<Clock, 'after'>, telling: Promise<Told>): Promise<Told | undefined> {
  let cancel = () => {};
  const late = new Promise<undefined>(resolve => {
    cancel = clock.after(tellingMs, () => resolve(undefined));
  });
  try {
    return await Promise.race([telling, late]);
  } catch (error) {
    if (conditionOfError(error) === undefined) throw error;
    return undefined;
  } finally {
    cancel();
  }
}

export async function summaryOf(ports: SurveyPorts, { record, report, partitions }: Survey): Promise<FunctionAnswer> {
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
