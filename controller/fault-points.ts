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
  'tick.before-append',
  'tick.after-append',
  'call.before-commit',
  'call.after-commit',
  'deploy.before-activate',
  'deploy.after-activate',
] as const;

export type FaultPoint = (typeof faultPointNames)[number];

/** Called at each named place; ends the process (or throws, in a simulation) when that place is armed. */
export type FaultPoints = (at: FaultPoint) => void;

export const noFaults: FaultPoints = () => {};
