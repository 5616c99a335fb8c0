import type { Order } from '../../controller/manifest/spec.ts';
import { calmLink, type LinkFaults } from './process-link.ts';
import type { PodFaults } from './sim-pods.ts';
import type { Act } from './workload.ts';

/** What chance may do to a running system; the figure in a mode is how often at most in one seed. */
export type Blow =
  | 'kill'
  | 'fault-point'
  | 'restart'
  | 'freeze'
  | 'zombie'
  | 'rollback'
  | 'redeploy'
  | 'undeploy'
  | 'grow'
  | 'crash-pod'
  | 'drain-pod';

export interface Workload {
  readonly events: number;
  readonly keys: number;
  readonly unkeyed: number;
  readonly transfers: number;
  /** Probability of each act that is not `ok`. */
  readonly acts: Readonly<Partial<Record<Act['kind'], number>>>;
  readonly emitsMax: number;
  readonly starts: number;
  readonly relays: number;
  readonly totals: number;
  /** Inbox events, and how many of them are appended again with the same id. */
  readonly inbox: number;
  readonly inboxRepeats: number;
  /** The input carries (stream, seq), and some of it comes twice. */
  readonly upstreamRepeats: number | undefined;
  readonly holes: number;
  /** Direct calls, repeated under their key until they are answered. */
  readonly calls: number;
}

export interface Mode {
  readonly emits: readonly ('inline' | 'outbox')[];
  readonly orders: readonly Order[];
  readonly processes: number;
  readonly link: LinkFaults;
  readonly pods: PodFaults;
  readonly blows: Readonly<Partial<Record<Blow, number>>>;
  readonly workload: Workload;
  readonly onExhausted: 'dlq' | 'block' | 'park';
  readonly durability: 'default' | 'strict';
  readonly timeoutMs: number;
  readonly concurrency: readonly number[];
  /** How far clocks of processes may be apart. */
  readonly skewMs: number;
}

const calmPods: PodFaults = { handlerMs: 10, busy: 0, cut: 0 };
const roughLink: LinkFaults = { delayMs: 10, slowMs: 800, slow: 0.04, requestLost: 0.02, replyLost: 0.03, late: 0.02 };

const plain: Workload = {
  events: 40,
  keys: 5,
  unkeyed: 0.1,
  transfers: 12,
  acts: { slow: 0.05 },
  emitsMax: 2,
  starts: 0.1,
  relays: 0.15,
  totals: 0.1,
  inbox: 8,
  inboxRepeats: 0,
  upstreamRepeats: undefined,
  holes: 0,
  calls: 4,
};

const base: Mode = {
  emits: ['inline', 'outbox'],
  orders: ['key', 'key', 'partition', 'none'],
  processes: 1,
  link: calmLink,
  pods: calmPods,
  blows: {},
  workload: plain,
  onExhausted: 'dlq',
  durability: 'default',
  // Far above what a slow store takes: its slowness is nobody's failed attempt.
  timeoutMs: 30_000,
  concurrency: [1, 2, 5],
  skewMs: 0,
};

const ailing: Workload = { ...plain, unkeyed: 0, calls: 0, inbox: 20, inboxRepeats: 0.3, acts: { slow: 0.05, ails: 0.08 } };

