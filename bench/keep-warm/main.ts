import { parseArgs } from 'node:util';
import { compareKeepers, type KeepComparison } from './compare.ts';

/** `cold`: what a cold start is worth, in minutes of a pod; 5 is the default of `scale.idle`. */
const { values } = parseArgs({ options: { seed: { type: 'string', default: '0' }, cold: { type: 'string', default: '5' } } });
const comparisons = compareKeepers(Number(values.seed), Number(values.cold) * 60_000);
process.stdout.write(`a cold start is worth ${values.cold} minutes of a pod\n\n${comparisons.map(print).join('\n')}\n`);
const best = comparisons.filter(one => one.isBest).length;
process.stdout.write(`no worse than the best of the others on ${best} of ${comparisons.length}\n`);
if (best < comparisons.length - 1) process.exitCode = 1;

function print({ pattern, results }: KeepComparison): string {
  const lines = results.map(({ keeper, idleHours, coldStarts, costHours }) =>
    [keeper.padEnd(26), idleHours.toFixed(1).padStart(10), String(coldStarts).padStart(11), costHours.toFixed(1).padStart(10)].join(' '),
  );
  const head = `${'keeper'.padEnd(26)} ${'idle hours'.padStart(10)} ${'cold starts'.padStart(11)} ${'cost hours'.padStart(10)}`;
  return `## ${pattern.name}: ${pattern.says} (${pattern.gaps.length} times)\n${head}\n${lines.join('\n')}\n`;
}
