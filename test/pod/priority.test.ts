import { getPriority } from 'node:os';
import { expect, test } from 'vitest';
import { batchEvent, batchOf, startPod, text } from './pod-fixture.ts';

test('a pod and the threads of its handlers yield to the server', async () => {
  const pod = await startPod();
  try {
    // Of the thread that asks.
    const code = "import { getPriority } from 'node:os'; export default async () => getPriority()";
    expect(await pod.load(code)).toMatchObject({ kind: 'ready' });
    const { outcomes } = await pod.run(batchOf([batchEvent(0, 'x', { trigger: 'call' })]));
    const outcome = outcomes.get(0);
    const ofHandler = outcome?.kind === 'ok' ? Number(text(outcome.answer)) : outcome;
    const nicer = Math.min(19, getPriority() + 5);
    expect({ ofPod: getPriority(pod.pod.pid ?? -1), ofHandler }).toEqual({ ofPod: nicer, ofHandler: nicer });
  } finally {
    await pod.close();
  }
});
