import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeReport, encodeReport } from '../../controller/cluster/codec.ts';
import type { ProcessReport, ReportMessage } from '../../controller/cluster/messages.ts';
import { applied, differenceOf } from '../../controller/cluster/report-difference.ts';
import { ReportKeeper, ReportSender } from '../../controller/cluster/report-exchange.ts';
import { unitReport } from '../support/unit-report.ts';
import { exitOf, partition, podOf, reportOf, reportOfUnit, unit } from './cluster-samples.ts';

const unitNames = ['shop.a', 'shop.b', 'shop.c'];
const perUnit = <One extends { readonly unit: string }>(one: (unit: string) => fc.Arbitrary<One>) =>
  fc.subarray(unitNames).chain(names => fc.tuple(...names.map(one)));
/** As what is written out, and not a dictionary. */
const recordOf = <Value>(model: { [Name in keyof Value]: fc.Arbitrary<Value[Name]> }) => fc.record(model, { noNullPrototype: true });
const reports: fc.Arbitrary<ProcessReport> = recordOf({
  process: fc.constant('a'),
  hosting: fc.option(
    recordOf({
      podsMax: fc.nat(2),
      revision: fc.nat(2),
      pods: fc.subarray([podOf('p'), podOf('q')]),
      replicas: fc.dictionary(fc.constantFrom(...unitNames), fc.nat(2)).map(counts => new Map(Object.entries(counts))),
      exits: fc.subarray([exitOf('p'), exitOf('q')]),
    }),
    { nil: undefined },
  ),
  units: perUnit(name =>
    recordOf({
      waiting: fc.nat(2),
      inFlightByPod: fc.dictionary(fc.constantFrom('p', 'q'), fc.nat(2)).map(counts => new Map(Object.entries(counts))),
      partitions: fc.array(fc.nat(1), { maxLength: 2 }).map(frontiers => frontiers.map((frontier, index) => partition(index, frontier))),
    }).map(figures => unitReport(name, figures)),
  ),
  calls: perUnit(name => recordOf({ unit: fc.constant(name), open: fc.nat(1), takenTotal: fc.nat(2) })),
});

const sorted = (report: ProcessReport | undefined) =>
  report && {
    ...report,
    units: report.units.toSorted((a, b) => (a.unit < b.unit ? -1 : 1)),
    calls: report.calls.toSorted((a, b) => (a.unit < b.unit ? -1 : 1)),
  };
/** As another process reads it. */
const sent = (message: ReportMessage): ReportMessage => decodeReport(JSON.parse(encodeReport(message)));

describe('a difference between two reports', () => {
  test('applied to the first is the second', () => {
    fc.assert(
      fc.property(reports, reports, (before, now) => {
        const difference = differenceOf(before, now);
        if (difference === undefined) expect(before.hosting === undefined).toBe(now.hosting !== undefined);
        else expect(sorted(applied(before, difference))).toEqual(sorted(now));
      }),
    );
  });

  test('of two that say the same is empty, and changes nothing', () => {
    fc.assert(
      fc.property(reports, report => {
        const difference = differenceOf(report, structuredClone(report));
        expect(difference).toEqual({ hosting: undefined, units: [], unitsGone: [], calls: [], callsGone: [] });
        if (difference !== undefined) expect(applied(report, difference)).toBe(report);
      }),
    );
  });

  test('names what has changed, whole, and nothing else', () => {
    const still = unitReport('shop.still');
    const before = reportOf('a', { pods: [podOf('p')] }, [still, reportOfUnit(), unitReport('shop.gone')]);
    const busy = reportOfUnit({ waiting: 1 });
    const now = reportOf('a', { pods: [podOf('p')] }, [unitReport('shop.still'), busy, unitReport('shop.new')]);
    expect(differenceOf(before, now)).toEqual({
      hosting: undefined,
      units: [busy, unitReport('shop.new')],
      unitsGone: ['shop.gone'],
      calls: [],
      callsGone: [],
    });
  });
});

