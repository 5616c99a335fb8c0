import type { FunctionSpec, StreamTrigger } from '../manifest/spec.ts';

/** A live revision with every name resolved: what dispatcher, gateway, fleet and schedules work from. */
export interface LiveFunction {
  readonly unit: string;
  readonly context: string;
  readonly name: string;
  readonly revision: string;
  readonly bundleHash: string;
  readonly spec: FunctionSpec;
  /** One per topic that it reads, its inbox last. */
  readonly subscriptions: readonly Subscription[];
  readonly inboxTopic: string;
  readonly deadLetterTopic: string;
  readonly group: string;
  /** Name as in the manifest → topic. */
  readonly emitTopics: ReadonlyMap<string, string>;
}

export interface Subscription {
  readonly topic: string;
  /** The manifest's name of the stream; '' for the inbox. */
  readonly stream: string;
  readonly order: StreamTrigger['order'];
  readonly batch: StreamTrigger['batch'];
  readonly filter: StreamTrigger['filter'];
  readonly from: StreamTrigger['from'];
  readonly inbox: boolean;
}

/** Whether nothing of the function may be answered or published that its store could still lose. */
export function isStrict({ spec }: Pick<LiveFunction, 'spec'>, { mayRollBack }: { mayRollBack: boolean }): boolean {
  return spec.durability === 'strict' && mayRollBack;
}

/** Names of a unit's own topics and group. */
export function unitOf(context: string, functionName: string): string {
  return `${context}.${functionName}`;
}
export function inboxTopicOf(unit: string): string {
  return `faas.${unit}.inbox`;
}
export function deadLetterTopicOf(unit: string): string {
  return `faas.${unit}.dlq`;
}
export function groupOf(unit: string): string {
  return `faas.${unit}`;
}
export function internalTopicOf(context: string, stream: string): string {
  return `${context}.int.${stream}`;
}
