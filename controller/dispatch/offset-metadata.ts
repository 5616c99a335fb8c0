/** The metadata of a broker offset: the generation of the session that committed it, `gen=<number>`. */
export function offsetMetadata(generation: number): string {
  return `gen=${generation}`;
}

/** 0 for metadata that is not ours, as of offsets pinned by a deploy. */
export function generationOf(metadata: string | undefined): number {
  const match = /^gen=(\d{1,15})$/.exec(metadata ?? '');
  return match === null ? 0 : Number(match[1]);
}
