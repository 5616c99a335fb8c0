import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { scratchFolder } from './paths.ts';
import { median } from './statistics.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMib: number;
  readonly node: string;
  readonly system: string;
  /** Of the minute before the bench: above 1 something else was running, and the figures are worth less. */
  readonly load: number;
  readonly fsyncMs: number;
}

export async function readMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: cpus().length,
    memoryMib: Math.round(totalmem() / 2 ** 20),
    node: process.versions.node,
    system: `${type()} ${release()}`,
    load: loadavg()[0] ?? 0,
    fsyncMs: fsyncLatencyMs(),
  };
}

function fsyncLatencyMs(): number {
  const file = openSync(join(scratchFolder, 'fsync'), 'w');
  const block = Buffer.alloc(4096, 1);
  try {
    const times = Array.from({ length: 50 }, () => {
      writeSync(file, block);
      const startedMs = performance.now();
      fsyncSync(file);
      return performance.now() - startedMs;
    });
    return median(times);
  } finally {
    closeSync(file);
  }
}
