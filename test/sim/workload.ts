import {
  deadLetterTopicOf,
  groupOf,
  inboxTopicOf,
  internalTopicOf,
  type LiveFunction,
  type Subscription,
} from '../../controller/functions/live-function.ts';
import type { FunctionSpec, Order } from '../../controller/manifest/spec.ts';

/** The deployment that all seeds run: two functions in a chain, and a bank whose accounts touch each other. */
export const units = { count: 'shop.count', tail: 'shop.tail', bank: 'shop.bank' } as const;
export const topics = {
  input: 'input',
  mid: internalTopicOf('shop', 'mid'),
  transfers: 'transfers',
  ledger: internalTopicOf('shop', 'ledger'),
} as const;
export const partitions = 2;
export const openingBalance = 100;

/** What an event makes its handler do. `until`: on attempts up to this one, then it succeeds. */
export type Act =
  | { readonly kind: 'ok' }
  | { readonly kind: 'slow'; readonly forMs: number }
  | { readonly kind: 'throw'; readonly until: number }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'hang'; readonly until: number }
  | { readonly kind: 'poison' }
  /** Fails, or ends its pod, until the world is healed. */
  | { readonly kind: 'ails'; readonly crash: boolean }
  | { readonly kind: 'never' };

export interface SimEvent {
  readonly id: string;
  readonly key: string | null;
  readonly act: Act;
  readonly emits: number;
  /** Also starts the function `tail`. */
  readonly start: boolean;
  /** Emits only: reads and writes no state. */
  readonly relay: boolean;
  /** Also counts on a key that all events share. */
  readonly total: boolean;
  readonly transfer: { readonly to: string; readonly amount: number } | undefined;
}

/** Whether the event can never succeed and has to end as a dead letter. */
export function isDoomed(event: SimEvent, attempts: number): boolean {
  const { act } = event;
  if (act.kind === 'poison' || act.kind === 'refuse') return true;
  return (act.kind === 'throw' || act.kind === 'hang') && act.until >= attempts;
}

export interface DeployPlan {
  readonly order: Order;
  readonly batchSize: number;
  readonly windowMs: number;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly maxCrashes: number;
  readonly onExhausted: 'dlq' | 'block' | 'park';
  readonly durability: 'default' | 'strict';
}

export function deployment(plan: DeployPlan, revision: number): readonly LiveFunction[] {
  return [
    live(units.count, plan, revision, [stream(topics.input, 'input', plan.order, plan)], { mid: topics.mid }, [units.tail]),
    live(units.tail, plan, revision, [stream(topics.mid, 'mid', 'key', plan)], {}, []),
    live(units.bank, plan, revision, [stream(topics.transfers, 'transfers', plan.order, plan)], { ledger: topics.ledger }, []),
  ];
}

function stream(topic: string, name: string, order: Order, plan: DeployPlan): Subscription {
  return {
    topic,
    stream: name,
    order,
    batch: { size: plan.batchSize, windowMs: plan.windowMs },
    filter: undefined,
    // The topics are empty at the first deploy: from then on nothing may be missed.
    from: 'latest',
    inbox: false,
  };
}

function live(
  unit: string,
  plan: DeployPlan,
  revision: number,
  streams: readonly Subscription[],
  emits: Readonly<Record<string, string>>,
  calls: readonly string[],
): LiveFunction {
  const [context = '', name = ''] = unit.split('.');
  const inboxTopic = inboxTopicOf(unit);
  const inbox: Subscription = {
    topic: inboxTopic,
    stream: '',
    order: 'key',
    batch: { size: plan.batchSize, windowMs: 0 },
    filter: undefined,
    from: 'earliest',
    inbox: true,
  };
  const spec: FunctionSpec = {
    name,
    handler: `src/${name}.ts`,
    on: streams.map(({ topic, order, batch }) => ({
      kind: 'stream',
      streams: [{ name: topic, context, stream: topic }],
      from: 'earliest',
      order,
      batch,
      filter: undefined,
    })),
    retry: { attempts: plan.attempts, backoffMs: { min: 10, max: 200 }, maxCrashes: plan.maxCrashes, onExhausted: plan.onExhausted },
    limits: { timeoutMs: plan.timeoutMs, lifespanMs: 600_000, memoryBytes: 2 ** 28, cpuMillis: 500, concurrency: plan.concurrency },
    scale: { min: 0, max: 3, maxAgeMs: 30_000, lagThreshold: undefined },
    warm: { keepMs: 'auto', min: 0 },
    emits: Object.keys(emits).map(stream => ({ name: stream, context, stream })),
    calls,
    env: {},
    durability: plan.durability,
  };
  return {
    unit,
    context,
    name,
    revision: `r${revision}-00000000`,
    bundleHash: '0'.repeat(64),
    spec,
    subscriptions: [...streams, inbox],
    inboxTopic,
    deadLetterTopic: deadLetterTopicOf(unit),
    group: groupOf(unit),
    emitTopics: new Map(Object.entries(emits)),
  };
}