describe('reports on their way to a leader', () => {
  const report = reportOf('a', {}, [reportOfUnit()]);
  const kindsOf = (messages: readonly ReportMessage[]) => messages.map(({ kind }) => kind);

  test('are differences from the second on, as long as the leader says that it holds the one before', () => {
    const sender = new ReportSender();
    const first = sender.next(report);
    sender.answered(first.sequence);
    const second = sender.next(report);
    const unanswered = sender.next(report);
    sender.answered(undefined);
    const third = sender.next(report);
    sender.answered(second.sequence);
    expect(kindsOf([first, second, unanswered, third, sender.next(report)])).toEqual(['whole', 'difference', 'whole', 'whole', 'whole']);
  });

  test('are all whole to a leader that knows no differences, and taken whole from a process that sends none', () => {
    const sender = new ReportSender();
    const messages = [1, 2, 3].map(() => {
      sender.answered(undefined);
      return sender.next(report);
    });
    expect(kindsOf(messages)).toEqual(['whole', 'whole', 'whole']);
    const keeper = new ReportKeeper();
    expect(keeper.take({ kind: 'whole', sequence: undefined, report })).toEqual(report);
  });

  test.each([
    ['comes for the first time', [], false],
    ['follows what is held', ['held'], true],
    ['comes a second time', ['held', 'this'], false],
    ['follows one that was lost', ['older'], false],
    ['comes after a newer whole one', ['held', 'newer'], false],
    ['comes to a leader that has forgotten the process', ['held', 'forget'], false],
    ['comes after a report without a number', ['held', 'unnumbered'], false],
  ])('a difference that %s: taken or refused', (_, before, isTaken) => {
    const empty = { hosting: undefined, units: [], unitsGone: [], calls: [], callsGone: [] };
    const difference: ReportMessage = { kind: 'difference', process: 'a', base: 5, sequence: 6, difference: empty };
    const messages: Readonly<Record<string, ReportMessage>> = {
      held: { kind: 'whole', sequence: 5, report },
      older: { kind: 'whole', sequence: 4, report },
      newer: { kind: 'whole', sequence: 7, report },
      unnumbered: { kind: 'whole', sequence: undefined, report },
      this: difference,
    };
    const keeper = new ReportKeeper();
    for (const name of before) {
      const message = messages[name];
      if (message === undefined) keeper.forget('a');
      else keeper.take(message);
    }
    expect(keeper.take(difference)).toEqual(isTaken ? report : undefined);
  });

  test('a whole report that was overtaken on its way changes nothing', () => {
    const keeper = new ReportKeeper();
    keeper.take({ kind: 'whole', sequence: 2, report });
    expect(keeper.take({ kind: 'whole', sequence: 1, report: reportOf('a') })).toBeUndefined();
    expect(keeper.take({ kind: 'whole', sequence: 2, report: reportOf('a') })).toBeUndefined();
  });

  type Fate = 'arrives' | 'lost' | 'unanswered' | 'late' | 'twice' | 'restarted' | 'elsewhere';
  const fates = fc.constantFrom<Fate>('arrives', 'arrives', 'lost', 'unanswered', 'late', 'twice', 'restarted', 'elsewhere');

  test('whatever happens to messages, answers and leaders: a leader never goes back, and one that says that it holds a report shows just that', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(reports, fates), { maxLength: 40 }), steps => {
        const sender = new ReportSender();
        let keeper = new ReportKeeper();
        let other = new ReportKeeper();
        let shown = -1;
        const late: { readonly message: ReportMessage; readonly index: number }[] = [];
        const arrive = (message: ReportMessage, index: number): number | undefined => {
          const taken = keeper.take(sent(message));
          if (taken === undefined) return undefined;
          expect(sorted(taken)).toEqual(sorted(steps[index]?.[0]));
          expect(index).toBeGreaterThanOrEqual(shown);
          shown = index;
          return message.sequence;
        };
        steps.forEach(([report, fate], index) => {
          if (fate === 'restarted') [keeper, shown] = [new ReportKeeper(), -1];
          if (fate === 'elsewhere') {
            [keeper, other] = [other, keeper];
            shown = -1;
          }
          const message = sender.next(report);
          if (fate === 'late') late.push({ message, index });
          if (fate === 'lost' || fate === 'late') return;
          for (const one of late.splice(0)) arrive(one.message, one.index);
          const holds = arrive(message, index);
          if (fate === 'twice') arrive(message, index);
          if (fate === 'unanswered') return;
          sender.answered(holds);
          if (holds !== undefined) return;
          // As a client does: what was refused is sent whole at once, and that is always taken.
          const whole = sender.next(report);
          expect(whole.kind).toBe('whole');
          const held = arrive(whole, index);
          expect(held).toBe(whole.sequence);
          sender.answered(held);
        });
      }),
      { numRuns: 300 },
    );
  });

  test('a thousand functions of which none has changed are a hundred bytes', () => {
    const many = reportOf(
      'a',
      undefined,
      Array.from({ length: 1_000 }, (_, index) => unitReport(`${unit}${index}`, { partitions: [partition(0, 3)] })),
    );
    const sender = new ReportSender();
    sender.answered(sender.next(many).sequence);
    expect(encodeReport(sender.next(structuredClone(many))).length).toBeLessThan(150);
  });
});
