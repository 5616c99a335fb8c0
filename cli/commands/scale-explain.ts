import { pathTo } from '../../controller/api/paths.ts';
import type { ScaleAnswer } from '../../controller/api/scale-schema.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { parseMoment } from '../moment.ts';
import { duration, podsText, printable } from '../output.ts';
import { repeat } from '../repeat.ts';
import { qualifiedName } from '../unit-name.ts';
import { UsageError } from '../usage-error.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const at = args.text('at');
  const atMs = at === undefined ? undefined : momentOf(at);
  const client = await connect(invocation);
  const path = pathTo('scale', { context: target.context, function: target.name }, { atMs });
  return repeat(invocation, async () => {
    const answer = await client.get<ScaleAnswer>(path);
    await out.result(answer, () => explained(answer, Date.now(), title => out.paint('bold', title)));
  });
}

function momentOf(text: string): number {
  const atMs = parseMoment(text, Date.now());
  if (atMs === undefined) throw new UsageError(`--at: "${text}" is no time`, 'Write 2026-01-31T06:00:00Z, or how long ago: 2h.');
  return atMs;
}

function explained({ summary, from, ...answer }: ScaleAnswer, nowMs: number, title: (text: string) => string): string {
  const { unit, replicas, reason, because, atMs, conditions } = summary;
  const step = from === replicas ? podsText(replicas) : `${from} -> ${podsText(replicas)}`;
  const { override } = answer;
  const byHand = override && [
    `${override.min} to ${podsText(override.max)} for ${duration(override.untilMs - nowMs)}; faas scale clear ends it`,
  ];
  const sections: readonly (readonly [string, readonly string[] | undefined])[] = [
    ['Seen', answer.inputs],
    ['Arithmetic', answer.arithmetic],
    ['What would change it', answer.otherwise],
    ['By hand', byHand],
    ['Conditions', conditions.map(one => `${one.type}: ${one.message}. ${one.advice}`)],
    ['Warnings', answer.warnings],
  ];
  const head = `${unit}: ${step} (${reason}), ${because}\ndecided ${duration(nowMs - atMs)} ago, ${new Date(atMs).toISOString()}`;
  const shown = sections.flatMap(([name, lines = []]) =>
    lines.length === 0 ? [] : [`${title(name)}\n${lines.map(line => `  ${printable(line)}`).join('\n')}`],
  );
  return [head, ...shown].join('\n\n');
}
