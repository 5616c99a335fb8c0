import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../controller/clock.ts';
import type { PodExit } from '../../controller/ports/pods.ts';
import { silentLog } from '../../controller/telemetry/log.ts';
import { createHttpPodClient } from '../../controller/wire/http-pod-client.ts';
import { createPod } from '../../runtime/pod/pod.ts';
import type { Outcome } from '../../runtime/protocol/messages.ts';
import { batchEvent, batchOf, bytes, loadRequest, type RunResult, runOn, startPod, type TestPod, text } from './pod-fixture.ts';

/**
 * Handlers that do the worst at event 1 of three, each of a key of its own, one at a time: what ends as an attempt is event 1, and no other.
 */
const open: TestPod[] = [];
afterEach(async () => {
  for (const pod of open.splice(0)) await pod.close();
});

async function podWith(code: string, changes: Parameters<TestPod['load']>[1] = {}): Promise<TestPod> {
  const pod = await startPod();
  open.push(pod);
  expect(await pod.load(code, changes)).toMatchObject({ kind: 'ready' });
  return pod;
}

const guilty = (statement: string): string => `
  import { createRequire } from 'node:module';
  const require = createRequire(import.meta.url);
  export default async (event, ctx) => { if (event.data === 1) { ${statement} } return event.data; }`;

const threeEvents = () => batchOf([0, 1, 2].map(index => batchEvent(index)));
const kinds = ({ outcomes }: RunResult) => [0, 1, 2].map(index => summary(outcomes.get(index)));

function summary(outcome: Outcome | undefined): string {
  if (outcome?.kind === 'failed') return `failed ${outcome.reason}`;
  if (outcome?.kind === 'returned') return `returned ${outcome.why}`;
  return outcome?.kind ?? 'unanswered';
}

