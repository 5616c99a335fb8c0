/** A process that runs pods. */
export interface ShareHost {
  readonly process: string;
  /** Pods of the function that it has now. */
  readonly has: number;
  /** How many more pods, of any function, it has room for. */
  readonly free: number;
}

/**
 * How many pods of a function each process is to have. As many stay where they are as can; one more goes to whoever has room and the fewest of the function,
 * one less is taken from whoever has the most. Beyond all room they are shared out all the same, and wait there for a place.
 */
export function shareOut(wanted: number, hosts: readonly ShareHost[]): ReadonlyMap<string, number> {
  const shares = hosts.map(({ process, has, free }) => ({ process, share: has, free })).sort((a, b) => (a.process < b.process ? -1 : 1));
  let sum = shares.reduce((total, one) => total + one.share, 0);
  for (; sum < wanted && shares.length > 0; sum += 1) move(shares.toSorted(byRoom)[0], 1);
  for (; sum > wanted; sum -= 1) move(shares.toSorted(byShare)[0], -1);
  return new Map(shares.map(({ process, share }) => [process, share]));
}

interface Share {
  readonly process: string;
  share: number;
  free: number;
}

function move(one: Share | undefined, by: number): void {
  if (one === undefined) return;
  one.share += by;
  one.free -= by;
}

function byRoom(a: Share, b: Share): number {
  return Number(b.free > 0) - Number(a.free > 0) || a.share - b.share || b.free - a.free;
}

function byShare(a: Share, b: Share): number {
  return b.share - a.share || a.free - b.free;
}
