import type { LetterSelection } from '../controller/api/contract.ts';
import type { Arguments } from './arguments.ts';
import { UsageError } from './usage-error.ts';

/** Which dead letters a command means: ids, a filter, or all; exactly one of them. */
export function chosenLetters(args: Arguments): LetterSelection {
  const ids = args.all('id').map(letterId);
  const where = args.text('where');
  const choices: readonly (LetterSelection | undefined)[] = [
    ids.length > 0 ? { ids: [...ids] } : undefined,
    where === undefined ? undefined : { where },
    args.on('all') ? { all: true } : undefined,
  ];
  const [chosen, other] = choices.filter(choice => choice !== undefined);
  if (chosen !== undefined && other === undefined) return chosen;
  throw new UsageError('name dead letters, or take --where <filter> or --all', 'faas dlq list <function> shows them.');
}

/** An id of a dead letter: its partition and its offset. Throws UsageError. */
export function letterId(text: string): string {
  if (/^[0-9]{1,9}-[0-9]{1,15}$/.test(text)) return text;
  throw new UsageError(`"${text}" is not the id of a dead letter, which looks like 0-3`, 'faas dlq list <function> shows them.');
}
