import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentMib } from './child.ts';

/** What processes cost while nothing happens, together. */
export interface RestingCost {
  readonly residentMib: number;
  /** Of one core. */
  readonly cpuShare: number;
  readonly sockets: number;
}

const quietWindowMs = 10_000;
const quietWindows = 3;
/** A machine that others use as well may never be. */
const quietMsMax = 300_000;

/** Resolves when the processes have come to rest: in several windows in a row they cost no less than in the cheapest before. */
export async function untilQuiet(pids: readonly number[]): Promise<void> {
  const endMs = performance.now() + quietMsMax;
  let least = Number.POSITIVE_INFINITY;
  for (let calm = 0; calm < quietWindows && performance.now() < endMs; ) {
    const before = cpuSeconds(pids);
    await sleep(quietWindowMs);
    const cost = cpuSeconds(pids) - before;
    calm = cost < 0.95 * least ? 0 : calm + 1;
    least = Math.min(least, cost);
  }
}

/** Over so long; Linux only. */
export async function restingCost(pids: readonly number[], forMs: number): Promise<RestingCost> {
  const [beforeMs, before] = [performance.now(), cpuSeconds(pids)];
  await sleep(forMs);
  const tookS = (performance.now() - beforeMs) / 1_000;
  return {
    residentMib: pids.reduce((sum, pid) => sum + residentMib(pid), 0),
    cpuShare: (cpuSeconds(pids) - before) / tookS,
    sockets: pids.reduce((sum, pid) => sum + socketsOf(pid), 0),
  };
}

/** Ticks of a second that the kernel counts in. */
const hertz = 100;

/** Of the processor, by all threads since they started. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ticksOf(readFileSync(`/proc/${pid}/stat`, 'utf8')), 0) / hertz;
}

/** Fields 14 and 15, counted after the name in parentheses, which may hold anything. */
function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter(name => linkOf(`${folder}/${name}`).startsWith('socket:')).length;
}

/** '' of one that was closed since it was listed. */
function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
