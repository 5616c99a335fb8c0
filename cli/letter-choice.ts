import type { LetterSelection } from '../controller/api/contract.ts';
import type { Arguments } from './arguments.ts';
import { UsageError } from './usage-error.ts';

/** Which dead letters a command means: ids, a filter, or all; exactly one of them. */
export function chosenLetters(args: Arguments): LetterSelection {
  const ids = args.all('id');
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
