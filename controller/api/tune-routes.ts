import type { HistoryEntry } from '../ports/history.ts';
import type { ScaleInputs } from '../scale/decision.ts';
import { amountOf } from '../scale/figure.ts';
import { handlingOf, measuredOf } from '../tune/handling-record.ts';
import { type SeenLoad, suggest } from '../tune/suggest.ts';
import type { ApiPorts } from './api-ports.ts';
import { FunctionParams } from './contract.ts';
import { findFunction } from './find-unit.ts';
import { defineRoute, type Route } from './route.ts';
import { inputsOf } from './stored-decision.ts';
import { TuneAnswer, TuneQuery } from './tune-schema.ts';

/** A day of observations each ten seconds, and of records each minute from a few servers. */
const entriesMax = 20_000;
/** Recorded inputs are looked at one by one; a rate lasts for a while, and one in so many of a day says as much. */
const inputsMax = 2_000;

export function tuneRoutes(ports: ApiPorts): readonly Route[] {
  const one = defineRoute({
    method: 'GET',
    path: 'tune',
    tag: 'scaling',
    summary: 'What was measured of a function in the last 24 hours, and limits that would fit it',
    params: FunctionParams,
    query: TuneQuery,
    answer: TuneAnswer,
    handle: async ({ params, query: { sinceMs } }) => {
      const { unit, live } = await findFunction(ports.registry, params);
      const limit = entriesMax;
      const entries = await ports.history.read({ kind: 'observation', unit, limit, ...(sinceMs !== undefined && { sinceMs }) });
      return answerOf(unit, live.spec, entries);
    },
  });
  return [one];
}

function answerOf(unit: string, spec: Parameters<typeof suggest>[0], entries: readonly HistoryEntry[]): TuneAnswer {
  const records = entries.flatMap(entry => handlingOf(entry) ?? []);
  const measured = measuredOf(records);
  const load = loadOf(entries);
  const { timeoutMs, memoryBytes, concurrency } = spec.limits;
  const [first, last] = [entries[0], entries.at(-1)];
  return {
    unit,
    ...(first !== undefined && last !== undefined && { fromMs: first.atMs, untilMs: last.atMs }),
    measured: { ...measured, ...load },
    limits: { timeoutMs, memoryBytes, concurrency },
    suggestions: [...suggest(spec, measured, load)],
  };
}

function loadOf(entries: readonly HistoryEntry[]): SeenLoad {
  const decisions = entries.filter(entry => entry.data.what === 'scale');
  const stride = Math.max(1, Math.ceil(decisions.length / inputsMax));
  const seen = decisions.filter((_, index) => (decisions.length - 1 - index) % stride === 0).flatMap(entry => inputsOf(entry) ?? []);
  const latest = (pick: (observation: ScaleInputs['observation']) => number | undefined) =>
    seen.map(({ observation }) => pick(observation)).findLast(value => value !== undefined);
  // Before a pod was full once, its rate is only what its places would do if they never waited for each other.
  const full = seen.filter(({ observation }) => observation.podRateBest.state !== 'unknown');
  const podRate = amountOf(full.at(-1)?.observation.podRate ?? { state: 'unknown' });
  const [laneRate, startMs] = [latest(one => amountOf(one.laneRate)), latest(one => amountOf(one.startMs))];
  const most = seen.reduce((highest, { observation }) => Math.max(highest, amountOf(observation.arrivalRateCalm) ?? 0), 0);
  return {
    ...(podRate !== undefined && { podRate }),
    ...(laneRate !== undefined && { laneRate }),
    ...(startMs !== undefined && { startMs }),
    ...(most > 0 && { arrivalRateMost: most }),
  };
}
