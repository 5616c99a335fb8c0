import type { Clock } from '../clock.ts';
import type { Leadership } from '../ports/registry.ts';
import type { Log } from '../telemetry/log.ts';

/** One process among several that share a registry. */
export interface LeaseHolder {
  readonly registry: Leadership;
  readonly clock: Clock;
  readonly log: Log;
  /** Unique per process and start. */
  readonly holder: string;
}

/** After the end of its holder a lease is free within this time. */
export const leaseMs = 5_000;
/** Two renewals may be lost, and the third comes in time. */
export const renewMs = 1_500;

export function tryLead({ registry, clock, holder }: LeaseHolder, name: string): Promise<{ readonly fencing: number } | undefined> {
  return registry.lead(name, holder, leaseMs, clock.now());
}

/** A lease that cannot be given up ends by itself. */
export async function giveUp({ registry, log, holder }: LeaseHolder, name: string): Promise<void> {
  await registry.resign(name, holder).catch(error => log.debug('lease could not be given up', { lease: name, error: String(error) }));
}