describe('what is thrown ends as an attempt with a bounded error, and the neighbours are handled', () => {
  test.each([
    ['an error', `throw new Error('no')`, 'Error', 'no'],
    ['undefined', 'throw undefined', 'undefined', 'undefined was thrown'],
    ['null', 'throw null', 'null', 'null was thrown'],
    ['a text', `throw 'plain'`, 'string', 'plain'],
    ['a number', 'throw 7', 'number', '7 was thrown'],
    ['a symbol', `throw Symbol('s')`, 'symbol', 'Symbol(s) was thrown'],
    ['a BigInt', 'throw 7n', 'bigint', '7 was thrown'],
    ['a frozen object', `throw Object.freeze({ message: 'cold' })`, 'Error', 'cold'],
    ['an object without a prototype', 'throw Object.create(null)', 'Error', 'an object without a message was thrown'],
    ['a function', 'throw function named() {}', 'named', 'an object without a message was thrown'],
    [
      'an error whose getters throw',
      `throw Object.defineProperties(new Error('x'), Object.fromEntries(['stack', 'message', 'name', 'code', 'cause'].map(p => [p, { get() { throw new Error('getter'); } }])))`,
      'Error',
      'an object without a message was thrown',
    ],
    [
      'a proxy that throws',
      `throw new Proxy({}, { get() { throw 1; }, has() { throw 1; }, ownKeys() { throw 1; }, getPrototypeOf() { throw 1; } })`,
      'Error',
      'an object without a message was thrown',
    ],
    [
      'a message that is no text',
      `throw Object.assign(new Error('x'), { message: { a: 1 } })`,
      'Error',
      'an object without a message was thrown',
    ],
    ['a thenable that throws', `return { get then() { throw new Error('then'); } }`, 'Error', 'then'],
    ['a rejection', `return Promise.reject(new TypeError('later'))`, 'TypeError', 'later'],
  ])('%s', async (_, statement, name, message) => {
    const pod = await podWith(guilty(statement));
    const result = await pod.run(threeEvents());
    expect(kinds(result)).toEqual(['ok', 'failed error', 'ok']);
    expect(result.outcomes.get(1)).toMatchObject({ retryable: true, error: { name, message } });
  });

  test('a message of 10 MB is cut at 4 KiB, and its stack at 16 KiB', async () => {
    const pod = await podWith(guilty(`throw new Error('é'.repeat(5_000_000))`));
    const outcome = (await pod.run(threeEvents())).outcomes.get(1);
    if (outcome?.kind !== 'failed') throw new Error('not failed');
    expect(bytes(outcome.error.message).length).toBeLessThanOrEqual(4_096);
    expect(bytes(outcome.error.message).length).toBeGreaterThan(4_000);
    expect(bytes(outcome.error.stack ?? '').length).toBeLessThanOrEqual(16_384);
    expect(outcome.error.stack).toContain('bundle.mjs:');
  });

  test.each([
    ['NonRetryableError', `class E extends Error { code = 'FAAS_NON_RETRYABLE' }; throw new E('never')`, 'error', false],
    ['an undeclared emit', `ctx.emit('elsewhere', null, 1)`, 'undeclared', false],
    ['an undeclared start', `ctx.start('elsewhere', null, 1)`, 'undeclared', false],
    ['an undeclared call', `await ctx.call('other.elsewhere', null, 1)`, 'undeclared', false],
    ['a call that is not awaited', `ctx.call('tax', null, 1)`, 'floating-call', false],
    ['a state of 1 MiB and more', `ctx.state.set('x'.repeat(1024 * 1024))`, 'too-large', false],
    ['an emit of 1 MiB and more', `ctx.emit('vips', null, 'x'.repeat(1024 * 1024))`, 'too-large', false],
    ['emits of 8 MiB together', `for (let i = 0; i < 9; i += 1) ctx.emit('vips', null, 'x'.repeat(1024 * 1024 - 100))`, 'too-large', false],
    [
      'an emit with more headers than a record can say',
      `ctx.emit('vips', null, 1, { headers: Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => ['h' + i, ''])) })`,
      'too-large',
      false,
    ],
    [
      'an emit with a longer name of a header than a record can say',
      `ctx.emit('vips', null, 1, { headers: { ['h'.repeat(70_000)]: '' } })`,
      'too-large',
      false,
    ],
    ['a BigInt emitted', `ctx.emit('vips', null, { n: 1n })`, 'error', true],
    ['a cycle emitted', `const a = {}; a.a = a; ctx.emit('vips', null, a)`, 'error', true],
    ['a state that is undefined', `ctx.state.set(undefined)`, 'error', true],
    ['a toJSON that throws', `ctx.state.set({ toJSON() { throw { get message() { throw 1 } } } })`, 'error', true],
  ])('%s', async (_, statement, reason, retryable) => {
    const pod = await podWith(guilty(statement));
    const result = await pod.run(threeEvents());
    expect(kinds(result)).toEqual(['ok', `failed ${reason}`, 'ok']);
    expect(result.outcomes.get(1)).toMatchObject({ retryable });
  });

  test('the error of what cannot be emitted is named', async () => {
    const pod = await podWith(guilty(`ctx.emit('vips', null, { n: 1n })`));
    expect((await pod.run(threeEvents())).outcomes.get(1)).toMatchObject({ error: { code: 'FAAS_EMIT_NOT_JSON' } });
  });
});

