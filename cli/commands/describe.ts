import type { FunctionDetailAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { duration, fields, size, table } from '../output.ts';
import { repeat } from '../repeat.ts';
import { revisionMark } from '../revision-mark.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const client = await connect(invocation);
  const path = pathTo('function', { context: target.context, function: target.name });
  return repeat(invocation, async () => {
    const answer = await client.get<FunctionDetailAnswer>(path);
    await out.result(answer, () => describe(answer, Date.now(), title => out.paint('bold', title)));
  });
}

function describe(answer: FunctionDetailAnswer, nowMs: number, title: (text: string) => string): string {
  const ago = (ms: number) => `${duration(nowMs - ms)} ago`;
  const sections = [
    fields(overview(answer, ago)),
    section(title('Pods'), ['ID', 'STATE', 'REVISION', 'PID', 'STARTED', 'IN FLIGHT'], podRows(answer, ago)),
    section(title('Partitions'), ['TOPIC', 'PARTITION', 'DONE', 'END', 'BACKLOG'], partitionRows(answer)),
    section(title('Revisions'), ['REVISION', 'BUNDLE', 'CREATED', 'LIVE'], revisionRows(answer, ago)),
    section(title('Conditions'), ['TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'], conditionRows(answer, ago)),
  ];
  return sections.filter(text => text !== '').join('\n\n');
}

function overview(answer: FunctionDetailAnswer, ago: (ms: number) => string): (readonly [string, string | undefined])[] {
  const { totals, spec } = answer;
  return [
    ['Function', answer.unit],
    ['Revision', `${answer.revision}, live since ${ago(answer.activatedAtMs)}`],
    ['Before', answer.previousRevision],
    ['Handler', spec.handler],
    ['Triggers', answer.triggers.join(', ') || 'none: direct calls only'],
    ['Emits', spec.emits.map(ref => ref.name).join(', ') || undefined],
    ['Calls', spec.calls.join(', ') || undefined],
    ['Group', answer.group],
    ['Backlog', answer.backlogEvents === undefined ? 'not known' : `${answer.backlogEvents} events${age(answer.oldestAgeMs)}`],
    ['State', `${answer.state.keys} keys, ${size(answer.state.valueBytes)}`],
    ['Parked keys', answer.parkedKeys === 0 ? undefined : String(answer.parkedKeys)],
    ['Dead letters', answer.deadLetters === undefined ? 'not known' : String(answer.deadLetters)],
    [
      'Since start',
      totals && `${totals.finished} finished, ${totals.failed} failed attempts, ${totals.emits} emitted, ${totals.inFlight} in flight`,
    ],
  ];
}

function age(ms: number | undefined): string {
  return ms === undefined ? '' : `, the oldest waits for ${duration(ms)}`;
}

function section(title: string, header: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : `${title}\n${table(header, rows)}`;
}

function podRows(answer: FunctionDetailAnswer, ago: (ms: number) => string): readonly (readonly string[])[] {
  return answer.running.map(pod => [
    pod.id,
    pod.state,
    pod.revision,
    pod.pid === undefined ? '-' : String(pod.pid),
    ago(pod.startedAtMs),
    String(pod.inFlight),
  ]);
}

function partitionRows(answer: FunctionDetailAnswer): readonly (readonly string[])[] {
  return answer.partitions
    .filter(one => one.endOffset > one.startOffset)
    .map(one => [
      one.topic,
      String(one.partition),
      one.frontier === undefined ? '-' : String(one.frontier),
      String(one.endOffset),
      String(one.backlogEvents),
    ]);
}

function revisionRows(answer: FunctionDetailAnswer, ago: (ms: number) => string): readonly (readonly string[])[] {
  return answer.revisions.map(one => [one.id, one.bundleHash.slice(0, 12), ago(one.createdAtMs), revisionMark(one, answer)]);
}

function conditionRows(answer: FunctionDetailAnswer, ago: (ms: number) => string): readonly (readonly string[])[] {
  return answer.conditions.map(one => [one.type, one.status ? 'yes' : 'no', one.reason, ago(one.sinceMs), one.message]);
}
