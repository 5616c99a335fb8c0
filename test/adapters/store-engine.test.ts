import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DataFolder, openDataFolder } from '../../controller/adapters/sqlite/database.ts';
import { loadDriver, type SqlDatabase } from '../../controller/adapters/sqlite/driver.ts';
import type { Answer, ArgumentOf, OperationName, Request } from '../../controller/adapters/sqlite/operations.ts';
import { packRecords } from '../../controller/adapters/sqlite/record-codec.ts';
import { StoreEngine } from '../../controller/adapters/sqlite/store-engine.ts';

let folder: string;
let data: DataFolder;
let engine: StoreEngine;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'faas-engine-'));
  data = await openDataFolder(folder, process.pid);
  engine = new StoreEngine(data.database, 'inline');
  carryOut(ask('ensureTopic', { topic: 't', options: { partitions: 2 } }));
});
afterEach(() => {
  data.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a group is answered in two parts: reads of what was there before, then writes', () => {
  const parts: (readonly Answer[])[] = [];
  const requests = [append(0, 10), end(0), append(1, 10), end(1)];
  engine.carryOut(requests, answers => parts.push(answers));
  expect(parts.map(answers => answers.map(({ id }) => id))).toEqual([
    [requests[1]?.id, requests[3]?.id],
    [requests[0]?.id, requests[2]?.id],
  ]);
  expect(values(parts[0] ?? [])).toEqual([[{ startOffset: 0, endOffset: 0 }], [{ startOffset: 0, endOffset: 0 }]]);
});

test('small appends of one group become one row per partition', () => {
  carryOut(...Array.from({ length: 50 }, (_, i) => append(i % 2, 100)));
  expect(data.database.sql('SELECT count(*) AS rows, sum(records) AS records FROM log').get()).toEqual({ rows: 2, records: 50 });
});

test('a write that fails does not take the others of its group with it', () => {
  const spec = { context: 'c', owner: undefined, streams: [], functions: [] };
  const wrong = () => ask('activate', { spec, revisionIds: new Map([['f', 'r1-none']]), atMs: 1 });
  const answers = carryOut(append(0, 10), wrong(), append(0, 10));
  expect(answers.map(answer => ('error' in answer ? answer.error.code : answer.value))).toEqual([[0], 'FAAS_REVISION_UNKNOWN', [1]]);
  expect(values(carryOut(end(0)))).toEqual([[{ startOffset: 0, endOffset: 2 }]]);
});

describe('a full disk', () => {
  test('refuses what does not fit, keeps what was acknowledged, and goes on when there is space', () => {
    const acknowledged = [0];
    carryOut(append(0, 1000));
    const pages = Number(data.database.sql('PRAGMA page_count').get()?.page_count);
    data.database.exec(`PRAGMA max_page_count = ${pages + 40}`);
    const refused: string[] = [];
    for (let i = 0; i < 20; i += 1) {
      const [answer] = carryOut(append(0, 20_000));
      if (answer !== undefined && 'error' in answer) refused.push(answer.error.code);
      else acknowledged.push(...(values(answer === undefined ? [] : [answer])[0] as number[]));
    }
    expect(refused.length).toBeGreaterThan(5);
    expect(new Set(refused)).toEqual(new Set(['FAAS_STORE_FULL']));
    expect(values(carryOut(end(0)))).toEqual([[{ startOffset: 0, endOffset: acknowledged.length }]]);
    data.database.exec('PRAGMA max_page_count = 1000000');
    expect(values(carryOut(append(0, 20_000)))).toEqual([[acknowledged.length]]);
    expect(acknowledged).toEqual(Array.from({ length: acknowledged.length }, (_, i) => i));
  });

  test('refuses a commit as a whole, and the same one goes through later', () => {
    carryOut(ask('claim', { unit: 'c.f', source: 't.0', ownerToken: 'o', brokerGeneration: 0, nowMs: 1, committedOffset: 0 }));
    const pages = Number(data.database.sql('PRAGMA page_count').get()?.page_count);
    data.database.exec(`PRAGMA max_page_count = ${pages + 3}`);
    const commit = () => {
      const emits = packRecords([{ key: null, value: new Uint8Array(50_000), headers: [] }], [1]);
      return ask('commit', {
        ...{
          unit: 'c.f',
          source: 't.0',
          nowMs: 1,
          ownerToken: 'o',
          ordinal: 1,
          id: 'a',
          stream: 's',
          expectedFrontier: undefined,
          parking: undefined,
          highSeqOffset: 0,
          highSeqs: [],
        },
        ...{
          done: [[0, 3]],
          clearAttempts: [],
          readVersions: [],
          idExpiries: [],
          bytes: { lengths: [1, 1], data: Uint8Array.of(107, 49).buffer },
          writes: 1,
        },
        emits: { ...emits, targets: [{ topic: 't', partition: 1 }] },
      });
    };
    const [refused] = carryOut(commit());
    expect(refused !== undefined && 'error' in refused && refused.error.code).toBe('FAAS_STORE_FULL');
    expect(values(carryOut(ask('progress', 'c.f'), end(1)))).toEqual([
      [{ source: 't.0', frontier: 0, doneAbove: 0 }],
      [{ startOffset: 0, endOffset: 0 }],
    ]);
    data.database.exec('PRAGMA max_page_count = 1000000');
    const result = { kind: 'ok', firstSeq: { generation: 1, counter: 1 }, frontier: 3 };
    expect(values(carryOut(commit()))).toEqual([{ result, ends: [1] }]);
  });
});

