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
  { mode: 'strict-rollback', seed: 3897, was: 'what an earlier owner of a strict function left unpublished waited for the next event' },
  { mode: 'poison-kills', seed: 13163, was: 'what ended a worker was no suspect while an earlier event of its lane ran again' },
  { mode: 'everything', seed: 9455, was: 'a last failure that did not stand was followed by one attempt too many' },
  { mode: 'everything', seed: 1823, was: 'a session that was claimed during a deploy kept the revision of before' },
  { mode: 'park-kills', seed: 1788, was: 'a parked event that had ended its pods as often as it may was given up again without running' },
  { mode: 'strict-rollback', seed: 3005, was: 'two runs of one direct call were in one commit, and both counted' },
];
