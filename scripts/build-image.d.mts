export function buildImage(options: {
  readonly file: string;
  readonly tag: string;
  readonly node?: string;
  readonly system?: string;
}): Promise<number>;
