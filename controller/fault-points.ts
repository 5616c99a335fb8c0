import { FaasError } from './errors.ts';

/**
 * The named places at which a test may end the process. Production passes `noFaults`; `FAAS_FAULT_POINT=name:hit` arms
 * one (main.ts), and the process ends as by kill -9 when that point is passed for the hit-th time.
 */
export const faultPointNames = [
  'claim.before',
  'claim.after',
  'dispatch.sent',
  'result.received',
  'commit.before',
  'commit.after',
  'attempt.before',
  'attempt.after',
  'publish.before',
  'publish.after',
  'trim.before',
  'offset-commit.before',
  'offset-commit.after',
  'webhook.before-append',
  'webhook.after-append',
  'replay.before-append',
  'replay.after-append',
  'tick.before-append',
  'tick.after-append',
  'watch.before-commit',
  'watch.after-commit',
  'call.before-commit',
  'call.after-commit',
  'deploy.before-activate',
  'deploy.after-activate',
] as const;

export type FaultPoint = (typeof faultPointNames)[number];

/** Called at each named place; ends the process (or throws, in a simulation) when that place is armed. */
export type FaultPoints = (at: FaultPoint) => void;

export const noFaults: FaultPoints = () => {};

/** `name:hit` → fault points that end this process, as kill -9 does, at the hit-th passage of that place. Undefined text arms nothing. */
export function armFaultPoint(text: string | undefined, kill: () => void): FaultPoints {
  if (text === undefined || text === '') return noFaults;
  const [name, hit] = text.split(':');
  if (!faultPointNames.some(known => known === name))
    throw new FaasError(
      'FAAS_FAULT_POINT_UNKNOWN',
      `FAAS_FAULT_POINT names no fault point: ${text}`,
      `One of: ${faultPointNames.join(', ')}`,
    );
  let left = Number(hit ?? '1');
  return at => {
    if (at !== name) return;
    left -= 1;
    if (left === 0) kill();
  };
}