export const modes = {
  calm: base,
  delays: { ...base, link: { ...calmLink, delayMs: 40, slowMs: 1_500, slow: 0.05 } },
  'lost-replies': { ...base, link: roughLink, workload: { ...plain, totals: 0.3 } },
  kills: { ...base, blows: { kill: 3, 'fault-point': 3, restart: 1 }, skewMs: 3_000 },
  'kills-lost-replies': { ...base, link: roughLink, blows: { kill: 2, 'fault-point': 3 }, skewMs: 3_000 },
  handover: { ...base, processes: 2, link: roughLink, blows: { kill: 2, restart: 3 }, skewMs: 3_000 },
  zombies: {
    ...base,
    processes: 2,
    link: { ...roughLink, slow: 0.08, slowMs: 3_000 },
    blows: { zombie: 3, freeze: 2, kill: 1 },
    skewMs: 3_000,
  },
  rollback: { ...base, emits: ['outbox'], blows: { rollback: 3 }, workload: { ...plain, totals: 0.3 } },
  'rollback-kills': {
    ...base,
    emits: ['outbox'],
    processes: 2,
    link: { ...roughLink, late: 0 },
    blows: { rollback: 3, kill: 2 },
    skewMs: 3_000,
  },
  'strict-rollback': {
    ...base,
    emits: ['outbox'],
    durability: 'strict',
    blows: { rollback: 3, kill: 1 },
    workload: { ...plain, totals: 0.2, inboxRepeats: 0.3 },
  },
  poison: { ...base, workload: { ...plain, calls: 0, acts: { slow: 0.05, poison: 0.05, throw: 0.1, refuse: 0.03 } } },
  'poison-kills': {
    ...base,
    timeoutMs: 1_000,
    blows: { kill: 2, 'fault-point': 2 },
    workload: { ...plain, calls: 0, acts: { poison: 0.05, throw: 0.1, hang: 0.03 } },
    skewMs: 3_000,
  },
  timeouts: { ...base, timeoutMs: 300, workload: { ...plain, acts: { hang: 0.06, slow: 0 } } },
  'pod-crashes': { ...base, pods: { handlerMs: 30, busy: 0.1, cut: 0.05 }, blows: { 'crash-pod': 2, 'drain-pod': 3 } },
  redeploys: { ...base, blows: { redeploy: 4, undeploy: 2, 'drain-pod': 1 }, pods: { handlerMs: 30, busy: 0.1, cut: 0 } },
  inbox: { ...base, link: roughLink, blows: { kill: 1 }, workload: { ...plain, events: 20, inbox: 30, inboxRepeats: 0.5, starts: 0.4 } },
  'inbox-rollback': {
    ...base,
    emits: ['outbox'],
    processes: 2,
    blows: { rollback: 3 },
    workload: { ...plain, events: 15, inbox: 30, inboxRepeats: 0.6, starts: 0.4 },
  },
  // New partitions of what comes in and of what is sent, in the middle of everything, and deploys that pin where they begin.
  growth: {
    ...base,
    processes: 3,
    link: roughLink,
    blows: { grow: 5, redeploy: 2, kill: 2, restart: 1 },
    workload: { ...plain, inbox: 15, inboxRepeats: 0.5, starts: 0.3, totals: 0.2, upstreamRepeats: 0.3, holes: 0.05 },
    skewMs: 3_000,
  },
  upstream: { ...base, link: roughLink, blows: { kill: 2 }, workload: { ...plain, upstreamRepeats: 0.4, holes: 0.1, acts: { slow: 0.2 } } },
  'upstream-rollback': {
    ...base,
    emits: ['outbox'],
    blows: { rollback: 3, restart: 1 },
    workload: { ...plain, upstreamRepeats: 0.4, holes: 0.1, acts: { slow: 0.2 } },
  },
  conflicts: {
    ...base,
    orders: ['none', 'key'],
    concurrency: [5],
    link: { ...calmLink, delayMs: 12 },
    workload: { ...plain, events: 30, keys: 2, unkeyed: 0.2, transfers: 40, relays: 0.35, totals: 0.7, acts: {} },
  },
  calls: {
    ...base,
    link: roughLink,
    blows: { kill: 2, 'fault-point': 1 },
    workload: { ...plain, events: 15, inbox: 5, transfers: 5, calls: 30, totals: 0.2 },
  },
  block: { ...base, onExhausted: 'block', workload: { ...plain, acts: { throw: 0.1, slow: 0.05 } } },
  park: { ...base, orders: ['key'], onExhausted: 'park', workload: ailing },
  'park-kills': {
    ...base,
    orders: ['key'],
    onExhausted: 'park',
    processes: 2,
    link: roughLink,
    blows: { kill: 2, 'fault-point': 3, restart: 1, redeploy: 1 },
    workload: ailing,
    skewMs: 3_000,
  },
  'park-rollback': { ...base, emits: ['outbox'], orders: ['key'], onExhausted: 'park', blows: { rollback: 3 }, workload: ailing },
  'never-ending': {
    ...base,
    orders: ['key', 'none'],
    concurrency: [3, 5],
    timeoutMs: 100_000_000,
    workload: { ...plain, keys: 8, acts: { slow: 0.05, never: 0.02 }, relays: 0, totals: 0 },
  },
  everything: {
    ...base,
    timeoutMs: 6_000,
    processes: 2,
    link: roughLink,
    pods: { handlerMs: 20, busy: 0.05, cut: 0.02 },
    blows: { kill: 2, 'fault-point': 1, restart: 1, freeze: 1, zombie: 2, redeploy: 1, 'crash-pod': 1, 'drain-pod': 1 },
    workload: {
      ...plain,
      calls: 0,
      acts: { slow: 0.05, poison: 0.02, throw: 0.05, refuse: 0.01, hang: 0.02 },
      starts: 0.2,
      totals: 0.2,
      inbox: 15,
      inboxRepeats: 0.4,
      upstreamRepeats: 0.2,
      holes: 0.05,
    },
    skewMs: 3_000,
  },
} as const satisfies Readonly<Record<string, Mode>>;

export type ModeName = keyof typeof modes;
export const modeNames = Object.keys(modes) as readonly ModeName[];
