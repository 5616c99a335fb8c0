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
  let term: { readonly fencing: number; readonly stop: AbortController; readonly over: Promise<unknown>; hasFailed: boolean } | undefined;
  let leadsUntilMs = Number.NEGATIVE_INFINITY;
  let fencing = 0;
  const end = async () => {
    term?.stop.abort();
    await term?.over;
    term = undefined;
  };
  const begin = (number: number) => {
    const stop = new AbortController();
    const failed = (error: unknown) => {
      log.error('work of the leader failed', { lease: name, error });
      if (term?.stop === stop) term.hasFailed = true;
    };
    return { fencing: number, stop, over: work(stop.signal, number).catch(failed), hasFailed: false };
  };
  while (!signal.aborted) {
    const askedAtMs = clock.now();
    try {
      const led = await tryLead(lease, name);
      fencing = led?.fencing ?? fencing;
      leadsUntilMs = led === undefined ? Number.NEGATIVE_INFINITY : askedAtMs + leaseMs - renewMs;
    } catch (error) {
      log.warn('lease could not be renewed', { lease: name, error: String(error) });
    }
    const leads = clock.now() < leadsUntilMs;
    // Another number: somebody else has led meanwhile, and may have gone again.
    if (term !== undefined && (!leads || term.fencing !== fencing)) {
      log.warn('does not lead any more', { lease: name });
      await end();
    }
    // Who holds the lease and does not work keeps everybody else from working.
    if (term?.hasFailed) {
      await end();
      leadsUntilMs = Number.NEGATIVE_INFINITY;
      await giveUp(lease, name);
    } else if (leads && term === undefined && !signal.aborted) {
      log.info('leads', { lease: name, fencing });
      term = begin(fencing);
    }
    await clock.sleep(renewMs, signal);
  }
  await end();
  if (leadsUntilMs !== Number.NEGATIVE_INFINITY) await giveUp(lease, name);
}
