/**
 * The checked form of `faas.yaml`: all defaults filled in, durations in milliseconds, sizes in bytes. This is what is stored, sent and
 * hashed; its canonical form is JSON with sorted keys. Optional means: the manifest says nothing and nothing is assumed.
 */
export interface ContextSpec {
  readonly context: string;
  readonly owner: string | undefined;
  readonly streams: readonly StreamSpec[];
  readonly functions: readonly FunctionSpec[];
}

export interface StreamSpec {
  readonly name: string;
  readonly topic: string;
  readonly internal: boolean;
  /** undefined: the server's default at creation. */
  readonly partitions: number | undefined;
  /** The JSON Schema itself, read from the file that the manifest names. */
  readonly schema: JsonSchema | undefined;
  readonly retention: { readonly ageMs: number | undefined; readonly bytes: number | undefined } | undefined;
}

export type JsonSchema = Readonly<Record<string, unknown>> | boolean;

export interface FunctionSpec {
  readonly name: string;
  /** Path relative to the manifest, `src/customer-totals.ts`. */
  readonly handler: string;
  readonly on: readonly TriggerSpec[];
  readonly retry: RetrySpec;
  readonly limits: LimitsSpec;
  readonly scale: ScaleSpec;
  readonly warm: { readonly keepMs: number | 'auto'; readonly min: number };
  /** Streams of this context, or `<context>.<stream>` public ones, resolved. */
  readonly emits: readonly StreamRef[];
  /** Units that it may call or start: `<context>.<function>`. */
  readonly calls: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly durability: 'default' | 'strict';
}

/** A stream as one function sees it. `topic` and `schema` of another context's stream are resolved at deploy by the server. */
export interface StreamRef {
  /** As written: `orders` or `sales.orders`. */
  readonly name: string;
  readonly context: string;
  readonly stream: string;
}

export type TriggerSpec = StreamTrigger | WebhookTrigger | ScheduleTrigger | ResourceTrigger | LagTrigger;

export interface StreamTrigger {
  readonly kind: 'stream';
  readonly streams: readonly StreamRef[];
  readonly from: 'earliest' | 'latest' | { readonly timeMs: number };
  readonly order: Order;
  readonly batch: BatchSpec;
  readonly filter: FilterSpec | undefined;
}

export type Order = 'partition' | 'key' | 'none';

export interface BatchSpec {
  /** Events per batch, at most. */
  readonly size: number;
  /** How long to wait for a fuller batch. */
  readonly windowMs: number;
}

/** All given conditions must hold. `key` and `headers` are decided in the dispatcher, `data` (JSON pointer → value) in the pod. Values: exact strings, or `prefix*`. */
export interface FilterSpec {
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Readonly<Record<string, string | number | boolean | null>>;
}

export interface WebhookTrigger {
  readonly kind: 'webhook';
  /** `/stripe`, or with parameters `/shops/:shop/orders`; unique in the context. */
  readonly path: string;
  readonly verify: VerifySpec;
  /** Name of the secret; undefined only with `verify: none`. */
  readonly secret: string | undefined;
  readonly key: KeySource | undefined;
  readonly respond: 'accepted' | 'result';
}

export type VerifySpec =
  | { readonly scheme: 'github' | 'stripe' | 'slack' | 'standard' | 'none' }
  | {
      readonly scheme: 'hmac';
      readonly header: string;
      readonly algorithm: 'sha1' | 'sha256' | 'sha512';
      readonly encoding: 'hex' | 'base64';
      readonly prefix: string;
    };

export type KeySource =
  | { readonly from: 'header'; readonly name: string }
  | { readonly from: 'path'; readonly param: string }
  | { readonly from: 'json'; readonly pointer: string };

export interface ScheduleTrigger {
  readonly kind: 'schedule';
  /** Unique within the function: as written, or `schedule-<n>`. It is the key of its events. */
  readonly name: string;
  readonly when: { readonly cron: string } | { readonly everyMs: number } | { readonly atMs: number };
  readonly timezone: string;
  /** What to do about due times that passed while nobody looked: one event for the latest, one for each (at most 1000), none. */
  readonly missed: 'latest' | 'all' | 'skip';
  /** forbid: a due time is skipped, with a record in the history, while the event of the one before is not done. */
  readonly overlap: 'forbid' | 'allow';
}

export interface ResourceTrigger {
  readonly kind: 'resource';
  /** Unique within the function: as written, or `resource-<n>`. What was delivered is remembered under it. */
  readonly name: string;
  readonly apiVersion: string;
  readonly resourceKind: string;
  /** undefined: all of them. */
  readonly namespace: string | undefined;
  /** A label selector, as kubectl takes it. */
  readonly selector: string | undefined;
  /** JSON pointers: a change is a change of one of these. None: of anything but `status` and what the API server keeps for itself. */
  readonly fields: readonly string[];
  readonly events: readonly ('added' | 'modified' | 'deleted')[];
}

export interface LagTrigger {
  readonly kind: 'lag';
  readonly group: string;
  readonly topics: readonly string[];
  readonly above: { readonly events: number } | { readonly ageMs: number };
  readonly below: { readonly events: number } | { readonly ageMs: number };
  readonly everyMs: number;
}

export interface RetrySpec {
  readonly attempts: number;
  readonly backoffMs: { readonly min: number; readonly max: number };
  readonly maxCrashes: number;
  readonly onExhausted: 'dlq' | 'park' | 'block';
}

export interface LimitsSpec {
  /** Per event; per batch for `batch` handlers. */
  readonly timeoutMs: number;
  readonly lifespanMs: number;
  readonly memoryBytes: number;
  readonly cpuMillis: number;
  /** Events (or batch calls) in flight per worker. */
  readonly concurrency: number;
}

export interface ScaleSpec {
  readonly min: number;
  readonly max: number;
  readonly maxAgeMs: number;
  readonly lagThreshold: number | undefined;
  /** How full pods may be against how long events may wait. */
  readonly prefer?: 'cost' | 'balanced' | 'latency' | undefined;
  /** Its part of `scale.budget`; absent: 1. */
  readonly weight?: number | undefined;
  /** In place of `min` and `max`: each from its due time until that of any other. */
  readonly schedule?: readonly ScheduledBounds[] | undefined;
}

export interface ScheduledBounds {
  readonly cron: string;
  readonly timezone: string;
  readonly min: number;
  readonly max: number;
}
