import { number, podsText } from '../api/figure-text.ts';
import type { ScaleBlock, ScaleDecision, ScaleInputs, ScaleRest, ScaleTrial, Verdict } from './decision.ts';
import { perSecond, timeText } from './figure-text.ts';
import { gainLeast, gainPoor, slowShare } from './remember.ts';
import { enoughOf, finishedOf } from './trial.ts';

/** What is known of a bound behind the pods, or tried to know it: a line for what was found out just now, and one for each thing that holds. */
export function boundLines(
  { observation }: ScaleInputs,
  { verdict, memory }: Pick<ScaleDecision, 'verdict' | 'memory'>,
): readonly string[] {
  const { block, trial, rest } = memory;
  const { steadyMs } = observation;
  const isNew = trial?.sinceMs === steadyMs;
  return [
    ...(verdict === undefined ? [] : [verdictLine(verdict)]),
    ...(trial === undefined || isNew ? [] : [trialLine(trial, finishedOf(observation), steadyMs)]),
    ...(block === undefined || trial !== undefined ? [] : [blockLine(block, steadyMs)]),
    ...(rest === undefined || rest.untilMs <= steadyMs ? [] : [restLine(rest, steadyMs)]),
  ];
}

function verdictLine(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'useless':
    case 'poor': {
      const { from, to, before, now, hoped, podRate, tried } = verdict;
      const share = hoped <= 0 ? 0 : (now - before) / hoped;
      const bound = verdict.kind === 'useless' ? gainLeast : gainPoor;
      return `the step from ${from} to ${podsText(to)} brought ${perSecond(now - before)} of ${perSecond(hoped)} (${percent(share)}, under ${percent(bound)}): ${enough(now, podRate, tried)}`;
    }
    case 'slow': {
      const { ready, now, podRate, tried } = verdict;
      const share = now / (ready * podRate);
      return `${podsText(ready)} finish ${perSecond(now)}, ${percent(share)} of what as many could do (under ${percent(slowShare)}): ${enough(now, podRate, tried)}`;
    }
    case 'kept':
    case 'fell': {
      const { from, to, before, now, least, then } = verdict;
      const next = then === to ? `${to} stay` : `still fewer may do, ${then} are tried`;
      const result = verdict.kind === 'kept' ? `not clearly less: ${next}` : `under ${perSecond(least)}: back to ${then}`;
      return `${podsText(to)} in place of ${from} finish ${perSecond(now)}, ${perSecond(before)} before, ${result}`;
    }
    case 'risen':
      return `${podsText(verdict.pods)} finish ${perSecond(verdict.now)}, clearly more than the ${perSecond(verdict.before)} of when more brought nothing: up to ${verdict.pods * 2} may be tried`;
  }
}

function enough(now: number, podRate: number, tried: number): string {
  const pods = enoughOf(now, podRate);
  const line = `at ${perSecond(podRate)} per pod, and with one to show when the bound moves, ${podsText(pods)} should finish the ${perSecond(now)} too`;
  return tried === pods ? line : `${line}; ${tried} are tried`;
}

function trialLine({ sinceMs, from, to, finishedRate }: ScaleTrial, now: number | undefined, steadyMs: number): string {
  const seen = now === undefined ? 'what they finish is not known' : `they finish ${perSecond(now)}`;
  return `${podsText(to)} are tried in place of ${from} for ${timeText(steadyMs - sinceMs)} now: ${seen}, ${perSecond(finishedRate)} before`;
}

function blockLine({ pods, untilMs, finishedRate, isRisen }: ScaleBlock, steadyMs: number): string {
  const rate = finishedRate === undefined ? '' : ` than ${perSecond(finishedRate)}`;
  const line = `more than ${podsText(pods)} brought no more${rate}`;
  if (isRisen) return `${line}, and they finish more by now: up to ${pods * 2} may be tried`;
  return untilMs > steadyMs
    ? `${line}: no more of them for ${timeText(untilMs - steadyMs)}, or until they finish clearly more`
    : `${line}: one step more may be tried now`;
}

function restLine({ untilMs, podRate }: ScaleRest, steadyMs: number): string {
  const why = podRate === undefined ? 'they finished less' : `pods have become slower by themselves, ${perSecond(podRate)} each`;
  return `no fewer pods are tried for ${timeText(untilMs - steadyMs)}: ${why}`;
}

function percent(share: number): string {
  return `${number(share * 100)} %`;
}
