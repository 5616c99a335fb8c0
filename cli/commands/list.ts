import type { ContextsAnswer, FunctionsAnswer, StreamsAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { ApiClient } from '../api-client.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { duration, type Output, table } from '../output.ts';
import { repeat } from '../repeat.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const client = await connect(invocation);
  const context = args.text('context');
  const show =
    { functions: showFunctions, streams: showStreams, contexts: showContexts }[args.argument('what') ?? 'functions'] ?? showFunctions;
  return repeat(invocation, () => show(client, context, out));
}

async function showFunctions(client: ApiClient, context: string | undefined, out: Output): Promise<void> {
  const answer = await client.get<FunctionsAnswer>(pathTo('functions', {}));
  const functions = answer.functions.filter(one => context === undefined || one.context === context);
  await out.result({ functions }, () =>
    functions.length === 0
      ? 'no functions are deployed'
      : table(
          ['FUNCTION', 'REVISION', 'PODS', 'BACKLOG', 'OLDEST', 'TRIGGERS', 'CONDITIONS'],
          functions.map(one => [
            one.unit,
            one.revision,
            String(one.pods.ready),
            one.backlogEvents === undefined ? '?' : String(one.backlogEvents),
            one.oldestAgeMs === undefined ? '-' : duration(one.oldestAgeMs),
            one.triggers.join(', '),
            one.conditions
              .filter(condition => condition.status)
              .map(condition => condition.type)
              .join(',') || '-',
          ]),
        ),
  );
}

async function showStreams(client: ApiClient, context: string | undefined, out: Output): Promise<void> {
  const answer = await client.get<StreamsAnswer>(pathTo('streams', {}));
  const streams = answer.streams.filter(one => context === undefined || one.context === context);
  await out.result({ streams }, () =>
    table(
      ['STREAM', 'TOPIC', 'PARTITIONS', 'EVENTS', 'INTERNAL', 'SCHEMA'],
      streams.map(one => [
        `${one.context}.${one.name}`,
        one.topic,
        one.partitions === undefined ? '-' : String(one.partitions),
        one.retainedEvents === undefined ? '?' : String(one.retainedEvents),
        one.internal ? 'yes' : 'no',
        one.schema ? 'yes' : 'no',
      ]),
    ),
  );
}

async function showContexts(client: ApiClient, context: string | undefined, out: Output): Promise<void> {
  const answer = await client.get<ContextsAnswer>(pathTo('contexts', {}));
  const contexts = answer.contexts.filter(one => context === undefined || one.context === context);
  await out.result({ contexts }, () =>
    table(
      ['CONTEXT', 'OWNER', 'FUNCTIONS', 'STREAMS', 'DEPLOYED'],
      contexts.map(one => [
        one.context,
        one.owner ?? '-',
        one.functions.join(', '),
        one.streams.map(stream => stream.name).join(', '),
        `${duration(Date.now() - one.deployedAtMs)} ago`,
      ]),
    ),
  );
}
