import { FaasError } from '../errors.ts';
import type { StateRead } from '../ports/state.ts';
import type { ApiPorts } from './api-ports.ts';
import { AcceptRollbackAnswer, FunctionParams, StateAnswer, StateEntryAnswer, StateEntryQuery, StateQuery } from './contract.ts';
import { findFunction } from './find-unit.ts';
import { defineRoute, type Route } from './route.ts';

const tag = 'state';
const utf8 = new TextDecoder();

/** What a function knows, to be read only: its handlers alone write it. */
export function stateRoutes({ registry, state, clock }: ApiPorts): readonly Route[] {
  const list = defineRoute({
    method: 'GET',
    path: 'state',
    tag,
    summary: "A function's state, by key",
    params: FunctionParams,
    query: StateQuery,
    answer: StateAnswer,
    handle: async ({ params, query: { limit = 100, prefix, after } }) => {
      const { unit } = await findFunction(registry, params);
      const page = { limit: limit + 1, ...(prefix !== undefined && { prefix }), ...(after !== undefined && { after }) };
      const found = await state.list(unit, page);
      const entries = found.slice(0, limit).map(({ key, value, version }) => ({ key, value: jsonOf(value), version }));
      const last = entries.at(-1);
      return { entries, ...(found.length > limit && last && { next: last.key }) };
    },
  });
  const show = defineRoute({
    method: 'GET',
    path: 'stateEntry',
    tag,
    summary: 'The state of one key',
    params: FunctionParams,
    query: StateEntryQuery,
    answer: StateEntryAnswer,
    handle: async ({ params, query: { key } }) => {
      const { unit } = await findFunction(registry, params);
      const [read] = await state.read(unit, [key]);
      return entryOf(read, unit);
    },
  });
  const acceptRollback = defineRoute({
    method: 'POST',
    path: 'acceptRollback',
    tag,
    summary: 'Lets a function go on that was halted because the state store is older than what was durable once',
    params: FunctionParams,
    answer: AcceptRollbackAnswer,
    handle: async ({ params }) => {
      const { unit } = await findFunction(registry, params);
      const acceptedAtMs = clock.now();
      await state.acceptRollback(unit, acceptedAtMs);
      return { acceptedAtMs };
    },
  });
  return [list, show, acceptRollback];
}

function entryOf(read: StateRead | undefined, unit: string): StateEntryAnswer {
  if (read?.value === undefined || read.version === null) {
    throw new FaasError('FAAS_STATE_UNKNOWN', `${unit} has no state for that key`, 'List the keys with "faas state list".');
  }
  return { key: read.key, value: jsonOf(read.value), version: read.version };
}

/** The runtime writes JSON only. */
function jsonOf(value: Uint8Array): unknown {
  return JSON.parse(utf8.decode(value));
}
