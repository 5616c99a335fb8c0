import { Partitioners } from 'kafkajs';
import type { FaultPoint } from '../../controller/fault-points.ts';
import { plainClient } from '../services/kafka/open-kafka.ts';
import { hits } from './crash-run.ts';
import { patienceMs, type ServerProcess } from './server-process.ts';
import { eventually } from './shop-run.ts';

const records = 480;
const keys = 10;
/** A replay takes pages of half a second: enough of them for the last hit of the last life. */
const ratePerSecond = 100;

/** The server dies at a place of a replay that is under way, again and again; answers by key what was handled in the end. */
export async function crashReplayAtEach(
  server: ServerProcess,
  at: FaultPoint,
  env: Readonly<Record<string, string>>,
  bootstrap: readonly string[],
): Promise<ReadonlyMap<string, readonly number[]>> {
  const { context } = server;
  const unit = `${context}.count`;
  const mustRun = async (command: readonly string[]) => {
    const { code, output } = await server.cli(command, { CONTEXT: context });
    if (code !== 0) throw new Error(`${output}\n${server.output}`);
  };
  const handled = async (count: number) => {
    await eventually(async () => [...(await idsOf(server, unit)).values()].flat().length >= count);
    return idsOf(server, unit);
  };
  await server.start(env);
  await mustRun(['deploy', '-f', 'test/data/e2e-kafka/faas.yaml']);
  const producer = plainClient(bootstrap).producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const messages = Array.from({ length: records }, (_, id) => ({ key: `k${id % keys}`, value: JSON.stringify({ id }) }));
  await producer.send({ topic: `${context}-orders`, messages });
  await producer.disconnect();
  await handled(records);
  await mustRun(['replay', unit, '--from', 'earliest', '--rate', String(ratePerSecond), '--detach']);
  await server.kill();
  for (const hit of hits) {
    await server.start({ ...env, FAAS_FAULT_POINT: `${at}:${hit}` });
    const end = await server.ended(patienceMs);
    if (end !== 'SIGKILL') throw new Error(`at hit ${hit} it ended with ${end}: ${server.output}`);
  }
  await server.start(env);
  return handled(2 * records);
}

/** What is wrong where each key was to have its orders twice, in their order. */
export function wrongReplay(seen: ReadonlyMap<string, readonly number[]>): readonly string[] {
  return wrongIds(seen, { records, keys, times: 2 });
}

/** What is wrong where the ids from 0 on were given to keys in turns, and each key was to handle its own so many times, in their order. */
export function wrongIds(
  seen: ReadonlyMap<string, readonly number[]>,
  wanted: { readonly records: number; readonly keys: number; readonly times: number },
): readonly string[] {
  const names = Array.from({ length: wanted.keys }, (_, key) => `k${key}`);
  const wrong = [...seen.keys()].filter(name => !names.includes(name)).map(name => `${name} is the key of nothing`);
  for (const [key, name] of names.entries()) {
    const once = Array.from({ length: wanted.records / wanted.keys }, (_, i) => i * wanted.keys + key);
    const all = Array.from({ length: wanted.times }, () => once).flat();
    const ids = seen.get(name) ?? [];
    const at = Array.from({ length: Math.max(all.length, ids.length) }, (_, i) => i).find(i => all[i] !== ids[i]);
    if (at !== undefined) wrong.push(`${name}: at ${at} of ${all.length} comes ${ids[at] ?? 'nothing'} instead of ${all[at] ?? 'nothing'}`);
  }
  return wrong;
}

/** What the counting functions of test/data/e2e-kafka have handled, by key. */
export async function idsOf(server: ServerProcess, unit: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const { code, output } = await server.cli(['state', 'list', unit, '--output', 'json']);
  if (code !== 0) throw new Error(output);
  const listed: { entries: { key: string; value: { ids: number[] } }[] } = JSON.parse(output);
  return new Map(listed.entries.map(({ key, value }) => [key, value.ids]));
}
