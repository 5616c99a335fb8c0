import { ProblemError } from '../api/problem.ts';
import type { Clock } from '../clock.ts';
import type { Dispatcher, SettledResult } from '../dispatch/dispatcher.ts';
import { FaasError } from '../errors.ts';
import type { FaultPoints } from '../fault-points.ts';
import { type InboxEvent, inboxRecord } from '../inbox/inbox-record.ts';
import type { History } from '../ports/history.ts';
import type { KnownId, StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { Random } from '../random.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { childTraceparent } from '../telemetry/trace.ts';
import { type Delivery, eventOf } from './delivery.ts';
import type { Secrets } from './secrets.ts';
import { askPatiently, storePatienceMs } from './store-patience.ts';
import { type HeaderValues, verify } from './verify.ts';
import type { WebhookMatch } from './webhook-routes.ts';

export interface WebhookIntakeOptions {
  readonly streams: Pick<Streams, 'append' | 'describeTopic'>;
  readonly state: Pick<StateStore, 'known' | 'capabilities'>;
  readonly dispatcher: Pick<Dispatcher, 'resultOf'>;
  readonly secrets: Pick<Secrets, 'valuesOf'>;
  readonly history: Pick<History, 'write'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultPoints;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Whether `verify: none` is taken at this listener. */
  readonly unverifiedAllowed: boolean;
}

export interface RawRequest {
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: Uint8Array;
}

export interface WebhookAnswer {
  readonly status: number;
  /** JSON. */
  readonly body: string | Uint8Array | undefined;
}

/** How long `respond: result` waits before it answers 202. */
export const resultWaitMs = 30_000;

/** Of bodies that wait for the state store. What comes while it is away and more wait is refused at once: the sender keeps it. */
const waitingBytesMax = 16 << 20;

/**
 * Takes one request at a webhook: verify, store, answer. A 2xx means that the event is durable; whatever goes wrong before that is an error, and the
 * sender's own retry brings the event again. A refusal stores nothing and tells the sender nothing but 401; the history keeps the reason.
 */
export function createWebhookIntake(options: WebhookIntakeOptions): (match: WebhookMatch, request: RawRequest) => Promise<WebhookAnswer> {
  const { clock, metrics } = options;
  let waitingBytes = 0;

  /** What is known of an id that was committed already. A store that is away for a moment is waited for. */
  async function stored({ live }: WebhookMatch, { body }: Delivery, id: string, record: Recorder): Promise<KnownId | undefined> {
    const { unit } = live;
    const untilMs = waitingBytes > waitingBytesMax ? 0 : clock.now() + storePatienceMs;
    waitingBytes += body.length;
    try {
      return (await askPatiently(clock, untilMs, () => options.state.known(unit, [id])))[0];
    } catch (error) {
      options.log.error('state store unreachable for a webhook', { unit, error });
      record('failed', 'state');
      throw appendFailed();
    } finally {
      waitingBytes -= body.length;
    }
  }

  return async (match, request) => {
    const delivery: Delivery = { headers: valuesIn(request.rawHeaders), headerNames: namesIn(request.rawHeaders), body: request.body };
    const record = recorder(options, match, delivery);
    await admit(options, match, delivery, record);
    const traceparent = childTraceparent(delivery.headers('traceparent')[0], options.random);
    const event = eventOf(match, delivery, { nowMs: clock.now(), traceparent, randomId: options.random.uuid() });
    const known = await stored(match, delivery, event.id, record);
    const wait =
      match.trigger.respond === 'result' && known === undefined
        ? options.dispatcher.resultOf(match.live.unit, event.id, resultWaitMs)
        : undefined;
    if (known === undefined || options.state.capabilities.mayRollBack) await append(options, match, event, record);
    record(known === undefined ? 'accepted' : 'duplicate', undefined, event.id);
    if (known !== undefined) metrics.count('faas_webhook_duplicates_total', { context: match.live.context });
    const answer = known === undefined ? await answerOf(event.id, wait) : repeatedAnswer(match, known);
    metrics.count('faas_webhook_requests_total', { context: match.live.context, status: String(answer.status) });
    return answer;
  };
}

type Recorder = (outcome: 'accepted' | 'duplicate' | 'refused' | 'failed', reason: string | undefined, id?: string) => void;

/** One entry of the history per request: never a payload, a header or a key. */
function recorder({ history, clock }: WebhookIntakeOptions, { live, trigger }: WebhookMatch, { body }: Delivery): Recorder {
  return (outcome, reason, id) =>
    history.write({
      kind: 'webhook',
      atMs: clock.now(),
      unit: live.unit,
      data: {
        outcome,
        path: trigger.path,
        verify: trigger.verify.scheme,
        bytes: body.length,
        ...(reason === undefined ? {} : { reason }),
        ...(id === undefined ? {} : { id }),
      },
    });
}

/** Throws unless the delivery may come in. */
async function admit(options: WebhookIntakeOptions, { live, trigger }: WebhookMatch, delivery: Delivery, record: Recorder): Promise<void> {
  if (trigger.verify.scheme === 'none') {
    if (options.unverifiedAllowed) return;
    record('refused', 'unverified');
    throw new FaasError(
      'FAAS_HOOK_UNVERIFIED',
      'this listener takes no unverified webhooks',
      'Name a scheme in `verify`, or set gateway.allowUnverified.',
    );
  }
  const secrets = trigger.secret === undefined ? [] : await options.secrets.valuesOf(trigger.secret);
  if (secrets.length === 0) {
    options.log.error('secret missing', { unit: live.unit, secret: trigger.secret, path: trigger.path });
    record('failed', 'secret-missing');
    throw unavailable('FAAS_SECRET_MISSING', 'the server lacks the secret of this webhook', '`faas secret check` names it.');
  }
  const verified = verify(trigger.verify, delivery.headers, delivery.body, secrets, options.clock.now());
  if (verified.kind === 'verified') return;
  record('refused', verified.reason);
  throw new FaasError('FAAS_HOOK_SIGNATURE', 'the delivery was refused');
}

async function append(
  { streams, faults, log }: WebhookIntakeOptions,
  { live }: WebhookMatch,
  event: InboxEvent,
  record: Recorder,
): Promise<void> {
  try {
    const topic = await streams.describeTopic(live.inboxTopic);
    if (topic === undefined) throw new FaasError('FAAS_STREAM_UNKNOWN_TOPIC', `there is no topic ${live.inboxTopic}`);
    faults('webhook.before-append');
    await streams.append(live.inboxTopic, [inboxRecord(event, topic.partitions)]);
    faults('webhook.after-append');
  } catch (error) {
    log.error('webhook could not be stored', { unit: live.unit, error });
    record('failed', 'append');
    throw appendFailed();
  }
}

function appendFailed(): ProblemError {
  return unavailable(
    'FAAS_APPEND_FAILED',
    'the event could not be stored',
    'Send it again: nothing of it was kept that could be handled twice.',
  );
}

function unavailable(code: 'FAAS_APPEND_FAILED' | 'FAAS_SECRET_MISSING', message: string, hint: string): ProblemError {
  return new ProblemError(code, message, hint, { headers: { 'retry-after': '5' } });
}

async function answerOf(id: string, wait: Promise<SettledResult> | undefined): Promise<WebhookAnswer> {
  const result = await wait;
  if (result === undefined || result.kind === 'timeout') return { status: 202, body: JSON.stringify({ id }) };
  if (result.kind === 'ok') return withResult(result.answer);
  const { code, name, message } = result.error;
  throw new ProblemError('FAAS_HOOK_FAILED', `the handler failed: ${result.reason}`, '`faas dlq show` has the event.', {
    extra: { id, reason: result.reason, error: { code, name, message } },
  });
}

/** The same answer as the first time where it was stored with the commit. */
function repeatedAnswer({ trigger }: WebhookMatch, { id, answer }: KnownId): WebhookAnswer {
  if (trigger.respond === 'result' && answer !== undefined) return withResult(answer);
  return { status: 202, body: JSON.stringify({ id, duplicate: true }) };
}

function withResult(answer: Uint8Array | undefined): WebhookAnswer {
  return answer === undefined ? { status: 204, body: undefined } : { status: 200, body: answer };
}

function valuesIn(rawHeaders: readonly string[]): HeaderValues {
  return name => rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

function namesIn(rawHeaders: readonly string[]): readonly string[] {
  return [...new Set(rawHeaders.filter((_, index) => index % 2 === 0).map(name => name.toLowerCase()))];
}
