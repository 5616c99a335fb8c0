import type { Batch, EventResult, LoadRequest, LoadResult } from '../../runtime/protocol/messages.ts';
import type { Reply } from '../../runtime/protocol/reply.ts';

const utf8 = new TextEncoder();
const bytes = (text: string): Uint8Array => utf8.encode(text);

/** One of each message of the wire, with every optional part there and not there; their bytes are in test/data/wire. */
export const sampleBatch: Batch = {
  batchToken: '0123456789abcdef0123456789abcdef',
  unit: 'shop.totals',
  revision: 'r3-1a2b3c4d',
  order: 'key',
  state: [
    { key: 'ann', version: 'c7:0', value: bytes('{"count":1}') },
    { key: 'bob', version: null, value: undefined },
  ],
  events: [
    {
      index: 0,
      attempt: 1,
      trigger: 'stream',
      stream: 'orders',
      topic: 'orders',
      partition: 2,
      offset: 41,
      appendedAtMs: 1_767_225_600_000,
      key: bytes('ann'),
      value: bytes('{"total":7}'),
      headers: [
        ['content-type', bytes('application/json')],
        ['x-raw', new Uint8Array([0xff, 0x00])],
      ],
      remainingMs: undefined,
      idempotencyKey: 'orders/2/41',
    },
    {
      index: 1,
      attempt: 3,
      trigger: 'stream',
      stream: 'orders',
      topic: 'orders',
      partition: 2,
      offset: 42,
      appendedAtMs: 1_767_225_600_001,
      key: null,
      value: null,
      headers: [],
      remainingMs: 1500,
      idempotencyKey: 'orders/2/42',
    },
  ],
};

/** Two deliveries at webhooks: somebody waits for what comes of the first one. */
export const sampleWebhooks: Batch = {
  batchToken: '0123456789abcdef0123456789abcdef',
  unit: 'shop.hook',
  revision: 'r3-1a2b3c4d',
  state: [],
  events: [false, true].map((noAnswer, index) => ({
    index,
    attempt: 1,
    trigger: 'webhook',
    stream: '',
    topic: 'faas.shop.hook.inbox',
    partition: 0,
    offset: 7 + index,
    appendedAtMs: 1_767_225_600_000,
    key: null,
    value: bytes('{}'),
    headers: [],
    remainingMs: undefined,
    noAnswer,
    idempotencyKey: `shop.hook/d-${index}`,
  })),
};

const ok: EventResult = {
  index: 0,
  outcome: {
    kind: 'ok',
    reads: [
      { key: 'ann', version: 'c7:0' },
      { key: 'bob', version: null },
    ],
    writes: [
      { key: 'ann', value: bytes('{"count":2}') },
      { key: 'bob', value: null },
    ],
    emits: [
      {
        kind: 'emit',
        target: 'vips',
        key: bytes('ann'),
        value: bytes('{"sum":7}'),
        contentType: 'application/json',
        id: undefined,
        type: 'vip',
        headers: [['traceparent', bytes('00-00000000000000000000000000000001-0000000000000002-01')]],
      },
      {
        kind: 'start',
        target: 'shop.tax',
        key: null,
        value: bytes('1'),
        contentType: 'application/json',
        id: 'orders/2/41:start:1',
        type: undefined,
        headers: [],
      },
    ],
    answer: bytes('"ümlaut"'),
    filtered: false,
    busyMs: 0.25,
    enteredAtMs: 1_767_225_600_002,
  },
};

export const sampleReplies: readonly Reply[] = [
  { kind: 'result', result: ok },
  {
    kind: 'result',
    result: {
      index: 1,
      outcome: {
        kind: 'ok',
        reads: [],
        writes: [],
        emits: [],
        answer: undefined,
        filtered: true,
        busyMs: 0,
        enteredAtMs: 1_767_225_600_003,
      },
    },
  },
  {
    kind: 'result',
    result: {
      index: 2,
      outcome: {
        kind: 'failed',
        reason: 'error',
        retryable: true,
        error: { code: 'FAAS_HANDLER_ERROR', name: 'Error', message: 'no "quotes"', stack: 'Error: no\n    at src/totals.ts:4:9' },
      },
    },
  },
  { kind: 'result', result: { index: 3, outcome: { kind: 'returned', why: 'neighbour-timeout' } } },
  {
    kind: 'log',
    log: {
      index: 0,
      level: 'info',
      message: 'counted',
      fields: { count: 2 },
      atMs: 1_767_225_600_004,
      traceparent: '00-00000000000000000000000000000001-0000000000000002-01',
    },
  },
  {
    kind: 'log',
    log: { index: undefined, level: 'error', message: 'late', fields: undefined, atMs: 1_767_225_600_005, traceparent: undefined },
  },
  { kind: 'alive' },
  { kind: 'end', end: 'done' },
];

export const sampleLoad: LoadRequest = {
  unit: 'shop.totals',
  context: 'shop',
  functionName: 'totals',
  revision: 'r3-1a2b3c4d',
  bundleHash: '00'.repeat(32),
  code: bytes('export default () => {}'),
  sourceMap: bytes('{}'),
  timeoutMs: 30_000,
  lifespanMs: 600_000,
  memoryBytes: 268_435_456,
  concurrency: 4,
  emits: ['vips'],
  calls: ['shop.tax'],
  env: { REGION: 'north' },
  dataFilters: { orders: { '/country': 'UA' } },
};

export const sampleLoadResults: readonly LoadResult[] = [
  { kind: 'ready', handler: 'event', phases: { loadMs: 1.5, initMs: 0 } },
  { kind: 'failed', error: { code: 'FAAS_LOAD_EXPORT', name: 'FaasError', message: 'the handler exports neither', stack: undefined } },
];
