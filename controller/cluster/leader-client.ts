import { type Dispatcher, Pool } from 'undici';
import { paths } from '../api/paths.ts';
import { FaasError } from '../errors.ts';
import {
  clusterVersion,
  clusterVersionHeader,
  decodePodsAnswer,
  decodeReportAnswer,
  encodeQuestion,
  encodeReport,
  encodeWish,
} from './codec.ts';
import type { LeaderLink, MessageAnswer, ReportMessage } from './messages.ts';
import type { ReportSender } from './report-exchange.ts';

/** Longer than the leader waits before it answers that nothing is new. */
const newsMsMax = 3_500;
/**
 * For what is answered at once. A leader that is stopped takes requests and says nothing: whoever waited longer would reach the next one when that has stopped gathering
 * reports, and have its pods started again elsewhere. Not undici's own time-outs, which are late by up to a second.
 */
const answerMsMax = 1_500;

type Bounds = Pick<Dispatcher.RequestOptions, 'signal' | 'headersTimeout' | 'bodyTimeout'>;

/** The way to a leader in another process. */
export class LeaderClient implements LeaderLink {
  readonly #pool: Pool;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #reports: ReportSender;

  /** `reports`: one for all leaders that this process has in its life. */
  constructor(address: string, secret: string, reports: ReportSender) {
    this.#reports = reports;
    this.#pool = new Pool(address, { connections: 4, pipelining: 1, keepAliveTimeout: 10_000, connect: { timeout: 1_000 } });
    this.#headers = {
      authorization: `Bearer ${secret}`,
      'content-type': 'application/json',
      [clusterVersionHeader]: String(clusterVersion),
    };
  }

  async report(report: Parameters<LeaderLink['report']>[0]) {
    const message = this.#reports.next(report);
    const answer = await this.#send(message);
    return message.kind === 'difference' && answer.holds === undefined ? this.#send(this.#reports.next(report)) : answer;
  }

  async pods(question: Parameters<LeaderLink['pods']>[0], signal: AbortSignal) {
    const bounds = { signal, headersTimeout: newsMsMax, bodyTimeout: newsMsMax };
    return decodePodsAnswer(await this.#post(paths.internalPods, encodeQuestion(question), bounds));
  }

  async want(wish: Parameters<LeaderLink['want']>[0]) {
    await this.#post(paths.internalWant, encodeWish(wish));
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  async #send(message: ReportMessage): Promise<MessageAnswer> {
    const answer = decodeReportAnswer(await this.#post(paths.internalReport, encodeReport(message)));
    this.#reports.answered(answer.holds);
    return answer;
  }

  async #post(path: string, body: string, bounds: Bounds = { signal: AbortSignal.timeout(answerMsMax) }): Promise<unknown> {
    const answer = await this.#pool.request({ method: 'POST', path, headers: this.#headers, body, ...bounds });
    const value: unknown = await answer.body.json().catch(() => undefined);
    if (answer.statusCode === 200) return value;
    throw refusal(path, answer.statusCode, value);
  }
}

function refusal(path: string, status: number, problem: unknown): FaasError {
  const said = typeof problem === 'object' && problem !== null ? String(Reflect.get(problem, 'detail') ?? '') : '';
  return new FaasError('FAAS_CLUSTER_REFUSED', `the leader answered ${status} at ${path}: ${said}`);
}
