import { describe, expect, test } from 'vitest';
import { type FaultPoint, faultPointNames } from '../../controller/fault-points.ts';
import { patienceMs, ServerProcess } from './server-process.ts';
import { check, deploy, nothing, type Sent, send } from './shop-run.ts';

/** Emits are part of the commit here: there is no outbox to publish from. The simulation passes these places. */
const notPassed: readonly FaultPoint[] = ['publish.before', 'publish.after', 'trim.before'];
const passed = faultPointNames.filter(at => !notPassed.includes(at));
const hits = [1, 3, 7] as const;

describe('a server that dies at a fault point, and again after its restart, has exact counts in the end', () => {
  test.concurrent.each(passed.map(at => [at] as const))(`%s, hits ${hits.join(', ')}`, { timeout: 3 * patienceMs }, async at => {
    const server = await ServerProcess.create();
    try {
      let sent = nothing;
      let sending = Promise.resolve();
      for (const hit of hits) {
        await server.start({ FAAS_FAULT_POINT: `${at}:${hit}` });
        const before = sent;
        const after = { webhooks: before.webhooks + 16, calls: before.calls + 8 };
        // Who sends does not know of deaths: what was not accepted goes to the next server, which is armed for its own.
        sending = sending.then(() => deployAndSend(server, at.startsWith('deploy.') ? hit : 1, before, after));
        expect(await Promise.race([server.ended(patienceMs), failureOf(sending)])).toBe('SIGKILL');
        sent = after;
      }
      await server.start();
      await sending;
      expect(await check(server, sent)).toEqual([]);
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

async function deployAndSend(server: ServerProcess, deploys: number, before: Sent, after: Sent): Promise<void> {
  for (let round = 1; round <= deploys; round += 1) await deploy(server, before.webhooks + round);
  await send(server, before, after);
}

/** Settles only when it fails: what was sent is waited for later. */
function failureOf(sending: Promise<void>): Promise<never> {
  return new Promise((_, reject) => void sending.catch(reject));
}
