import { describe, expect, test } from 'vitest';
import { wrongIds, wrongReplay } from './replay-run.ts';
import { judgeKept, type Kept } from './rolling-load.ts';
import { judgeShop, type ShopFound, shopKeys } from './shop-verdict.ts';

describe('the judge of the crash points', () => {
  const sent = { webhooks: 8, calls: 4 };

  function right() {
    const intake = new Map<string, string[]>();
    const add = (key: string, id: string) => intake.set(key, [...(intake.get(key) ?? []), id]);
    for (let i = 0; i < sent.webhooks; i += 1) add(`webhook-${shopKeys[i % 4]}`, `webhook-${i}`);
    for (let i = 0; i < sent.calls; i += 1) add(`call-${shopKeys[i % 4]}`, `call-${i}`);
    const tally = new Map([...intake].map(([key, log]) => [key, log.map((id, i) => `${id}@${i + 1}`)]));
    intake.set('beat', ['beat@2026-01-01T00:00:00.000Z', 'beat@2026-01-01T00:00:00.500Z', 'beat@2026-01-01T00:00:01.000Z']);
    return { intake, tally, deadLetters: new Map([['intake', 0]]) } satisfies ShopFound;
  }

  test('nothing is wrong where nothing is', () => expect(judgeShop(sent, right())).toEqual({ lost: 0, twice: 0, wrong: [] }));

  test.each<[string, (found: ReturnType<typeof right>) => unknown, { lost?: number; twice?: number }, string]>([
    // The emits of a lost or doubled event are then wrong as well.
    ['a lost webhook', f => f.intake.get('webhook-a')?.pop(), { lost: 1, twice: 1 }, 'webhooks of a: missing [webhook-4]'],
    [
      'a call handled twice',
      f => f.intake.get('call-b')?.push('call-1'),
      { twice: 1, lost: 1 },
      'calls of b: missing [], too many [call-1]',
    ],
    ['a webhook of nobody', f => f.intake.get('webhook-c')?.push('webhook-99'), { twice: 1 }, 'too many [webhook-99]'],
    [
      'an event under another key',
      f => f.intake.get('call-d')?.splice(0, 1, 'call-0'),
      { lost: 1, twice: 2 },
      'calls of d: missing [call-3]',
    ],
    ['a key without state', f => f.intake.delete('webhook-b'), { lost: 2 }, 'webhooks of b'],
    ['a lost emit', f => f.tally.get('call-a')?.pop(), { lost: 1, twice: 0 }, 'tally: missing [call-0@1]'],
    ['a doubled emit', f => f.tally.get('call-a')?.push('call-0@1'), { lost: 0, twice: 1 }, 'tally: missing [], too many [call-0@1]'],
    [
      'an emit of state that did not stand',
      f => f.tally.get('call-a')?.splice(0, 1, 'call-0@2'),
      { lost: 1, twice: 1 },
      'too many [call-0@2]',
    ],
    ['a tick that is missing', f => f.intake.get('beat')?.splice(1, 1), {}, 'ticks: missing [500], too many []'],
    ['a tick that came twice', f => f.intake.get('beat')?.push('beat@2026-01-01T00:00:01.000Z'), {}, 'ticks: missing [], too many [1000]'],
    ['no tick at all', f => f.intake.delete('beat'), {}, 'ticks'],
    ['a dead letter', f => f.deadLetters.set('intake', 1), {}, 'intake has 1 dead letters'],
  ])('%s is found', (_, plant, figures, text) => {
    const planted = right();
    plant(planted);
    const verdict = judgeShop(sent, planted);
    expect(verdict).toMatchObject(figures);
    expect(verdict.wrong.join('\n')).toContain(text);
  });
});

describe('the judge of the rolling load', () => {
  const sent = { number: 3, webhook: 2, call: 0 };
  const kept = (a: readonly string[], b: readonly string[]): readonly Kept[] => [
    { key: 'x-a', value: { ids: a.map(n => `x-a/${n}`), latestMs: 5 } },
    { key: 'x-b', value: { ids: b.map(n => `x-b/${n}`), latestMs: 9 } },
  ];

  test('nothing is wrong where nothing is; the latest event is that of any key', () =>
    expect(judgeKept(kept(['0', '1', '2'], ['0', '1']), sent)).toEqual({ wrong: [], latestMs: 9 }));

  test.each([
    ['a lost event in the middle', kept(['0', '2'], ['0', '1']), 'x-a: at 1 comes x-a/2'],
    ['a lost event at the end', kept(['0', '1'], ['0', '1']), '4 handled of 5 sent'],
    ['a doubled event', kept(['0', '1', '1', '2'], ['0', '1']), 'x-a: at 2 comes x-a/1'],
    ['a lost and a doubled one', kept(['0', '1', '1'], ['0', '1']), 'x-a: at 2 comes x-a/1'],
    ['two in the wrong turn', kept(['0', '2', '1'], ['0', '1']), 'x-a: at 1 comes x-a/2'],
    ['a key that has nothing', kept(['0', '1', '2'], []), '3 handled of 5 sent'],
  ])('%s is found', (_, entries, text) => expect(judgeKept(entries, sent).wrong.join('\n')).toContain(text));
});

describe('the judge of records of a topic', () => {
  const wanted = { records: 6, keys: 2, times: 1 };
  const seen = (even: readonly number[], odd: readonly number[]) =>
    new Map([
      ['k0', even],
      ['k1', odd],
    ]);

  test('nothing is wrong where nothing is', () => {
    expect(wrongIds(seen([0, 2, 4], [1, 3, 5]), wanted)).toEqual([]);
    expect(wrongIds(seen([0, 2, 4, 0, 2, 4], [1, 3, 5, 1, 3, 5]), { ...wanted, times: 2 })).toEqual([]);
    expect(wrongIds(seen([0, 2, 4, 0, 2, 4], [1, 3, 5, 1, 3, 5]), wanted)).toHaveLength(2);
  });

  test.each([
    ['a lost record', seen([0, 2], [1, 3, 5]), 'k0: at 2 of 3 comes nothing instead of 4'],
    ['a doubled record', seen([0, 2, 4], [1, 3, 3, 5]), 'k1: at 2 of 3 comes 3 instead of 5'],
    ['one more at the end', seen([0, 2, 4, 4], [1, 3, 5]), 'k0: at 3 of 3 comes 4 instead of nothing'],
    ['two in the wrong turn', seen([2, 0, 4], [1, 3, 5]), 'k0: at 0 of 3 comes 2 instead of 0'],
    ['a record of another key', seen([0, 1, 4], [1, 3, 5]), 'k0: at 1 of 3 comes 1 instead of 2'],
    ['a key that has nothing', new Map([['k0', [0, 2, 4]]]), 'k1: at 0 of 3 comes nothing instead of 1'],
    ['a key of nobody', new Map([...seen([0, 2, 4], [1, 3, 5]), ['k9', [9]]]), 'k9 is the key of nothing'],
  ])('%s is found', (_, ids, text) => expect(wrongIds(ids, wanted).join('\n')).toContain(text));

  test('a replay that handled nothing again is found', () => {
    const once = new Map(Array.from({ length: 10 }, (_, key) => [`k${key}`, Array.from({ length: 48 }, (_, i) => i * 10 + key)]));
    expect(wrongReplay(once)).toHaveLength(10);
    expect(wrongReplay(new Map([...once].map(([key, ids]) => [key, [...ids, ...ids]])))).toEqual([]);
  });
});
