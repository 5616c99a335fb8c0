/**
 * The metadata of a broker offset: the generation of the session that committed it, `gen=<number>`; followed by ` durable` when the store had made the
 * progress up to this offset durable before the broker was told.
 */
export function offsetMetadata(generation: number, isDurable: boolean): string {
  return `gen=${generation}${isDurable ? ' durable' : ''}`;
}

/** 0 for metadata that is not ours, as of offsets pinned by a deploy. */
export function generationOf(metadata: string | undefined): number {
  return Number(form.exec(metadata ?? '')?.[1] ?? 0);
}

export function isDurable(metadata: string | undefined): boolean {
  return form.exec(metadata ?? '')?.[2] !== undefined;
}

const form = /^gen=(\d{1,15})( durable)?$/;
