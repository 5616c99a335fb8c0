import { hasOwn, NativePromise } from '../protocol/intrinsics.ts';
import { type BatchEvent, type Outcome, wireLimits } from '../protocol/messages.ts';
import { FaasError } from '../sdk/errors.ts';
import { createContext } from './context.ts';
import { matchesData } from './data-filter.ts';
import { checkSchema, encodeJson } from './emission.ts';
import { type CallScope, EventRun, timeoutError } from './event-run.ts';
import type { FunctionHost, LoadedFunction } from './function-host.ts';
import type { EnterCall, RunningCall } from './running-call.ts';

export interface CallParts {
  readonly fn: LoadedFunction;
  readonly host: FunctionHost;
  readonly cold: boolean;
  readonly enter: EnterCall;
}

/**
 * Decodes, filters, checks, handles and encodes one event: at once where the handler does. Throws, or rejects with, what the handler throws and our
 * own named errors.
 */
export function callEventHandler(call: RunningCall, position: number, parts: CallParts): Outcome | Promise<Outcome> {
  const { fn, host } = parts;
  const { batch, id, view } = call.queued;
  const wire = batch.events[position];
  if (wire === undefined) throw new Error(`no event at ${position}`);
  if (call.enteredAtMs >= call.scope.deadlineMs) throw timeoutError();
  const run = new EventRun(id, wire, host);
  if (!passesFilter(fn, run)) {
    return { ...run.effects.outcome({ enteredAtMs: call.enteredAtMs, busyMs: 0 }, undefined), filtered: true };
  }
  checkSchema(fn, wire.stream, run.event.data, 'the payload');
  call.effects.push(run.effects);
  const context = createContext(run, { fn, host, batchId: id, batch, view, scope: call.scope, cold: parts.cold });
  const startedAtMs = host.monotonic();
  const finish = (returned: unknown): Outcome =>
    run.effects.outcome({ enteredAtMs: call.enteredAtMs, busyMs: host.monotonic() - startedAtMs }, answerOf(run, returned));
  const returned = parts.enter(call, run, () => fn.handler(run.event, context));
  if (!isThenable(returned) && call.scope.isClear) return finish(returned);
  return NativePromise.resolve(returned).then(value => {
    if (call.scope.isClear) return finish(value);
    return endOfCalls(call.scope).then(() => finish(value));
  });
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** Throws FAAS_FLOATING_CALL; waits until fire-and-forget calls are handed over, because the batch's token ends with the batch. */
export async function endOfCalls(scope: CallScope): Promise<void> {
  if (scope.openCalls > 0) {
    throw new FaasError(
      'FAAS_FLOATING_CALL',
      `the handler resolved with ${scope.openCalls} calls that it did not await`,
      'Await each ctx.call, or use ctx.fireAndForget.',
    );
  }
  if (scope.forgets !== undefined) await NativePromise.all(scope.forgets);
}

export function passesFilter(fn: LoadedFunction, { wire, event }: EventRun): boolean {
  return !hasOwn(fn.dataFilters, wire.stream) || matchesData(event.data, fn.dataFilters[wire.stream]);
}

/** What somebody waits for; any other return value is nobody's, and may be anything. */
function answerOf({ wire }: EventRun, returned: unknown): Uint8Array | undefined {
  if (!isAnswered(wire) || returned === undefined) return undefined;
  const answer = encodeJson(returned, 'FAAS_ANSWER_NOT_JSON', 'the answer');
  if (answer.length <= wireLimits.answerBytesMax) return answer;
  throw new FaasError(
    'FAAS_ANSWER_TOO_LARGE',
    `an answer of ${answer.length} bytes is larger than the ${wireLimits.answerBytesMax} that are allowed`,
  );
}

function isAnswered({ trigger, noAnswer }: BatchEvent): boolean {
  return (trigger === 'call' || trigger === 'webhook') && noAnswer !== true;
}
