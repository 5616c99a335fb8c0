import type { CommandSpec } from '../command.ts';
import { maybeUnit, unit } from './arguments.ts';
import { contextFlag, outputFlag, serverFlags, watchFlag } from './flags.ts';

/** Commands about what waits and how many pods there are: rows of the command table. */
export const scaleCommands: readonly CommandSpec[] = [
  {
    name: 'lag',
    summary: 'Show how much waits, and for how long',
    args: [maybeUnit],
    flags: [contextFlag, watchFlag, outputFlag, ...serverFlags],
    examples: ['faas lag --watch', 'faas lag shop.customer-totals'],
    load: () => import('./lag.ts'),
  },
  {
    name: 'scale explain',
    summary: 'Show why a function has as many pods as it has, or had, line by line',
    args: [unit],
    flags: [
      { name: 'at', kind: 'text', label: 'time', meaning: 'The decision that held then: a time with its zone, or how long ago (`2h`).' },
      contextFlag,
      watchFlag,
      outputFlag,
      ...serverFlags,
    ],
    examples: ['faas scale explain shop.customer-totals', 'faas scale explain customer-totals --at 2026-01-31T06:00:00Z'],
    load: () => import('./scale-explain.ts'),
  },
  {
    name: 'scale simulate',
    summary: 'Show what a policy would have done with the arrivals that were recorded, or with those of a file',
    args: [unit],
    flags: [
      { name: 'last', kind: 'duration', label: 'time', default: '24h', meaning: 'The recorded arrivals of this time, at most 24h.' },
      { name: 'trace', kind: 'text', label: 'file', meaning: 'Arrivals as NDJSON instead, one `{"atMs", "arrivalRate"}` per line.' },
      { name: 'save', kind: 'text', label: 'file', meaning: 'Write the recorded arrivals to a file, for --trace.' },
      {
        name: 'policy',
        kind: 'text',
        label: 'path',
        meaning: 'A manifest, or its folder: the `scale` of the function there is tried beside the one of today.',
      },
      {
        name: 'pod-rate',
        kind: 'number',
        label: 'count',
        meaning: 'Events per second that one pod finishes, instead of what was measured.',
      },
      { name: 'start', kind: 'duration', label: 'time', meaning: 'Time until a new pod works, instead of what was measured.' },
      { name: 'within', kind: 'text', label: 'percent', meaning: 'Fail when fewer events than this are handled within maxAge.' },
      { name: 'tail-age', kind: 'duration', label: 'time', meaning: 'Fail when the 99th percentile of ages is above this.' },
      { name: 'pod-hours', kind: 'text', label: 'hours', meaning: 'Fail when it takes more.' },
      { name: 'actions', kind: 'number', label: 'count', meaning: 'Fail when the number of pods changes more often.' },
      contextFlag,
      outputFlag,
      ...serverFlags,
    ],
    examples: [
      'faas scale simulate shop.customer-totals --last 24h --policy faas.yaml',
      'faas scale simulate customer-totals --trace monday.ndjson --within 99.9 --pod-hours 40',
    ],
    load: () => import('./scale-simulate.ts'),
  },
  {
    name: 'scale set',
    summary: 'Set bounds of pods by hand, for a time',
    args: [unit],
    flags: [
      { name: 'min', kind: 'number', label: 'count', meaning: 'Pods at least; usually as the manifest says.' },
      { name: 'max', kind: 'number', label: 'count', meaning: 'Pods at most; usually as the manifest says.' },
      { name: 'replicas', kind: 'number', label: 'count', meaning: 'So many pods, no more and no fewer.' },
      { name: 'for', kind: 'duration', label: 'time', default: '1h', meaning: 'How long they hold, from 1s to 30d.' },
      contextFlag,
      outputFlag,
      ...serverFlags,
    ],
    examples: ['faas scale set shop.customer-totals --min 5 --for 2h', 'faas scale set customer-totals --replicas 3'],
    load: () => import('./scale-set.ts'),
  },
  {
    name: 'scale clear',
    summary: 'Go back from bounds by hand to those of the manifest',
    args: [unit],
    flags: [contextFlag, outputFlag, ...serverFlags],
    examples: ['faas scale clear shop.customer-totals'],
    load: () => import('./scale-clear.ts'),
  },
  {
    name: 'tune',
    summary: 'Show what the events of a function take, and limits that would fit',
    args: [unit],
    flags: [
      { name: 'last', kind: 'duration', label: 'time', default: '24h', meaning: 'What was measured in this time, at most 24h.' },
      contextFlag,
      outputFlag,
      ...serverFlags,
    ],
    examples: ['faas tune shop.customer-totals', 'faas tune customer-totals --last 1h --output json'],
    load: () => import('./tune.ts'),
  },
];
