import { describe, expect, test } from 'vitest';
import {
  decodePodsAnswer,
  decodeQuestion,
  decodeReport,
  decodeReportAnswer,
  decodeWish,
  encodePodsAnswer,
  encodeQuestion,
  encodeReport,
  encodeReportAnswer,
  encodeWish,
} from '../../controller/cluster/codec.ts';
import type { PodsAnswer, ReportMessage } from '../../controller/cluster/messages.ts';
import { exitOf, partition, podOf, reportOf, reportOfUnit, unit } from './cluster-samples.ts';

const error = { code: 'FAAS_HANDLER_ERROR', name: 'Error', message: 'no', stack: undefined };
const failing = { sinceMs: 1, failed: 18, of: 20, probesFailed: 2, last: { reason: 'error', error }, revision: 'r1-00000000' };
const busy = reportOfUnit({
  failing,
  inFlightByPod: new Map([['p', 3]]),
  partitions: [{ ...partition(0, 5), endOffset: 9 }, partition(1, 0)],
});
const hosting = { podsMax: 10, revision: 1, pods: [podOf('p')], replicas: new Map([[unit, 2]]), exits: [exitOf('q')] };
const full: ReportMessage = { kind: 'whole', sequence: 3, report: reportOf('a', hosting, [busy]) };
const gateway: ReportMessage = { kind: 'whole', sequence: undefined, report: reportOf('gateway') };
const difference: ReportMessage = {
  kind: 'difference',
  process: 'a',
  base: 3,
  sequence: 4,
  difference: { hosting, units: [busy], unitsGone: ['shop.gone'], calls: [{ unit, open: 1, takenTotal: 2 }], callsGone: ['shop.gone'] },
};
const empty: ReportMessage = { ...difference, difference: { hosting: undefined, units: [], unitsGone: [], calls: [], callsGone: [] } };
const answer: PodsAnswer = {
  term: 't',
  fencing: 3,
  revision: 7,
  isComplete: true,
  hosts: new Map([['b', [podOf('p', 'draining')]]]),
  exits: [{ ...exitOf('q'), unit: undefined }],
  shares: new Map([[unit, 2]]),
  released: 4,
};

describe('messages between processes', () => {
  test('are read as they were written', () => {
    for (const one of [full, gateway, difference, empty]) expect(decodeReport(JSON.parse(encodeReport(one)))).toEqual(one);
    for (const one of [answer, { ...answer, shares: undefined, hosts: new Map() }])
      expect(decodePodsAnswer(JSON.parse(encodePodsAnswer(one)))).toEqual(one);
    const inFlight = { term: 't', fencing: 3, inFlightByPod: new Map([['p', 3]]), holds: 3 };
    for (const one of [inFlight, { ...inFlight, holds: undefined }])
      expect(decodeReportAnswer(JSON.parse(encodeReportAnswer(one)))).toEqual(one);
    for (const one of [
      { process: 'a', term: undefined, revision: 0 },
      { process: 'a', term: 't', revision: 9 },
    ])
      expect(decodeQuestion(JSON.parse(encodeQuestion(one)))).toEqual(one);
    const wish = { unit, pods: 2, reason: 'first-event' } as const;
    expect(decodeWish(JSON.parse(encodeWish(wish)))).toEqual(wish);
  });

  test('may have members that are not known yet', () => {
    expect(decodeWish({ unit, pods: 2, reason: 'first-event', colour: 'green' })).toMatchObject({ unit, pods: 2 });
  });

  test.each([
    ['nothing', decodeReport, undefined],
    ['a list', decodeReport, []],
    ['no process', decodeReport, { ...reportOf('a'), process: undefined }],
    ['a figure that is text', decodeReport, JSON.parse(encodeReport(full).replace('"podsMax":10', '"podsMax":"10"'))],
    ['an address that is none', decodeReport, JSON.parse(encodeReport(full).replace('http://', 'file://'))],
    ['a difference to nothing', decodeReport, JSON.parse(encodeReport(difference).replace('"base":3', '"base":null'))],
    ['half a difference', decodeReport, { process: 'a', base: 3, sequence: 4, units: [] }],
    ['a state that is none', decodePodsAnswer, JSON.parse(encodePodsAnswer(answer).replace('draining', 'tired'))],
    ['a negative share', decodePodsAnswer, JSON.parse(encodePodsAnswer(answer).replace(`"${unit}":2`, `"${unit}":-2`))],
    ['an unknown reason', decodeWish, { unit, pods: 1, reason: 'boredom' }],
    ['half a pod', decodeWish, { unit, pods: 0.5, reason: 'first-event' }],
  ])('%s is refused, with the place', (_, decode, value) => {
    expect(() => decode(value)).toThrow(expect.objectContaining({ code: 'FAAS_CLUSTER_MESSAGE' }));
  });
});
