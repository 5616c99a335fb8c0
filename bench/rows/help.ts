import { spawnSync } from 'node:child_process';
import { cliFile } from '../paths.ts';
import type { Row } from '../row.ts';
import { median } from '../statistics.ts';

const turns = 21;

function startMs(args: readonly string[]): number {
  const startedMs = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`);
  return performance.now() - startedMs;
}

/** In turns, so that both see the same machine. */
export const help: Row = {
  name: 'help',
  async measure() {
    const pairs = Array.from({ length: turns }, () => [startMs([cliFile, '--help']), startMs(['-e', '0'])] as const);
    const ours = median(pairs.map(([faas]) => faas));
    const bare = median(pairs.map(([, node]) => node));
    const aboveMs = ours - bare;
    return [
      {
        ...{ measure: 'faas --help', unit: 'ms', ours, other: { name: 'of bare node', value: bare }, figure: aboveMs, pods: 0 },
        wanted: { relation: 'at most', value: 60, of: 'ms more' },
        note: `${aboveMs.toFixed(0)} ms more`,
      },
    ];
  },
};
