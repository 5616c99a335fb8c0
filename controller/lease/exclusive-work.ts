import { FaasError } from '../errors.ts';
import { giveUp, type LeaseHolder, leaseMs, renewMs, tryLead } from './lease-holder.ts';

/** Long enough for a deployment whose functions take their time to start. */
const waitMs = 60_000;
const pollMs = 100;

/** Does the work while no other process does work of this name. Throws FAAS_BUSY when others do not come to an end. */
export async function exclusively<Result>(lease: LeaseHolder, name: string, work: () => Promise<Result>): Promise<Result> {
  const { clock, log } = lease;
  for (const untilMs = clock.now() + waitMs; (await tryLead(lease, name)) === undefined; await clock.sleep(pollMs)) {
    if (clock.now() >= untilMs) throw new FaasError('FAAS_BUSY', `another server is busy with ${name}`, 'Try again when it is done.');
  }
  let cancel = (): void => {};
  const renewLater = (): void => {
    cancel = clock.after(renewMs, () => {
      renewLater();
      tryLead(lease, name).then(
        held => held ?? log.warn('lease was lost in the middle of work', { lease: name, leaseMs }),
        error => log.warn('lease could not be renewed', { lease: name, error: String(error) }),
      );
    });
  };
  renewLater();
  try {
    return await work();
  } finally {
    cancel();
    await giveUp(lease, name);
  }
}
