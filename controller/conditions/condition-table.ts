/**
 * Every condition that a function can be in, in one table: docs/reference/conditions.md is made of it. `lasts`: it is a decision that outlives the
 * process which took it; the others are findings, which a starting process clears, where they are its own, and finds again if they still hold. `ofAll`: one
 * for all servers; else each has its own, and it holds while it holds for one of them.
 */
export const conditionTable = {
  Failing: {
    lasts: true,
    meaning: 'Nearly every event fails. The function is paused and tried with single events; nothing is dead-lettered.',
  },
  RolledBack: { lasts: true, ofAll: true, meaning: 'A fresh revision failed nearly every event, and the one before it is live again.' },
  Halted: {
    lasts: false,
    meaning: 'The state store is empty or older than what was durable. Nothing is handled until an operator says so.',
  },
  Blocked: { lasts: false, meaning: 'Events that are out of attempts are tried again for ever and hold up what comes behind them.' },
  Parked: { lasts: false, meaning: 'Keys are held back behind an event that is out of attempts; other keys go on.' },
  StreamUnreachable: { lasts: false, meaning: 'The streams do not answer. Tried again by itself.' },
  StateUnreachable: { lasts: false, meaning: 'The state store does not answer. Tried again by itself.' },
  TopicMissing: { lasts: false, meaning: 'A topic that the function reads or writes is not there. Tried again by itself.' },
  NotAuthorised: { lasts: false, meaning: 'Credentials or rights do not suffice. Tried again by itself.' },
  TooFewReplicas: {
    lasts: false,
    meaning: 'A topic has fewer replicas in sync than it asks for: nothing can be published to it. Tried again by itself.',
  },
  StoreRefused: {
    lasts: false,
    meaning: 'A store works, but not as the runtime needs it: out of memory, a slot without a node, another version of our data.',
  },
  ResourceUnseen: {
    lasts: false,
    meaning:
      'Changes of a Kubernetes resource cannot be seen: its kind is not there, rights are missing, or the API server is away. Tried again by itself.',
  },
  PartitionBound: { lasts: false, meaning: 'Events wait in so few partitions or keys that more pods would find no work.' },
  DownstreamBound: {
    lasts: false,
    meaning:
      'More pods bring nothing, and fewer finish as much: something behind the handler gives no more. They come back as soon as more is finished.',
  },
  Stuck: { lasts: false, meaning: 'Events wait and nothing is finished, though pods are ready.' },
  MetricsStale: { lasts: false, meaning: 'What waits cannot be read at the moment: no pod is taken away until it can.' },
  LagUnknown: {
    lasts: false,
    meaning: 'A group that a lag trigger watches has committed nothing on its topics: there is no such group, or it has not begun to read.',
  },
  PodsMissing: {
    lasts: false,
    meaning:
      'The function has fewer pods than it was granted, because pods cannot be started: no room, no image, a quota. Tried again by itself.',
  },
  BudgetBound: { lasts: false, meaning: 'More pods are needed for `scale.maxAge` than the share of `scale.budget` allows.' },
  AtMax: { lasts: false, meaning: 'More pods are needed for `scale.maxAge` than `scale.max` allows.' },
} as const satisfies Record<string, ConditionRow>;

export interface ConditionRow {
  readonly lasts: boolean;
  readonly ofAll?: true;
  readonly meaning: string;
}

export type ConditionType = keyof typeof conditionTable;

export const conditionRows: ReadonlyMap<string, ConditionRow> = new Map(Object.entries(conditionTable));
