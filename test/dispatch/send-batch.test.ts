import { expect, test } from 'vitest';
import { sendBatch } from '../../controller/dispatch/send-batch.ts';
import { noFaults } from '../../controller/fault-points.ts';
import { noMetrics } from '../../controller/telemetry/metrics.ts';
import { BatchTokens } from '../../controller/wire/batch-tokens.ts';
import type { Batch } from '../../runtime/protocol/messages.ts';
import { seededRandom } from '../support/seeded-random.ts';

async function sent(alone: boolean): Promise<Batch | undefined> {
  let batch: Batch | undefined;
  const client = {
    async run(_: unknown, one: Batch) {
      batch = one;
      return { kind: 'done' } as const;
    },
  };
  await sendBatch(
    {
      client: { ...client, status: unused, load: unused, close: unused },
      tokens: new BatchTokens(),
      random: seededRandom(1),
      faults: noFaults,
      metrics: noMetrics,
    },
    {
      view: {
        pod: { id: 'pod', bootId: 'boot', address: '', token: '', startedAtMs: 0, pid: undefined },
        ...{ unit: 'shop.f', revision: 'r1', handler: 'event', concurrency: 1, state: 'ready' },
      },
      batch: { unit: 'shop.f', revision: 'r1', order: 'key', events: [], state: [] },
      ...{ calls: new Set<string>(), alone, waits: false, onResults() {}, onLog() {} },
    },
  );
  return batch;
}

const unused = async (): Promise<never> => {
  throw new Error('not asked for');
};

test('a pod says when it begins an event that runs alone: only then does it pay for the end of its pod', async () => {
  expect((await sent(true))?.waits).toBe(true);
  expect((await sent(false))?.waits).toBe(undefined);
});
