import type { FunctionDetailAnswer } from '../controller/api/contract.ts';

/** What a revision is to its function; `before`: what a roll-back brings back. */
export function revisionMark(
  { id, live }: Pick<FunctionDetailAnswer['revisions'][number], 'id' | 'live'>,
  { previousRevision }: Pick<FunctionDetailAnswer, 'previousRevision'>,
): 'live' | 'before' | '' {
  if (live) return 'live';
  return id === previousRevision ? 'before' : '';
}
