import { describe, expect, test } from 'vitest';
import type { FaultPoint } from '../../controller/fault-points.ts';
import { crashAtEach, deployAndSend, hits, pointsOfLoad } from './crash-run.ts';
import { patienceMs, ServerProcess } from './server-process.ts';
import { check, nothing, type Sent } from './shop-run.ts';

/** Emits are part of the commit here: there is no outbox to publish from. On Kafka and Redis all places are passed. */
const notPassed: readonly FaultPoint[] = ['publish.before', 'publish.after', 'trim.before'];
const passed = pointsOfLoad.filter(at => !notPassed.includes(at));

describe('a server that dies at a fault point, and again after its restart, has exact counts in the end', () => {
  test.concurrent.each(passed.map(at => [at] as const))(`%s, hits ${hits.join(', ')}`, { timeout: 3 * patienceMs }, async at => {
    const server = await ServerProcess.create();
    try {
      expect(await crashAtEach(server, at)).toEqual([]);
    } finally {
      await server.dispose();
    }
  });
});

test.concurrent.each(notPassed.map(at => [at] as const))(
  '%s is not passed where emits are part of the commit',
  { timeout: 2 * patienceMs },
  async at => {
    const server = await ServerProcess.create();
    try {
      const sent: Sent = { webhooks: 8, calls: 4 };
      await server.start({ FAAS_FAULT_POINT: `${at}:1` });
      await deployAndSend(server, 1, nothing, sent);
      expect(await check(server, sent)).toEqual([]);
      expect(server.isRunning).toBe(true);
    } finally {
      await server.dispose();
    }
  },
);
