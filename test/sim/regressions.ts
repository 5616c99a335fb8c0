import type { ModeName } from './modes.ts';

/** Seeds that failed once, and what for. Chance moves with the workload: the rule stays covered by its mode and, where there is one, by its mutant. */
export const regressions: readonly { readonly mode: ModeName; readonly seed: number; readonly was: string }[] = [
  { mode: 'everything', seed: 131, was: 'dead letters of repeated upstreams were dropped by their readers' },
  { mode: 'inbox', seed: 1, was: 'a lane stood still behind an event whose id was known' },
  { mode: 'block', seed: 25, was: 'nobody woke the dispatcher at the end of a batch window' },
  { mode: 'poison', seed: 1, was: 'a worker that ended was no crash' },
  { mode: 'rollback', seed: 139, was: 'the broker was told an offset that the store lost' },
  { mode: 'never-ending', seed: 159, was: 'an event that others kept overtaking waited for one that never ends' },
  { mode: 'inbox', seed: 447, was: 'a repeated event forgot the lane of its name while results of it waited' },
];
