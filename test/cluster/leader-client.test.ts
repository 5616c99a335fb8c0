import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { gatherMs } from '../../controller/cluster/hub.ts';
import { LeaderClient } from '../../controller/cluster/leader-client.ts';
import { ReportSender } from '../../controller/cluster/report-exchange.ts';
import { reportOf } from './cluster-samples.ts';

/** To look up the next leader, and to be late. */
const sparedMs = 1_000;

test('a leader that takes a report and says nothing is given up while the next one still gathers reports', async () => {
  const stopped = createServer(() => undefined);
  await new Promise<void>(resolve => stopped.listen(0, '127.0.0.1', resolve));
  const { port } = stopped.address() as AddressInfo;
  const client = new LeaderClient(`http://127.0.0.1:${port}`, 'secret', new ReportSender());
  try {
    const report = client.report(reportOf('a')).then(
      () => 'answered',
      () => 'given up',
    );
    expect(await Promise.race([report, sleep(gatherMs - sparedMs, 'waits')])).toBe('given up');
  } finally {
    await client.close();
    stopped.closeAllConnections();
    stopped.close();
  }
});
