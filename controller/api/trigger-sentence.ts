import { assertNever } from '../../runtime/sdk/assert-never.ts';
import type { LagTrigger, ScheduleTrigger, TriggerSpec } from '../manifest/spec.ts';
import { printDuration } from '../manifest/units.ts';

/** A trigger in a few words, as lists show it: `stream orders, refunds`, `webhook /stripe`, `schedule every 5m`. */
export function triggerSentence(trigger: TriggerSpec): string {
  switch (trigger.kind) {
    case 'stream':
      return `stream ${trigger.streams.map(stream => stream.name).join(', ')}`;
    case 'webhook':
      return `webhook ${trigger.path}`;
    case 'schedule':
      return `schedule ${whenSentence(trigger.when)}`;
    case 'resource':
      return `resource ${trigger.apiVersion} ${trigger.resourceKind}`;
    case 'lag':
      return `lag of ${trigger.group} above ${lagBoundText(trigger.above)}`;
    default:
      return assertNever(trigger);
  }
}

/** `10000 events`, `5m`. */
function lagBoundText(bound: LagTrigger['above']): string {
  if ('ageMs' in bound) return printDuration(bound.ageMs);
  return `${bound.events} ${bound.events === 1 ? 'event' : 'events'}`;
}

function whenSentence(when: ScheduleTrigger['when']): string {
  if ('cron' in when) return when.cron;
  if ('everyMs' in when) return `every ${printDuration(when.everyMs)}`;
  return `at ${new Date(when.atMs).toISOString()}`;
}
