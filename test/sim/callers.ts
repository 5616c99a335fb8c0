import type { SeededRandom } from '../support/seeded-random.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import type { Mode } from './modes.ts';
import { payloadOf, plainEvent } from './producer.ts';
import { type SimEvent, units } from './workload.ts';
import type { World } from './world.ts';

export interface Callers {
  readonly events: readonly SimEvent[];
  /** Calls without an answer yet. */
  readonly open: number;
}

const callTimeoutMs = 2_000;
/** A client gives up on an answer later than the server does. */
const patienceMs = 2_500;

/** Clients that call under a key of their own, and call again, anywhere, until they are told that it is done. */
export function startCallers(world: World, clock: VirtualClock, random: SeededRandom, mode: Mode, forMs: number): Callers {
  const events: SimEvent[] = [];
  const callers = { events, open: 0 };
  for (let i = 0; i < mode.workload.calls; i += 1) {
    const event: SimEvent = { ...plainEvent(`c${i}`, random, mode.workload), act: { kind: 'ok' } };
    events.push(event);
    callers.open += 1;
    clock.after(random.fraction() * forMs, () => {
      void callUntilDone(world, clock, random, mode.processes, event).then(() => {
        callers.open -= 1;
      });
    });
  }
  return callers;
}

async function callUntilDone(world: World, clock: VirtualClock, random: SeededRandom, processes: number, event: SimEvent): Promise<void> {
  const request = {
    unit: units.count,
    key: event.key,
    data: payloadOf(event),
    contentType: 'application/json',
    idempotencyKey: event.id,
    timeoutMs: callTimeoutMs,
    depth: 0,
    traceparent: undefined,
  };
  while (true) {
    const late = clock.sleep(patienceMs).then(() => undefined);
    const answer = await Promise.race([world.call(random.whole(processes), request), late]);
    if (answer?.kind === 'ok') return;
    await clock.sleep(random.between(10, 500));
  }
}
