import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withClusterWorld } from '../cluster-world.ts';
import { type FaasServer, startFaas } from '../faas-server.ts';
import { withKafkaAndRedis } from '../kafka-and-redis.ts';
import { scratchFolder } from '../paths.ts';
import { type RestingCost, restingCost, untilQuiet } from '../process-figures.ts';
import { boundRow, type Row, type RowResult } from '../row.ts';

const few = 50;
const many = 500;
/** In the broker of a test each group takes its time to be entered; what follows is waited for until it is over. */
const joinMsPerFunction = 200;
/** Longer than everything that looks around now and then. */
const watchMs = 60_000;

const manifest = (functions: number) => `version: 1
context: idle
streams:
  orders: { topic: idle-orders, partitions: 4 }
functions:
${Array.from({ length: functions }, (_, index) => `  f${index}: { handler: stateless.ts, on: [{ stream: { streams: [orders] } }], scale: { min: 0, max: 1 } }`).join('\n')}
`;

/** On what a first server has deployed: its registry is in the store. */
async function costOf(servers: readonly FaasServer[], functions: number): Promise<RestingCost> {
  const pids = servers.map(({ pid }) => pid);
  await sleep(functions * joinMsPerFunction);
  await untilQuiet(pids);
  return restingCost(pids, watchMs);
}

async function deployed(settings: Readonly<Record<string, string>>, functions: number): Promise<void> {
  const server = await startFaas({ ...settings, 'pods-pool': '1' });
  try {
    await server.deploy(manifest(functions));
  } finally {
    await server.stop();
  }
}

/** One process, with its pods beside it. */
export const idleOnKafka: Row = {
  name: 'idle-kafka',
  measure: () =>
    withKafkaAndRedis(async settings => {
      const costs: RestingCost[] = [];
      for (const functions of [few, many]) {
        await deployed(settings, functions);
        const server = await startFaas({ ...settings, 'pods-pool': '0' });
        try {
          costs.push(await costOf([server], functions));
        } finally {
          await server.stop();
        }
      }
      const [little, much] = costs;
      if (little === undefined || much === undefined) return [];
      return [
        cpuRow(`${few} idle functions on Kafka and Redis`, little, 5),
        cpuRow(`${many} idle functions on Kafka and Redis`, much, 15, perFunction(little, much)),
      ];
    }),
};

/** A controller and a dispatcher beside a cluster. */
export const idleOnKubernetes: Row = {
  name: 'idle-kubernetes',
  measure: () =>
    withClusterWorld(async ({ cluster, stores, pods }) => {
      const secret = join(mkdtempSync(join(scratchFolder, 'secret-')), 'secret');
      writeFileSync(secret, `${'s'.repeat(48)}\n`);
      const roles = { ...stores, ...pods, 'pods-pool': '0', 'cluster-secret-file': secret };
      const costs: RestingCost[] = [];
      let podsSeen = 0;
      for (const functions of [few, many]) {
        await deployed(stores, functions);
        const servers = [await startFaas({ ...roles, roles: 'controller' }), await startFaas({ ...roles, roles: 'dispatcher' })];
        try {
          costs.push(await costOf(servers, functions));
          podsSeen += (await cluster.kubectl('get', 'pods', '-A', '-o', 'name')).split('\n').filter(name => name !== '').length;
        } finally {
          await Promise.all(servers.map(server => server.stop()));
        }
      }
      const [little, much] = costs;
      if (little === undefined || much === undefined) return [];
      const what = `${many} idle functions on Kubernetes, controller and dispatcher`;
      const further = (much.residentMib - little.residentMib) / (many - few);
      return [
        boundRow(`${what}: RSS`, 'MiB', much.residentMib, 300, podsSeen, `${few} functions: ${little.residentMib.toFixed(0)} MiB`),
        boundRow(`${what}: RSS per further function`, 'MiB', further, 0.2, podsSeen),
        cpuRow(what, much, 15),
      ];
    }),
};

function cpuRow(what: string, { cpuShare, residentMib, sockets }: RestingCost, atMost: number, more = ''): RowResult {
  const note = `RSS ${residentMib.toFixed(0)} MiB, ${sockets} sockets${more}`;
  return boundRow(`${what}: processor`, '% of a core', 100 * cpuShare, atMost, 0, note);
}

function perFunction(little: RestingCost, much: RestingCost): string {
  const each = (figure: (cost: RestingCost) => number) => ((figure(much) - figure(little)) / (many - few)).toFixed(2);
  return `; per further function ${each(cost => cost.residentMib)} MiB, ${each(cost => cost.sockets)} sockets`;
}
