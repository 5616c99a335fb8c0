import { FaasError } from '../errors.ts';
import { unitOf } from '../functions/live-function.ts';
import type { HistoryEntry } from '../ports/history.ts';
import type { ScaleInputs } from '../scale/decision.ts';
import { type Explanation, explain } from '../scale/explain.ts';
import { amountOf, type Figure, known, unknown } from '../scale/figure.ts';
import type { ApiPorts } from './api-ports.ts';
import { FunctionParams } from './contract.ts';
import { findFunction } from './find-unit.ts';
import { defineRoute, type Route } from './route.ts';
import {
  ObservationsAnswer,
  ObservationsQuery,
  ScaleAnswer,
  ScaleOverrideAnswer,
  ScaleOverrideRequest,
  ScaleQuery,
  type ScaleSummary,
  ScalesAnswer,
} from './scale-schema.ts';
import { inputsAt, inputsOf } from './stored-decision.ts';

const tag = 'scaling';

/** How many pods each function has, and why. Every sentence is computed from the inputs of the decision when it is asked for. */
export function scaleRoutes(ports: ApiPorts): readonly Route[] {
  const all = defineRoute({
    method: 'GET',
    path: 'scales',
    tag,
    summary: 'All functions: age, backlog, rates, pods, and what scaling says to it',
    answer: ScalesAnswer,
    handle: async () => {
      const units = (await ports.registry.functions()).map(one => one.unit);
      const functions = units.flatMap(unit => {
        const inputs = ports.scale.inputs(unit);
        return inputs === undefined ? [] : [summaryOf(unit, inputs, explain(inputs))];
      });
      return { functions };
    },
  });
  const one = defineRoute({
    method: 'GET',
    path: 'scale',
    tag,
    summary: 'One decision, of now or of a time: what it rests on and how it was computed',
    params: FunctionParams,
    query: ScaleQuery,
    answer: ScaleAnswer,
    handle: async ({ params, query }) => {
      const unit = unitOf(params.context, params.function);
      if (query.atMs !== undefined) return answerOf(unit, await past(ports, unit, query.atMs));
      const { unit: name } = await findFunction(ports.registry, params);
      const inputs = ports.scale.inputs(name);
      if (inputs === undefined) throw noDecision(name, 'now: it was deployed this very second, or this server does not scale');
      const override = ports.overrides.of(name);
      return { ...answerOf(name, inputs), partitions: [...ports.scale.partitions(name)], ...(override && { override }) };
    },
  });
  return [all, one, observationsRoute(ports), ...overrideRoutes(ports)];
}

function observationsRoute(ports: ApiPorts): Route {
  return defineRoute({
    method: 'GET',
    path: 'observations',
    tag,
    summary: 'What was seen of a function in the last 24 hours',
    params: FunctionParams,
    query: ObservationsQuery,
    answer: ObservationsAnswer,
    handle: async ({ params, query: { sinceMs, limit = 360 } }) => {
      const unit = unitOf(params.context, params.function);
      const entries = await ports.history.read({ kind: 'observation', unit, limit, ...(sinceMs !== undefined && { sinceMs }) });
      return { observations: entries.flatMap(observationOf) };
    },
  });
}

function overrideRoutes(ports: ApiPorts): readonly Route[] {
  const set = defineRoute({
    method: 'PUT',
    path: 'scaleOverride',
    tag,
    summary: 'Bounds by hand, in place of the manifest’s, until their time is over',
    params: FunctionParams,
    body: ScaleOverrideRequest,
    answer: ScaleOverrideAnswer,
    handle: async ({ params, body: { min, max, forMs } }) => {
      const { unit } = await findFunction(ports.registry, params);
      if (min > max) throw new FaasError('FAAS_API_REQUEST', `min ${min} is above max ${max}`, 'Raise max, or lower min.');
      const override = { min, max, untilMs: ports.clock.now() + forMs };
      await ports.overrides.set(unit, override);
      record(ports, unit, { what: 'scale-override', ...override });
      return override;
    },
  });
  const clear = defineRoute({
    method: 'DELETE',
    path: 'scaleOverride',
    tag,
    summary: 'Back to the manifest’s bounds',
    params: FunctionParams,
    answer: ScaleOverrideAnswer,
    handle: async ({ params }) => {
      const { unit, live } = await findFunction(ports.registry, params);
      await ports.overrides.set(unit, undefined);
      record(ports, unit, { what: 'scale-override', cleared: true });
      const { min, max } = live.spec.scale;
      return { min, max, untilMs: ports.clock.now() };
    },
  });
  return [set, clear];
}

