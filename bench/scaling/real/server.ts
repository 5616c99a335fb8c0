import type { ScaleSummary, ScalesAnswer } from '../../../controller/api/scale-schema.ts';
import { eventually } from '../../child.ts';
import { type FaasServer, startFaas } from '../../faas-server.ts';
import type { TraceSet, TraceSpec } from '../trace.ts';

export type Bounds = Pick<TraceSet, 'min' | 'max' | 'maxAgeMs'>;

const context = 'bench';
const stream = `${context}.orders`;
/** Bounds by hand hold until the server ends. */
const forMs = 3_600_000;

/** One function for each name, all of them on the same stream: each is sent the same events at the same moments. */
export async function startFunctions(bounds: Bounds, trace: TraceSpec, names: readonly string[]): Promise<FaasServer> {
  // No generic pods: the first to ask would have an advantage.
  const server = await startFaas({ 'pods-pool': '0', 'pods-max': String(names.length * bounds.max + 2) });
  try {
    await server.deploy(manifestOf(bounds, trace, names));
    await eventually(`${names.join(', ')} have their first pods`, async () =>
      (await scalesOf(server)).filter(one => one.pods.ready === bounds.min && one.pods.starting === 0).length === names.length
        ? true
        : undefined,
    );
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function manifestOf({ min, max, maxAgeMs }: Bounds, { partitions, concurrency, serviceMs }: TraceSpec, names: readonly string[]): string {
  const functions = names.map(
    name => `  ${name}:
    handler: age.ts
    on:
      - stream: { streams: [orders], from: earliest, order: key }
    limits: { concurrency: ${concurrency} }
    scale: { min: ${min}, max: ${max}, maxAge: ${maxAgeMs}ms }
    env:
      OUT: \${OUT}
      SCALER: ${name}
      SERVICE_MS: "${serviceMs}"
`,
  );
  return `version: 1\ncontext: ${context}\nstreams:\n  orders: { partitions: ${partitions} }\nfunctions:\n${functions.join('')}`;
}

/** What `faas lag` shows of all functions. */
export async function scalesOf(server: FaasServer): Promise<readonly ScaleSummary[]> {
  return ((await server.get('/v1/scale')) as ScalesAnswer).functions;
}

export function nameOf({ unit }: ScaleSummary): string {
  return unit.slice(context.length + 1);
}

/** So many pods and no other number: `faas scale set`. */
export async function setPods(server: FaasServer, name: string, pods: number): Promise<void> {
  await server.put(`/v1/functions/${context}/${name}/scale/override`, { min: pods, max: pods, forMs });
}

/** The events of one slot, each with a key that no other event in work has; `index` is that of the first. */
export async function emitSlot(server: FaasServer, index: number, count: number): Promise<void> {
  if (count === 0) return;
  await server.emit(
    stream,
    Array.from({ length: count }, (_, offset) => ({ key: `key-${(index + offset) % 5_000}`, data: { index: index + offset } })),
  );
}

/** When each function was done with each event: the first time counts, if there are more. */
export function finishedOf(server: FaasServer): ReadonlyMap<string, ReadonlyMap<number, number>> {
  const finished = new Map<string, Map<number, number>>();
  for (const line of server.lines()) {
    const [name = '', index = '', atMs = ''] = line.split(' ');
    const ofName = finished.get(name) ?? new Map<number, number>();
    finished.set(name, ofName);
    if (!ofName.has(Number(index))) ofName.set(Number(index), Number(atMs));
  }
  return finished;
}
