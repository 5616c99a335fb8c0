import { giveUp, type LeaseHolder, leaseMs, renewMs, tryLead } from './lease-holder.ts';

/**
 * Works for as long as this process leads `name`, and stops working before somebody else may lead it, as far as clocks agree: what is done under a lease
 * must be fenced or harmless when done twice all the same. Resolves when the signal has aborted and the work has ended.
 */
export async function runWhileLeading(
  lease: LeaseHolder,
  name: string,
  work: (signal: AbortSignal, fencing: number) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = lease;
  let term: { readonly stop: AbortController; readonly over: Promise<unknown> } | undefined;
  let leadsUntilMs = Number.NEGATIVE_INFINITY;
  let fencing = 0;
  const end = async () => {
    term?.stop.abort();
    await term?.over;
    term = undefined;
  };
  while (!signal.aborted) {
    const askedAtMs = clock.now();
    try {
      const held = await tryLead(lease, name);
      leadsUntilMs = held === undefined ? Number.NEGATIVE_INFINITY : askedAtMs + leaseMs - renewMs;
      fencing = held?.fencing ?? fencing;
    } catch (error) {
      log.warn('lease could not be renewed', { lease: name, error: String(error) });
    }
    const leads = clock.now() < leadsUntilMs;
    if (!leads && term !== undefined) {
      log.warn('does not lead any more', { lease: name });
      await end();
    }
    if (leads && term === undefined && !signal.aborted) {
      log.info('leads', { lease: name });
      const stop = new AbortController();
      term = { stop, over: work(stop.signal, fencing).catch(error => log.error('work of the leader failed', { lease: name, error })) };
    }
    await clock.sleep(renewMs, signal);
  }
  await end();
  if (leadsUntilMs !== Number.NEGATIVE_INFINITY) await giveUp(lease, name);
}
