import { FaasError } from '../errors.ts';
import { giveUp, type LeaseHolder, renewMs, tryLead } from '../lease/lease-holder.ts';

/** Gateways that share a state store, at most. */
const slotsMax = 64;
/** How often the leader looks for slots whose gateway has gone. */
const orphansEveryMs = 5_000;

const leaseOf = (slot: string): string => `gateway/${slot}`;

/** The lowest slot that is free: what the gateway before left in it is found and sent by the next one. */
export async function takeSlot(lease: LeaseHolder): Promise<string> {
  for (let n = 0; n < slotsMax; n += 1) if ((await tryLead(lease, leaseOf(String(n)))) !== undefined) return String(n);
  const hint = 'Stop some, or wait a few seconds for those that were killed.';
  throw new FaasError('FAAS_BUSY', `${slotsMax} servers are at work on this state store, and more cannot be`, hint);
}

/** Keeps the slot, or takes another one when a process that slept too long finds it given away. Gives it up in the end. */
export async function keepSlot(lease: LeaseHolder, first: string, onMoved: (slot: string) => void, signal: AbortSignal): Promise<void> {
  let slot = first;
  while (!signal.aborted) {
    await lease.clock.sleep(renewMs, signal);
    try {
      if ((await tryLead(lease, leaseOf(slot))) !== undefined) continue;
      slot = await takeSlot(lease);
      lease.log.warn('slot of direct calls was given away, took another one', { slot });
      onMoved(slot);
    } catch (error) {
      lease.log.warn('slot of direct calls could not be renewed', { slot, error: String(error) });
    }
  }
  await giveUp(lease, leaseOf(slot));
}

/** Looks for slots whose process is gone, once per process: `adopt` takes care of what it has left. */
export async function adoptOrphans(
  lease: LeaseHolder,
  adopt: (slots: readonly string[]) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  /** Slot → fencing number of our own last look. The next number is ours again if nobody had it in between. */
  const seen = new Map<string, number>();
  while (!signal.aborted) {
    await lookAtSlots(lease, adopt, seen).catch(error => lease.log.warn('slots of other gateways could not be looked at', { error }));
    await lease.clock.sleep(orphansEveryMs, signal);
  }
}

/** All slots are taken from the lowest on, so that the first which nobody ever had is the end of them. */
async function lookAtSlots(
  lease: LeaseHolder,
  adopt: (slots: readonly string[]) => Promise<unknown>,
  seen: Map<string, number>,
): Promise<void> {
  const held = new Map<string, number>();
  try {
    for (let n = 0; n < slotsMax; n += 1) {
      const lead = await tryLead(lease, leaseOf(String(n)));
      if (lead !== undefined) held.set(String(n), lead.fencing);
      if (lead?.fencing === 1) break;
    }
    const orphans = [...held].filter(([slot, fencing]) => fencing !== (seen.get(slot) ?? 0) + 1).map(([slot]) => slot);
    if (orphans.length > 0) await adopt(orphans);
    for (const [slot, fencing] of held) seen.set(slot, fencing);
  } finally {
    for (const slot of held.keys()) await giveUp(lease, leaseOf(slot));
  }
}
