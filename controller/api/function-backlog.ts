import type { LiveFunction } from '../functions/live-function.ts';
import { resolveLive } from '../functions/resolve-live.ts';
import type { FunctionRecord } from '../ports/registry.ts';
import type { PartitionBounds } from '../ports/streams.ts';
import type { ApiPorts } from './api-ports.ts';
import { type PartitionBacklog, partitionBacklogs } from './backlog.ts';

type Ports = Pick<ApiPorts, 'registry' | 'streams' | 'state'>;

/** Functions with every name resolved against all contexts. */
export async function resolveAll(ports: Ports, records: readonly FunctionRecord[]): Promise<readonly LiveFunction[]> {
  const contexts = new Map((await ports.registry.contexts()).map(one => [one.spec.context, one.spec]));
  return records.map(record => resolveLive(record.live, contexts));
}

export async function resolveOne(ports: Ports, record: FunctionRecord): Promise<LiveFunction> {
  const contexts = new Map((await ports.registry.contexts()).map(one => [one.spec.context, one.spec]));
  return resolveLive(record.live, contexts);
}

/** Reads the bounds and the progress behind a backlog. A topic that is not there (yet) has no partitions. */
export async function readBacklog(ports: Ports, live: LiveFunction): Promise<readonly PartitionBacklog[]> {
  const progress = await ports.state.progress(live.unit);
  const known = new Set(progress.map(one => one.source));
  const bounds = new Map<string, readonly PartitionBounds[]>();
  const committed = new Map<string, number>();
  for (const { topic } of live.subscriptions) {
    const partitions = await boundsOf(ports, topic);
    bounds.set(topic, partitions);
    if (partitions.every(one => known.has(`${topic}.${one.partition}`))) continue;
    for (const one of await ports.streams.committed(live.group, topic)) committed.set(`${topic}.${one.partition}`, one.offset);
  }
  return partitionBacklogs(live, bounds, progress, committed);
}

export async function boundsOf(
  ports: { readonly streams: Pick<ApiPorts['streams'], 'describeTopic' | 'bounds'> },
  topic: string,
): Promise<readonly PartitionBounds[]> {
  return (await ports.streams.describeTopic(topic)) === undefined ? [] : ports.streams.bounds(topic);
}