function record({ history, clock }: ApiPorts, unit: string, data: HistoryEntry['data']): void {
  history.write({ kind: 'decision', atMs: clock.now(), unit, data });
}

async function past(ports: ApiPorts, unit: string, atMs: number): Promise<ScaleInputs> {
  const found = await inputsAt(ports.history, unit, atMs);
  if (found !== undefined) return found;
  throw noDecision(unit, `at ${new Date(atMs).toISOString()}: it is older than what is kept, or the function was not there`);
}

function noDecision(unit: string, when: string): FaasError {
  return new FaasError(
    'FAAS_SCALE_NO_DECISION',
    `nothing was decided about ${unit} ${when}`,
    'Ask for a later time, or again in a second.',
  );
}

function answerOf(unit: string, inputs: ScaleInputs): ScaleAnswer {
  const explanation = explain(inputs);
  return {
    summary: summaryOf(unit, inputs, explanation),
    from: explanation.decision.from,
    inputs: [...explanation.inputs],
    arithmetic: [...explanation.arithmetic],
    otherwise: [...explanation.otherwise],
    warnings: [...explanation.warnings],
    stored: storedOf(inputs),
  };
}

function storedOf(inputs: ScaleInputs): ScaleAnswer['stored'] {
  const { observation, memory } = inputs;
  const { partitions, ...seen } = observation;
  return {
    ...inputs,
    observation: { ...seen, ...(partitions !== undefined && { partitions: partitions.map(([rate, waiting]) => [rate, waiting]) }) },
    memory: { ...memory, recommended: memory.recommended.map(([atMs, pods]) => [atMs, pods]) },
  };
}

function summaryOf(unit: string, { observation, policy }: ScaleInputs, { decision, because }: Explanation): ScaleSummary {
  const { atMs, backlogEvents, oldestAgeMs, arrivalRate, finishedRate, podRate, pods, inFlight } = observation;
  const rate = amountOf(podRate);
  const capacityRate: Figure = rate === undefined ? unknown : known(rate * pods.ready);
  const spare = (amountOf(capacityRate) ?? 0) - (amountOf(arrivalRate) ?? 0);
  const backlog = amountOf(backlogEvents);
  const drainMs = backlog === undefined ? undefined : backlog === 0 ? 0 : spare > 0 ? (backlog / spare) * 1_000 : undefined;
  return {
    unit,
    atMs,
    maxAgeMs: policy.maxAgeMs,
    backlogEvents,
    oldestAgeMs,
    arrivalRate,
    finishedRate,
    capacityRate,
    ...(drainMs !== undefined && { drainMs }),
    inFlight,
    replicas: decision.replicas,
    min: policy.min,
    max: policy.max,
    pods,
    reason: decision.reason,
    because,
    conditions: [...decision.conditions],
  };
}

function observationOf(entry: HistoryEntry): ObservationsAnswer['observations'] {
  const inputs = inputsOf(entry);
  if (inputs === undefined) return [];
  const { observation: seen, replicas } = inputs;
  const figures = {
    arrivalRate: amountOf(seen.arrivalRate),
    finishedRate: amountOf(seen.finishedRate),
    backlogEvents: amountOf(seen.backlogEvents),
    oldestAgeMs: amountOf(seen.oldestAgeMs),
    podRate: amountOf(seen.podRate),
    startMs: amountOf(seen.startMs),
  };
  const present = Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined));
  return [{ atMs: entry.atMs, ...present, replicas, pods: seen.pods, reason: String(entry.data.reason) }];
}
