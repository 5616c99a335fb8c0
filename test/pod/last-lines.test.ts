import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { batchEvent, batchOf, type RunResult, startPod, type TestPod } from './pod-fixture.ts';

/** What a handler says before it blocks its thread, or ends it, is what one needs most to find out why. */
const open: TestPod[] = [];
afterEach(async () => {
  for (const pod of open.splice(0)) await pod.close();
});
const folder = mkdtempSync(join(tmpdir(), 'faas-lines-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function podWith(code: string, changes: Parameters<TestPod['load']>[1] = {}): Promise<TestPod> {
  const pod = await startPod();
  open.push(pod);
  expect(await pod.load(code, changes)).toMatchObject({ kind: 'ready' });
  return pod;
}

/** The event 1 of three speaks and does that; its neighbours speak too. */
const speaking = (statement: string): string => `
  import { createRequire } from 'node:module';
  const require = createRequire(import.meta.url);
  export default async (event, ctx) => {
    ctx.log.info('L' + event.data, { n: event.data });
    console.log('C%d', event.data);
    process.stdout.write('W' + event.data + '\\n');
    if (event.data === 1) { ${statement} }
  }`;

const threeEvents = () => batchOf([0, 1, 2].map(index => batchEvent(index)));
const said = ({ logs }: RunResult) => logs.map(({ index, message }) => [index, message]);
const linesOf = (index: number) => ['L', 'C', 'W'].map(kind => [index, `${kind}${index}`]);
const failures = ({ outcomes }: RunResult) => [...outcomes.values()].flatMap(one => (one.kind === 'failed' ? [one.reason] : []));

describe('the lines before the end of a thread arrive once, and are known by their event', () => {
  test.each([
    ['an endless loop', 'for (;;);', 'timeout'],
    ['a loop after waiting', `await new Promise(d => setTimeout(d, 20)); for (;;);`, 'timeout'],
    ['Atomics.wait', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)', 'timeout'],
    ['a native call that cannot be terminated', `require('node:crypto').pbkdf2Sync('p', 's', 2 ** 31 - 1, 64, 'sha512')`, 'timeout'],
    ['process.exit', 'process.exit(3)', 'crash'],
    ['process.reallyExit', 'process.reallyExit(3)', 'crash'],
  ])('%s', async (_, statement, reason) => {
    const pod = await podWith(speaking(statement), { timeoutMs: 300 });
    const result = await pod.run(threeEvents());
    expect(result.end).toEqual({ kind: 'done' });
    expect(failures(result)).toEqual([reason]);
    expect(said(result)).toEqual([...linesOf(0), ...linesOf(1)]);
    expect(result.logs.filter(({ message }) => message === 'L1')).toMatchObject([{ level: 'info', fields: { n: 1 } }]);
  });

  test('a heap that runs out, where that ends the thread and not the pod', async () => {
    const pod = await podWith(speaking('const all = []; for (;;) all.push(new Array(1000).fill(event));'), {
      timeoutMs: 60_000,
      memoryBytes: 160 * 2 ** 20,
    });
    const result = await pod.run(threeEvents());
    if (result.end.kind === 'lost') return;
    expect(failures(result)).toEqual(['memory']);
    expect(said(result)).toEqual([...linesOf(0), ...linesOf(1)]);
  });

  test('of all batches that the worker had, each its own', async () => {
    const code = `export default async e => { console.log(e.data); await new Promise(d => setTimeout(d, 200)); console.log(e.data, 'again'); for (;;); }`;
    const pod = await podWith(code, { timeoutMs: 500, concurrency: 2 });
    const runs = ['a', 'b'].map(name => pod.run(batchOf([batchEvent(0, name)])));
    const [a = [], b = []] = (await Promise.all(runs)).map(({ logs }) => logs.map(({ message }) => message));
    expect([a[0], b[0]]).toEqual(['a', 'b']);
    expect([...a, ...b].filter(message => message.endsWith('again'))).toHaveLength(1);
    expect(a.length + b.length).toBe(3);
  });

  test('the next batch on the fresh worker says its own lines alone', async () => {
    const pod = await podWith(speaking('for (;;);'), { timeoutMs: 300 });
    await pod.run(threeEvents());
    expect(said(await pod.run(batchOf([batchEvent(0)])))).toEqual(linesOf(0));
  });

  test('a batch may print 1 MiB, also when it does not end', async () => {
    const pod = await podWith(`export default () => { for (let i = 0; ; i += 1) console.log(i + 'y'.repeat(1000)); }`, { timeoutMs: 300 });
    const { logs } = await pod.run(batchOf([batchEvent(0)]));
    expect(logs.map(({ message }) => Number.parseInt(message, 10))).toEqual(logs.map((_, at) => at));
    expect(logs.length).toBeGreaterThan(900);
    expect(logs.length).toBeLessThan(1_100);
  });
});

test.each([1, 8])('lines of events that end are not doubled, %i at a time', async concurrency => {
  const pod = await podWith(
    `export default async e => { console.log('a%d', e.data); if (e.data % 3 === 0) await new Promise(setImmediate); console.log('b%d', e.data); }`,
    { concurrency },
  );
  for (let round = 0; round < 5; round += 1) {
    const { logs } = await pod.run(batchOf(Array.from({ length: 200 }, (_, index) => batchEvent(index))));
    const messages = logs.map(({ message }) => message).sort();
    expect(messages).toEqual(['a', 'b'].flatMap(kind => Array.from({ length: 200 }, (_, n) => `${kind}${n}`)).sort());
  }
});

test('a thread that is ended while it prints, at any moment, has all its lines handed over once', async () => {
  const pod = await podWith(
    `
    import { openSync, writeSync } from 'node:fs';
    export default async e => {
      const fd = openSync(e.data.file, 'w');
      for (let n = 0; ; n += 1) {
        console.log(n);
        writeSync(fd, String(n).padStart(9), 0);
        for (let wait = Math.random() * e.data.turns; wait > 0; wait -= 1) Math.random();
        if (Math.random() < 0.01) await new Promise(setImmediate);
      }
    }`,
    { timeoutMs: 40 },
  );
  for (let round = 0; round < 12; round += 1) {
    const file = join(folder, `${round}`);
    const { logs } = await pod.run(batchOf([batchEvent(0, { file, turns: round % 2 === 0 ? 30_000 : 100_000 })]));
    const last = Number(readFileSync(file, 'utf8'));
    expect(logs.map(({ message }) => Number(message))).toEqual(logs.map((_, at) => at));
    // It may have been ended behind the line, before it wrote how far it was.
    expect([last + 1, last + 2]).toContain(logs.length);
  }
});
