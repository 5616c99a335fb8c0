import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { deliveriesPerRound } from './deliveries.ts';

export const usage = `npm start                                  start, deploy, send for ever; Ctrl-C stops
npm start -- --once [--repeat N] [--rate R] [--fresh] [--data DIR]
  --once      send the recorded webhooks, wait until all are handled, print one line of JSON
  --repeat N  so many rounds of ${deliveriesPerRound} deliveries (1)
  --rate R    deliveries per second at most (live 60 at the peak, once 400)
  --fresh     begin with an empty data folder
  --data DIR  data folder (./.faas)`;

export interface Options {
  readonly once: boolean;
  readonly repeat: number;
  readonly rate: number;
  readonly fresh: boolean;
  /** Absolute. */
  readonly folder: string;
}

export type OptionsRead = { readonly kind: 'options'; readonly options: Options } | { readonly kind: 'refused'; readonly reason: string };

interface Option {
  /** What its value has to be; undefined: it takes none. */
  readonly expected?: string;
  readonly fits?: (value: string) => boolean;
}

const known: Readonly<Record<string, Option>> = {
  once: {},
  repeat: {
    expected: 'a whole number from 1 on',
    fits: value => /^\d+$/.test(value) && Number.isSafeInteger(Number(value)) && Number(value) > 0,
  },
  rate: { expected: 'a number above 0', fits: value => Number.isFinite(Number(value)) && Number(value) > 0 },
  fresh: {},
  data: { expected: 'the path of a folder', fits: value => value !== '' },
};

/** What follows `npm start --`. The reason says which word is wrong, and what is expected in its place. */
export function readOptions(words: readonly string[], usualFolder: string): OptionsRead {
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(
      Object.entries(known).map(([name, { expected }]) => [name, { type: expected === undefined ? 'boolean' : 'string' }]),
    ),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const given = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') return { kind: 'refused', reason: `"${token.value}" is not expected: all options begin with --` };
    const reason = reasonAgainst(token.name, token.rawName, token.value);
    if (reason !== undefined) return { kind: 'refused', reason };
    given.set(token.name, token.value ?? '');
  }
  const once = given.has('once');
  return {
    kind: 'options',
    options: {
      once,
      repeat: Number(given.get('repeat') ?? 1),
      rate: Number(given.get('rate') ?? (once ? 400 : 60)),
      fresh: given.has('fresh'),
      folder: resolve(given.get('data') ?? usualFolder),
    },
  };
}

function reasonAgainst(name: string, written: string, value: string | undefined): string | undefined {
  const option = Object.hasOwn(known, name) && written === `--${name}` ? known[name] : undefined;
  if (option === undefined) {
    const names = Object.keys(known).map(one => `--${one}`);
    return `${written} is not an option: there are ${names.join(', ')}`;
  }
  const { expected, fits } = option;
  if (expected === undefined || fits === undefined)
    return value === undefined ? undefined : `${written} takes no value, and got "${value}"`;
  if (value === undefined) return `${written} needs a value: ${expected}`;
  return fits(value) ? undefined : `${written}: "${value}" is not ${expected}`;
}
