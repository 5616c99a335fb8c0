import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplayProgress, ReplaysAnswer, ReplaysRequest } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { fields } from '../output.ts';
import { parsePlace } from '../place.ts';
import { qualifiedName } from '../unit-name.ts';

const lookEveryMs = 500;

export async function run(invocation: Invocation): Promise<number> {
  const { args, out, signal } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const nowMs = Date.now();
  const [to, stream, ratePerSecond] = [args.text('to'), args.text('stream'), args.number('rate')];
  const request: ReplaysRequest = {
    from: parsePlace(args.text('from') ?? '', nowMs),
    inbox: args.on('inbox'),
    ...(to !== undefined && { to: parsePlace(to, nowMs) }),
    ...(stream !== undefined && { stream }),
    ...(ratePerSecond !== undefined && { ratePerSecond }),
  };
  const client = await connect(invocation);
  const path = pathTo('replays', { context: target.context, function: target.name });
  let progress = await client.send<ReplayProgress>('POST', path, request);
  out.progress(`replay ${progress.id}: ${progress.total} offsets; state stays as it is, and what was counted is counted again`);
  while (progress.state === 'running' && !args.on('detach') && !signal.aborted) {
    await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined);
    const { replays } = await client.get<ReplaysAnswer>(path);
    progress = replays.find(({ id }) => id === progress.id) ?? progress;
    out.progress(`${progress.passed} of ${progress.total}, ${progress.events} events`);
  }
  if (progress.state === 'running') out.progress(`it goes on by itself; end it with: faas replays cancel ${target.full} ${progress.id}`);
  await out.result(progress, () => replayFields(progress));
  return progress.state === 'cancelled' ? 1 : 0;
}

function replayFields(progress: ReplayProgress): string {
  return fields([
    ['Replay', progress.id],
    ['State', progress.state],
    ['Passed', `${progress.passed} of ${progress.total} offsets`],
    ['Events', `${progress.events} handed to the function again`],
  ]);
}