describe('a handler that does not end is ended: it has the attempt, its neighbours run again without one', () => {
  test.each([
    ['an endless loop', 'while (true);'],
    ['a regular expression that backtracks for ever', `/^(a+)+$/.test('a'.repeat(60) + 'b')`],
    ['a promise that never resolves', 'await new Promise(() => {})'],
    ['a loop after waiting', 'await new Promise(done => setTimeout(done, 20)); while (true);'],
    ['microtasks without end', 'const spin = () => Promise.resolve().then(spin); await spin();'],
  ])('%s', async (_, statement) => {
    const pod = await podWith(guilty(statement), { timeoutMs: 300 });
    const started = Date.now();
    const result = await pod.run(threeEvents());
    expect(result.end).toEqual({ kind: 'done' });
    expect(kinds(result).map(kind => (kind === 'returned neighbour-timeout' ? 'again' : kind))).toEqual([
      expect.stringMatching(/ok|again/),
      'failed timeout',
      'again',
    ]);
    expect(Date.now() - started).toBeLessThan(3_000);
    expect(kinds(await pod.run(batchOf([batchEvent(0)])))[0]).toBe('ok');
  });

  test('while the event loop turns, side by side with others: only the one that is late has the attempt', async () => {
    const pod = await podWith(
      guilty('await new Promise(() => {})').replace(
        'return event.data',
        'await new Promise(d => setTimeout(d, event.data === 2 ? 600 : 1))',
      ),
      {
        timeoutMs: 400,
        concurrency: 3,
      },
    );
    const first = pod.run(batchOf([batchEvent(0), batchEvent(1)]));
    await new Promise(resolve => setTimeout(resolve, 150));
    const second = await pod.run(batchOf([batchEvent(0, 2)]));
    expect(summary((await first).outcomes.get(1))).toBe('failed timeout');
    expect(summary(second.outcomes.get(0))).toBe('returned neighbour-timeout');
  });

  test('one that blocks the loop while another waits has the attempt, though the other is late first', async () => {
    const code = `export default async event => { if (event.data === 'wait') await new Promise(d => setTimeout(d, 100)); else while (true); }`;
    const pod = await podWith(code, { timeoutMs: 500, concurrency: 2 });
    const result = await pod.run(batchOf([batchEvent(0, 'wait'), batchEvent(1, 'block')]));
    expect([summary(result.outcomes.get(0)), summary(result.outcomes.get(1))]).toEqual(['returned neighbour-timeout', 'failed timeout']);
  });

  test('when several ran and one blocks after waiting, nobody knows which: all run again, alone', async () => {
    const code = `export default async event => { await new Promise(d => setTimeout(d, event.data)); if (event.data === 30) while (true); }`;
    const pod = await podWith(code, { timeoutMs: 500, concurrency: 2 });
    const result = await pod.run(batchOf([batchEvent(0, 30), batchEvent(1, 200)]));
    expect([summary(result.outcomes.get(0)), summary(result.outcomes.get(1))]).toEqual(['returned worker-ended', 'returned worker-ended']);
  });

  test('a handler that heeds its signal fails with the reason timeout, and nobody else is disturbed', async () => {
    const pod = await podWith(guilty(`await new Promise((_, no) => ctx.signal.addEventListener('abort', () => no(ctx.signal.reason)))`), {
      timeoutMs: 200,
    });
    expect(kinds(await pod.run(threeEvents()))).toEqual(['ok', 'failed timeout', 'ok']);
  });

  test('the time that a direct call has left counts from its arrival', async () => {
    const pod = await podWith(guilty('while (true);'), { timeoutMs: 60_000 });
    const result = await pod.run(batchOf([batchEvent(0, 1, { remainingMs: 200, trigger: 'call' })]));
    expect(summary(result.outcomes.get(0))).toBe('failed timeout');
  });
});

