import type { Checkup } from '../../ports/checkup.ts';
import type { RedisLink } from './redis-link.ts';
import { infoFields } from './server-check.ts';

const part = 'redis';
/** Schedules, ages and leases compare the clocks of servers. */
const skewMs = 2_000;
const fullShare = 0.9;

/** Asks one server. Whatever it refuses becomes a finding. */
export async function examineRedis(link: RedisLink, nowMs: () => number): Promise<readonly Checkup[]> {
  const startedMs = nowMs();
  try {
    const fields = infoFields(
      `${await link.command('INFO', 'server')}${await link.command('INFO', 'memory')}${await link.command('INFO', 'replication')}`,
    );
    const [seconds, micros] = (await link.command('TIME')) as readonly Buffer[];
    const endedMs = nowMs();
    const serverMs = Number(seconds) * 1_000 + Number(micros) / 1_000;
    return redisCheckups({ place: link.place, fields, askedMs: endedMs - startedMs, skewMs: skewOf(serverMs, startedMs, endedMs) });
  } catch (error) {
    return [{ part, status: 'failed', said: error instanceof Error ? error.message : String(error), hint: hintOf(error) }];
  }
}

/** 0 while the server's time may be one between question and answer. */
function skewOf(serverMs: number, startedMs: number, endedMs: number): number {
  return serverMs < startedMs ? serverMs - startedMs : Math.max(0, serverMs - endedMs);
}

export interface RedisFacts {
  readonly place: string;
  /** Of INFO. */
  readonly fields: ReadonlyMap<string, string>;
  readonly askedMs: number;
  /** By how much its clock is ahead of ours. */
  readonly skewMs: number;
}

export function redisCheckups({ place, fields, askedMs, skewMs: skew }: RedisFacts): readonly Checkup[] {
  const used = Number(fields.get('used_memory') ?? 0);
  const most = Number(fields.get('maxmemory') ?? 0);
  const role = fields.get('role') ?? 'unknown';
  const replicas = fields.get('connected_slaves') ?? '0';
  const said = `${place}: version ${fields.get('redis_version')}, ${role} with ${replicas} replicas, ${mebibytes(used)} used; answered in ${Math.round(askedMs)} ms`;
  return [
    { part, status: 'ok', said },
    ...(most > 0 && used > most * fullShare
      ? [
          {
            part,
            status: 'warning' as const,
            said: `${place} uses ${mebibytes(used)} of ${mebibytes(most)}: at its bound nothing can be committed`,
            hint: 'Raise maxmemory, or delete state that is not needed.',
          },
        ]
      : []),
    ...(Math.abs(skew) > skewMs
      ? [
          {
            part,
            status: 'warning' as const,
            said: `the clock of ${place} is ${(Math.abs(skew) / 1_000).toFixed(1)} s ${skew > 0 ? 'ahead of' : 'behind'} this server's`,
            hint: 'Let NTP set both: leases and ages compare clocks.',
          },
        ]
      : []),
  ];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function hintOf(error: unknown): string {
  const hint = error instanceof Error && 'hint' in error ? error.hint : undefined;
  return typeof hint === 'string' ? hint : 'See whether it runs, and the settings that begin with state.';
}
