export interface ArgumentSpec {
  readonly name: string;
  readonly meaning: string;
  readonly required: boolean;
  /** Takes all that follow; the last argument only. */
  readonly many?: true;
  readonly choices?: readonly string[];
}

export interface FlagSpec {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  readonly kind: 'switch' | 'text' | 'list' | 'number' | 'duration';
  /** What stands for the value in help: `--file <path>`. */
  readonly label?: string;
  readonly choices?: readonly string[];
  /** Of a number: the least and the largest. */
  readonly range?: readonly [number, number];
  /** As one would write it. */
  readonly default?: string;
  /** The variable that says the same; FAAS_<NAME> unless given. */
  readonly env?: string;
  readonly meaning: string;
}

export function envOf(flag: Pick<FlagSpec, 'name' | 'env'>): string {
  return flag.env ?? `FAAS_${flag.name.replaceAll('-', '_').toUpperCase()}`;
}