describe('a handler that ends its worker has the attempt', () => {
  test.each([
    ['process.exit', 'process.exit(3)'],
    ['process.exit after waiting', 'await new Promise(d => setTimeout(d, 20)); process.exit(0)'],
    ['process.kill of itself', `process.kill(process.pid, 'SIGKILL')`],
    ['process.reallyExit', 'process.reallyExit(2)'],
  ])('%s', async (_, statement) => {
    const pod = await podWith(guilty(statement));
    const result = await pod.run(threeEvents());
    expect(result.end).toEqual({ kind: 'done' });
    expect(kinds(result)).toEqual([expect.stringMatching(/ok|returned neighbour-crash/), 'failed crash', 'returned neighbour-crash']);
    expect(kinds(await pod.run(batchOf([batchEvent(0)])))[0]).toBe('ok');
  });

  test.each([
    ['process.abort', 'process.abort()'],
    ['process.chdir', `process.chdir('/')`],
  ])('%s is an error: a worker has no such thing', async (_, statement) => {
    const pod = await podWith(guilty(statement));
    expect(kinds(await pod.run(threeEvents()))).toEqual(['ok', 'failed error', 'ok']);
  });

  test('with several running, the one that asked is known', async () => {
    const code = `export default async event => { await new Promise(d => setTimeout(d, 50)); if (event.data === 1) process.exit(1); await new Promise(d => setTimeout(d, 1000)); }`;
    const pod = await podWith(code, { concurrency: 3 });
    expect(kinds(await pod.run(threeEvents()))).toEqual(['returned neighbour-crash', 'failed crash', 'returned neighbour-crash']);
  });

  test('an array that grows for ever ends as memory, or ends the whole pod', async () => {
    const pod = await podWith(guilty('const all = []; while (true) all.push(new Array(1000).fill(event));'), { timeoutMs: 60_000 });
    const exit = new Promise<PodExit>(resolve => pod.pods.onExit(resolve));
    const result = await pod.run(threeEvents());
    if (result.end.kind === 'lost') expect((await exit).reason).toBe('memory');
    else expect(kinds(result)[1]).toMatch(/failed memory/);
  });

  test('buffers that grow for ever are seen by the memory watch: the event has the attempt, and the pod ends', async () => {
    const pod = await podWith(guilty(`const all = []; while (true) { all.push(Buffer.alloc(4e6, 1)); await new Promise(setImmediate); }`), {
      timeoutMs: 60_000,
    });
    const exit = new Promise<PodExit>(resolve => pod.pods.onExit(resolve));
    const result = await pod.run(threeEvents());
    expect(kinds(result)).toEqual([expect.stringMatching(/ok|neighbour-crash/), 'failed memory', 'returned neighbour-crash']);
    expect(await exit).toMatchObject({ reason: 'memory' });
  });
});

