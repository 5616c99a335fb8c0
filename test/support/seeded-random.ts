import type { Random } from '../../controller/random.ts';

/** Chance that is the same for the same seed. */
export interface SeededRandom extends Random {
  /** A whole number in [0, below). */
  whole(below: number): number;
  /** A number in [min, max). */
  between(min: number, max: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** A stream of chance of its own: what it gives does not depend on how much was drawn elsewhere. */
  fork(name: string): SeededRandom;
}

export function seededRandom(seed: number | string): SeededRandom {
  const next = sfc32(String(seed));
  const hex = (digits: number) => {
    let text = '';
    while (text.length < digits) text += (next() >>> 0).toString(16).padStart(8, '0');
    return text.slice(0, digits);
  };
  const fraction = () => next() / 2 ** 32;
  return {
    fraction,
    token: () => hex(32),
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
    whole: below => Math.floor(fraction() * below),
    between: (min, max) => min + fraction() * (max - min),
    chance: probability => fraction() < probability,
    pick(from) {
      const picked = from[Math.floor(fraction() * from.length)];
      if (picked === undefined) throw new Error('nothing to pick from');
      return picked;
    },
    fork: name => seededRandom(`${seed}/${name}`),
  };
}

/** Small fast counter by Chris Doty-Humphrey, 32 bit, seeded by FNV-1a over the text; unsigned 32 bit numbers. */
function sfc32(seed: string): () => number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < seed.length; i += 1) hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193);
  let [a, b, c, counter] = [hash, Math.imul(hash, 0x9e3779b1), 0xdeadbeef, 1];
  const next = () => {
    const out = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + out;
    return out >>> 0;
  };
  for (let i = 0; i < 12; i += 1) next();
  return next;
}
