import { setTimeout as sleep } from 'node:timers/promises';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { CommandFailure } from '../failure.ts';
import { logLine } from '../log-line.ts';
import { followLogs, hasLogs, levels, readLogs } from '../log-reader.ts';
import { requireFunction } from '../require-function.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out, signal } = invocation;
  const word = args.argument('function');
  const target = word === undefined ? undefined : await qualifiedName(word, invocation);
  const context = word === undefined ? args.text('context') : undefined;
  const since = args.duration('since');
  const client = await connect(invocation);
  const wanted = {
    unit: target?.full,
    context,
    levels: levels.slice(Math.max(0, levels.indexOf(args.text('level') ?? 'debug'))),
    sinceMs: since === undefined ? undefined : Date.now() - since,
  };
  const print = (entry: Parameters<typeof logLine>[0]) =>
    out.line(out.format === 'table' ? logLine(entry, out.paint, out.verbose) : JSON.stringify(entry));
  const first = await readLogs(client, wanted, args.number('tail') ?? 200);
  if (target !== undefined && first.lastId === undefined && !(await hasLogs(client, target.full))) await requireFunction(client, target);
  for (const entry of first.entries) await print(entry);
  if (!args.on('follow')) return 0;
  let after = first.lastId;
  let lostAtMs: number | undefined;
  while (!signal.aborted) {
    try {
      after = await followLogs(client, wanted, after, signal, async entry => {
        lostAtMs = undefined;
        await print(entry);
      });
    } catch (cause) {
      if (!(cause instanceof CommandFailure) || signal.aborted) throw cause;
      lostAtMs ??= Date.now();
      if (Date.now() - lostAtMs > patienceMs) throw cause;
    }
    if (!signal.aborted) out.status('the server is gone, trying again…');
    await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    out.status('');
  }
  return 0;
}

/** A server that restarts is back by then; one that does not is worth an error. */
const patienceMs = 30_000;
const retryMs = 500;