describe('native calls that cannot be terminated: the event has the attempt, the neighbours run again, the pod ends as stuck', () => {
  test.each([
    ['pbkdf2Sync of billions of rounds', () => `require('node:crypto').pbkdf2Sync('p', 's', 2 ** 31 - 1, 64, 'sha512')`],
    ['reading a FIFO that nobody writes', (fifo: string) => `require('node:fs').readFileSync(${JSON.stringify(fifo)})`],
  ])('%s', async (_, statement) => {
    const folder = mkdtempSync(join(tmpdir(), 'faas-test-'));
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    try {
      const pod = await podWith(guilty(statement(fifo)), { timeoutMs: 300 });
      const exit = new Promise<PodExit>(resolve => pod.pods.onExit(resolve));
      const result = await pod.run(threeEvents());
      expect(kinds(result)).toEqual([expect.stringMatching(/ok|neighbour-timeout/), 'failed timeout', 'returned neighbour-timeout']);
      expect(await exit).toMatchObject({ reason: 'stuck' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('what nobody catches', () => {
  test.each([
    ['an exception in a timer', `setTimeout(() => { throw new Error('later') }, 10); await new Promise(() => {})`, 'later'],
    ['an unhandled rejection', `Promise.reject(new Error('lost')); await new Promise(() => {})`, 'lost'],
    ['an error event without a listener', `new (require('node:events'))().emit('error', new Error('event'))`, 'event'],
    ['undefined, thrown in a timer', `setTimeout(() => { throw undefined }, 10); await new Promise(() => {})`, 'undefined was thrown'],
  ])('%s, while the event runs, is its attempt', async (_, statement, message) => {
    const pod = await podWith(guilty(statement));
    const result = await pod.run(threeEvents());
    expect(kinds(result)).toEqual(['ok', 'failed error', 'ok']);
    expect(result.outcomes.get(1)).toMatchObject({ error: { message } });
  });

  test('with several running it is the attempt of the one that started it', async () => {
    const code = `export default async event => { if (event.data === 1) setTimeout(() => { throw new Error('mine') }, 20); await new Promise(d => setTimeout(d, 120)); }`;
    const pod = await podWith(code, { concurrency: 3 });
    expect(kinds(await pod.run(threeEvents()))).toEqual(['ok', 'failed error', 'ok']);
  });

  test('of an event that is over it is nobody else’s attempt', async () => {
    const code = `export default async event => { if (event.data === 0) setTimeout(() => { throw new Error('late') }, 60); else await new Promise(d => setTimeout(d, 150)); }`;
    const pod = await podWith(code);
    const output: string[] = [];
    pod.pods.onOutput(({ text: line }) => output.push(line));
    expect(kinds(await pod.run(threeEvents()))).toEqual(['ok', 'ok', 'ok']);
    expect(output.join('')).toContain('late');
  });

  test('where nobody knows who started it and several run, all run again, alone', async () => {
    const code = `
      let go; const trigger = new Promise(r => { go = r }); trigger.then(() => { throw new Error('whose') });
      export default async event => { if (event.data === 1) go(); await new Promise(d => setTimeout(d, 200)); }`;
    const pod = await podWith(code, { concurrency: 3 });
    expect(kinds(await pod.run(threeEvents()))).toEqual(['returned worker-ended', 'returned worker-ended', 'returned worker-ended']);
  });
});

describe('what a handler does to its surroundings does not reach the wire', () => {
  test.each([
    ['JSON.stringify and JSON.parse replaced', `JSON.stringify = () => 'x'; JSON.parse = () => 'y';`],
    ['Object.prototype polluted', `Object.prototype.kind = 'evil'; Object.prototype.toJSON = () => 'evil'; Object.prototype.order = 3;`],
    [
      'Array.prototype and String.prototype polluted',
      `Array.prototype.toJSON = () => 'x'; String.prototype.toJSON = () => 'x'; Array.prototype.join = () => 'x';`,
    ],
    [
      'Buffer, TextEncoder and Date replaced',
      `globalThis.Buffer = undefined; globalThis.TextEncoder = undefined; globalThis.TextDecoder = undefined; Date.now = () => 0;`,
    ],
    [
      'setImmediate, queueMicrotask and Promise replaced',
      `globalThis.setImmediate = undefined; globalThis.queueMicrotask = undefined; globalThis.Promise = undefined;`,
    ],
    [
      'typed arrays broken',
      `Uint8Array.prototype.set = () => {}; Uint8Array.prototype.subarray = () => 1; TextEncoder.prototype.encodeInto = () => 1;`,
    ],
    ['parentPort closed', `require('node:worker_threads').parentPort.close()`],
    [
      'garbage posted to the parent',
      `const { parentPort } = require('node:worker_threads'); for (let i = 0; i < 100; i += 1) parentPort.postMessage({ kind: 'replies', batchId: 1, answered: [0, 1, 2] })`,
    ],
    ['listeners removed', `process.removeAllListeners(); process.exitCode = 9;`],
    ['a huge return value', `return 'x'.repeat(64 * 1024 * 1024)`],
  ])('%s', async (_, statement) => {
    const pod = await podWith(guilty(`ctx.emit('vips', 'k', { a: 1 }); ${statement}`));
    const result = await pod.run(threeEvents());
    expect(kinds(result)).toEqual(['ok', 'ok', 'ok']);
    const outcome = result.outcomes.get(1);
    expect(outcome?.kind === 'ok' && outcome.emits.map(emit => text(emit.value))).toEqual(['{"a":1}']);
    expect(kinds(await pod.run(threeEvents()))).toEqual(['ok', 'ok', 'ok']);
  });

  test('an answer of more than 1 MiB is too large', async () => {
    const pod = await podWith(guilty(`return 'x'.repeat(2 * 1024 * 1024)`));
    const result = await pod.run(batchOf([batchEvent(0, 1, { trigger: 'call' }), batchEvent(1, 2, { trigger: 'call' })]));
    expect([summary(result.outcomes.get(0)), summary(result.outcomes.get(1))]).toEqual(['failed too-large', 'ok']);
  });
});

describe('payloads', () => {
  test.each([
    ['malformed', '{"a":'],
    ['empty', ''],
    ['deeply nested', '['.repeat(10_000) + ']'.repeat(10_000)],
    ['deeply nested and cut off', '['.repeat(10_000)],
    ['two values', '1 2'],
  ])('%s: a failure with the reason decode, that no retry mends', async (_, payload) => {
    const pod = await podWith('export default () => {}');
    const result = await pod.run(batchOf([batchEvent(0), batchEvent(1, 0, { value: bytes(payload) }), batchEvent(2)]));
    expect(kinds(result)).toEqual(['ok', 'failed decode', 'ok']);
    expect(result.outcomes.get(1)).toMatchObject({ retryable: false, error: { code: 'FAAS_DECODE' } });
  });

  test('what is no UTF-8 is a failure with the reason decode', async () => {
    const pod = await podWith('export default () => {}');
    const result = await pod.run(batchOf([batchEvent(0, 0, { value: new Uint8Array([0x22, 0xff, 0x22]) })]));
    expect(summary(result.outcomes.get(0))).toBe('failed decode');
  });

  test('no value is null; 256 levels are read; bytes of another type arrive as they are', async () => {
    const pod = await podWith(
      'export default e => e.data instanceof Uint8Array ? [...e.data] : typeof e.data === "string" ? e.data : JSON.stringify(e.data).length',
    );
    const call = { trigger: 'call' } as const;
    const contentType = (type: string) => ({ headers: [['content-type', bytes(type)] as const] });
    const result = await pod.run(
      batchOf([
        batchEvent(0, 0, { ...call, value: null }),
        batchEvent(1, 0, { ...call, value: bytes('['.repeat(256) + ']'.repeat(256)) }),
        batchEvent(2, 0, { ...call, value: new Uint8Array([0xff, 0]), ...contentType('application/octet-stream') }),
        batchEvent(3, 0, { ...call, value: bytes('plain'), ...contentType('text/plain; charset=utf-8') }),
        batchEvent(4, 0, { ...call, value: bytes('{"a":1}'), ...contentType('application/merge-patch+json') }),
      ]),
    );
    const answers = [0, 1, 2, 3, 4].map(index => {
      const outcome = result.outcomes.get(index);
      return outcome?.kind === 'ok' ? text(outcome.answer) : outcome;
    });
    expect(answers).toEqual(['4', '512', '[255,0]', '"plain"', '7']);
  });
});

test.each([
  ['an event that is not there', '[7]'],
  ['an event twice', '[0, 0]'],
])('a worker that answers for %s is ended, and its batch with it', async (_, answered) => {
  const folder = mkdtempSync(join(tmpdir(), 'faas-pod-'));
  const workerFile = join(folder, 'worker.mjs');
  writeFileSync(
    workerFile,
    `import { parentPort } from 'node:worker_threads';
     parentPort.once('message', port => port.on('message', ({ kind, batchId }) => {
       if (kind === 'load') port.postMessage({ kind: 'loaded', handler: 'event', loadMs: 0, initMs: 0 });
       if (kind === 'batch') port.postMessage({ kind: 'replies', batchId, frames: new Uint8Array(), answered: ${answered} });
     }));`,
  );
  const pod = createPod({ bootId: 'boot', memoryBytes: 2 ** 28, workerFile, rssBytes: () => 0, output: () => {}, exit: () => {} });
  const client = createHttpPodClient({ clock: systemClock, log: silentLog });
  try {
    const address = `http://127.0.0.1:${await pod.listen('127.0.0.1')}`;
    const info = { id: 'pod', bootId: 'boot', address, token: 'token', startedAtMs: 0, pid: undefined };
    pod.admit({ secret: { kind: 'token', text: info.token }, callbackUrl: '' });
    expect(await client.load(info, loadRequest(''), 5_000)).toMatchObject({ kind: 'ready' });
    const result = await runOn(client, info, threeEvents());
    expect(result.end).toEqual({ kind: 'done' });
    expect(kinds(result)).toEqual(['returned neighbour-crash', 'returned neighbour-crash', 'returned neighbour-crash']);
  } finally {
    await client.close();
    pod.destroy();
    rmSync(folder, { recursive: true });
  }
});
