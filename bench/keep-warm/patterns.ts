import { seeded } from '../scaling/trace.ts';

export interface Pattern {
  readonly name: string;
  readonly says: string;
  /** Idle times one after another, milliseconds. */
  readonly gaps: readonly number[];
}

const minute = 60_000;
const hour = 60 * minute;
const spanMs = 14 * 24 * hour;

/** Two weeks of each, by chance of the seed. */
export function patterns(seed: number): readonly Pattern[] {
  return [
    pattern('cron', 'every 15 minutes, give or take 5 s', seed + 1, random => 15 * minute + (random() - 0.5) * 10_000),
    pattern('frequent', 'at random, 2 minutes apart', seed + 2, random => exponential(2 * minute, random)),
    pattern('seldom', 'at random, 40 minutes apart', seed + 3, random => exponential(40 * minute, random)),
    pattern('sessions', 'about 20 at 20 s from each other, then hours of nothing', seed + 4, random =>
      random() < 0.95 ? exponential(20_000, random) : 2 * hour + exponential(3 * hour, random),
    ),
    pattern('office', 'from 8 to 18 o’clock 3 minutes apart, at night nothing', seed + 5, (random, atMs) => {
      const gap = exponential(3 * minute, random);
      const hourOfDay = ((atMs + gap) / hour) % 24;
      if (hourOfDay >= 8 && hourOfDay < 18) return gap;
      return gap + (hourOfDay < 8 ? 8 - hourOfDay : 32 - hourOfDay) * hour;
    }),
    pattern('heavy tail', 'Pareto with exponent 1.1 from a minute on, at most a day', seed + 6, random =>
      Math.min(24 * hour, minute / (1 - random()) ** (1 / 1.1)),
    ),
  ];
}

function pattern(name: string, says: string, seed: number, next: (random: () => number, atMs: number) => number): Pattern {
  const random = seeded(seed);
  const gaps: number[] = [];
  for (let atMs = 8 * hour; atMs < spanMs; ) {
    const gap = next(random, atMs);
    gaps.push(gap);
    atMs += gap;
  }
  return { name, says, gaps };
}

function exponential(mean: number, random: () => number): number {
  return -Math.log(1 - random()) * mean;
}
