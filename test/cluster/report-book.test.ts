import { expect, test } from 'vitest';
import { ReportBook } from '../../controller/cluster/report-book.ts';
import { partition, reportOf, reportOfUnit, unit } from './cluster-samples.ts';

test('figures of all processes are added up, and each partition is there once: as the one says that is further', () => {
  const book = new ReportBook();
  const of = (figures: Parameters<typeof reportOfUnit>[0]) => [reportOfUnit(figures)];
  book.take(reportOf('a', undefined, of({ waiting: 2, usablePods: 1, inFlightByPod: new Map([['p', 2]]), partitions: [partition(0, 7)] })));
  book.take(
    reportOf(
      'b',
      undefined,
      of({ waiting: 3, usablePods: 2, isFull: true, inFlightByPod: new Map([['p', 1]]), partitions: [partition(0, 9), partition(1, 4)] }),
    ),
  );
  expect(book.units()).toMatchObject([
    { unit, waiting: 5, usablePods: 3, isFull: true, inFlightByPod: new Map([['p', 3]]), partitions: [partition(0, 9), partition(1, 4)] },
  ]);
  expect(book.calls(unit)).toEqual({ open: 2, takenTotal: 0 });
  expect(book.inFlightByPod()).toEqual(new Map([['p', 3]]));
});

test('totals only grow: what a process did before it was known is not counted, what it did stays when it goes, and it may begin anew', () => {
  const book = new ReportBook();
  const take = (process: string, busyMsTotal: number, calls: number): void =>
    book.take(reportOf(process, undefined, [reportOfUnit({ busyMsTotal })], calls));
  const busyMs = () => book.units()[0]?.busyMsTotal;
  take('a', 1_000, 100);
  expect([busyMs(), book.calls(unit).takenTotal]).toEqual([0, 0]);
  take('a', 1_030, 102);
  take('b', 500, 7);
  expect([busyMs(), book.calls(unit).takenTotal]).toEqual([30, 2]);
  take('b', 540, 8);
  book.forget('a');
  expect([busyMs(), book.calls(unit).takenTotal]).toEqual([70, 3]);
  take('b', 5, 1);
  expect([busyMs(), book.calls(unit).takenTotal]).toEqual([75, 4]);
  book.keep(new Set());
  expect(busyMs()).toBe(0);
});

test('what nobody has changed is the same object, however often it is asked for', () => {
  const book = new ReportBook();
  const report = reportOf('a', undefined, [reportOfUnit({ waiting: 1 })]);
  book.take(report);
  const [units, inFlight] = [book.units(), book.inFlightByPod()];
  book.take(report);
  expect([book.units() === units, book.inFlightByPod() === inFlight]).toEqual([true, true]);
  book.take(reportOf('a', undefined, [reportOfUnit({ waiting: 2, inFlightByPod: new Map([['p', 1]]) })]));
  expect(book.units()).toMatchObject([{ waiting: 2 }]);
  expect(book.inFlightByPod()).toEqual(new Map([['p', 1]]));
});
