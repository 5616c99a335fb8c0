import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { request } from 'undici';
import { readLedger, readSecret, readServer, writeLedger } from './data-folder.ts';
import { type Delivery, headersOf, roundOf } from './deliveries.ts';

/** What the sender tells its parent. */
export interface SenderReport {
  readonly sent: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly retries: number;
  readonly ratePerSecond: number;
  readonly done: boolean;
}

const inFlightMax = 64;
const reportEveryMs = 200;
const retryMs = { min: 50, max: 1_000 };
const answerMs = 10_000;

/** The server looked at a delivery and does not want it: no retry helps. */
class RefusedError extends Error {}

const { values } = parseArgs({
  options: { data: { type: 'string' }, rounds: { type: 'string' }, rate: { type: 'string' }, live: { type: 'boolean', default: false } },
});
const folder = values.data ?? './.faas';
const rate = Number(values.rate ?? 100);
const counts = { sent: 0, accepted: 0, duplicates: 0, retries: 0, ratePerSecond: rate };
const startedAt = performance.now();

const reporting = setInterval(() => report(false), reportEveryMs);
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

try {
  await sendRounds();
  report(true);
  clearInterval(reporting);
  process.disconnect?.();
} catch (error) {
  process.stderr.write(`sender: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function sendRounds(): Promise<void> {
  const secret = await readSecret(folder);
  const first = values.live ? (await readLedger(folder)).completed + 1 : 1;
  const last = values.live ? Number.POSITIVE_INFINITY : Number(values.rounds ?? 1);
  for (let round = first; round <= last; round += 1) {
    await writeLedger(folder, { begun: round });
    await sendRound(roundOf(round), secret);
    await writeLedger(folder, { completed: round });
  }
}

/** Resolves when each delivery of the round was accepted. */
async function sendRound(deliveries: readonly Delivery[], secret: string): Promise<void> {
  const inFlight = new Set<Promise<void>>();
  let failure: unknown;
  let dueAt = performance.now();
  for (const delivery of deliveries) {
    if (failure !== undefined) break;
    while (inFlight.size >= inFlightMax) await Promise.race(inFlight);
    dueAt = Math.max(dueAt + 1_000 / currentRate(), performance.now() - 100);
    const waitMs = dueAt - performance.now();
    if (waitMs > 1) await sleep(waitMs);
    const sending: Promise<void> = deliver(delivery, secret)
      .catch(error => {
        failure ??= error;
      })
      .finally(() => inFlight.delete(sending));
    inFlight.add(sending);
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure;
}

/** Live, the rate swells and ebbs over half a minute, so that there is something to see. */
function currentRate(): number {
  if (!values.live) return rate;
  const seconds = (performance.now() - startedAt) / 1_000;
  counts.ratePerSecond = Math.round(rate * (0.15 + 0.85 * ((1 - Math.cos((seconds / 30) * 2 * Math.PI)) / 2)));
  return Math.max(1, counts.ratePerSecond);
}

/** As GitHub would, were it patient: again and again until a 2xx. Only then is the delivery somebody else's business. */
async function deliver(delivery: Delivery, secret: string): Promise<void> {
  counts.sent += 1;
  for (let pauseMs = retryMs.min; ; pauseMs = Math.min(pauseMs * 2, retryMs.max)) {
    const answer = await post(delivery, secret);
    if (answer === 'duplicate') counts.duplicates += 1;
    if (answer === 'accepted') counts.accepted += 1;
    if (answer !== 'again') return;
    counts.retries += 1;
    await sleep(pauseMs);
  }
}

async function post(delivery: Delivery, secret: string): Promise<'accepted' | 'duplicate' | 'again'> {
  const server = await readServer(folder);
  if (server === undefined) return 'again';
  try {
    const { statusCode, body } = await request(`${server.gatewayUrl}/hooks/github-activity/github`, {
      method: 'POST',
      headers: headersOf(delivery, secret),
      body: delivery.body,
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
    });
    const text = await body.text();
    if (statusCode === 202) return text.includes('"duplicate":true') ? 'duplicate' : 'accepted';
    // Not deployed yet, or the server cannot store it now: both pass. Everything else is a mistake of this sender.
    if (statusCode >= 500 || statusCode === 404 || statusCode === 429) return 'again';
    throw new RefusedError(`delivery ${delivery.id} (${delivery.event}) got ${statusCode}: ${text}`);
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    // The connection broke or was refused: the server may have been killed.
    return 'again';
  }
}

function report(done: boolean): void {
  process.send?.({ ...counts, done } satisfies SenderReport);
}