describe('a lock of another program', () => {
  let other: SqlDatabase;
  beforeEach(async () => {
    const { DatabaseSync } = await loadDriver();
    other = new DatabaseSync(join(folder, 'faas.db'));
    other.exec("BEGIN EXCLUSIVE; UPDATE topics SET name = 'u'");
  });
  afterEach(() => other.close());

  test('refuses all writes of a group after one wait, the next ones after a short one, answers reads, and goes on when it is gone', () => {
    const refused = (answers: readonly Answer[]) => answers.map(answer => ('error' in answer ? answer.error : answer.value));
    const locked = {
      code: 'FAAS_STORE_LOCKED',
      message: `another program holds a lock on ${join(folder, 'faas.db')}`,
      hint: expect.stringContaining('End that program'),
    };
    const beginMs = performance.now();
    expect(refused(carryOut(append(0, 10), append(1, 10), append(0, 10)))).toEqual([locked, locked, locked]);
    const waitedMs = performance.now() - beginMs;
    expect(waitedMs).toBeGreaterThan(4_900);
    expect(waitedMs).toBeLessThan(10_000);
    for (let turn = 0; turn < 5; turn += 1) expect(refused(carryOut(append(0, 10), append(1, 10)))).toEqual([locked, locked]);
    expect(performance.now() - beginMs - waitedMs).toBeLessThan(4_900);
    expect(values(carryOut(end(0)))).toEqual([[{ startOffset: 0, endOffset: 0 }]]);
    other.exec('ROLLBACK');
    expect(values(carryOut(append(0, 10), append(0, 10)))).toEqual([[0], [1]]);
  }, 30_000);
});

let lastId = 0;

function ask<N extends OperationName>(name: N, argument: ArgumentOf<N>): Request {
  lastId += 1;
  return { id: lastId, name, argument };
}

function append(partition: number, size: number): Request {
  const { chunks, data: packed } = packRecords([{ key: null, value: new Uint8Array(size), headers: [] }], [partition]);
  return ask('append', { chunks, data: packed, atMs: 5 });
}

function end(partition: number): Request {
  return ask('bounds', { firstSlot: partition, partitions: 1 });
}

/** All answers, in the order of the requests. */
function carryOut(...requests: Request[]): Answer[] {
  const answers: Answer[] = [];
  engine.carryOut(requests, part => answers.push(...part));
  return answers.toSorted((a, b) => a.id - b.id);
}

function values(answers: readonly Answer[]): unknown[] {
  return answers.map(answer => ('value' in answer ? answer.value : answer.error));
}
