/** How an event reached the function. */
export type TriggerKind = 'stream' | 'webhook' | 'schedule' | 'resource' | 'lag' | 'start' | 'call';

/** One event, with CloudEvents 1.0 attributes. Frozen; `data` is what the payload decodes to. */
export interface FaasEvent<Data = unknown> {
  /** CloudEvents id; `<topic>/<partition>/<offset>` for a plain record. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | undefined;
  /** RFC 3339; the source's time, else the append time. */
  readonly time: string;
  /** UTF-8 text of the record's key; null without a key (then `ctx.state` throws FAAS_STATE_NO_KEY). */
  readonly key: string | null;
  /** JSON content types and no content type: the parsed value. `text/*`: a string. Anything else: the bytes. */
  readonly data: Data;
  readonly contentType: string | undefined;
  /** The manifest's name of the stream; undefined for events that did not come from one. */
  readonly stream: string | undefined;
  readonly trigger: TriggerKind;
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  readonly offset: number | undefined;
  /** Headers that are no CloudEvents attributes, as UTF-8 text; names in lower case, the last one of a name wins. Webhooks: the request's headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** Id of the event whose handling emitted this one. */
  readonly causationId: string | undefined;
  /** Id of the first event of the chain. */
  readonly correlationId: string;
  /** How many functions the chain has passed; more than 16 is a dead letter. */
  readonly hop: number;
}
