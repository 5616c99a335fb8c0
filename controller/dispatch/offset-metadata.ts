/** What the runtime notes at the broker beside an offset. */
export interface OffsetNote {
  /** Of the session that committed it; 0 for metadata that are not ours, as of offsets pinned by a deploy. */
  readonly generation: number;
  /** The store had made the progress up to this offset durable before the broker was told. */
  readonly isDurable: boolean;
  /** Of the topic that the offset is of; undefined: not known. */
  readonly topicId: string | undefined;
}

/** `gen=<number>`, then ` durable` and ` topic=<id>` where they hold. */
export function offsetMetadata({ generation, isDurable, topicId }: OffsetNote): string {
  return `gen=${generation}${isDurable ? ' durable' : ''}${topicId === undefined ? '' : ` topic=${topicId}`}`;
}

export function noteOf(metadata: string): OffsetNote {
  const [, generation = '0', durable, topicId] = form.exec(metadata) ?? [];
  return { generation: Number(generation), isDurable: durable !== undefined, topicId };
}

const form = /^gen=(\d{1,15})( durable)?(?: topic=([\w-]+))?$/;
