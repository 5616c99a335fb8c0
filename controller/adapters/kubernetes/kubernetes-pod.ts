import type { Clock } from '../../clock.ts';
import { FaasError } from '../../errors.ts';
import type { PodExit, PodInfo, PodLeaving, PodTrouble } from '../../ports/pods.ts';
import type { Log } from '../../telemetry/log.ts';
import { type PodLine, PodLink, type PodStatusLine } from './pod-link.ts';
import { podPort } from './pod-manifest.ts';
import type { PodState } from './pod-state.ts';

export interface PodListener {
  readonly clock: Clock;
  readonly log: Log;
  leaving(why: PodLeaving['why']): void;
  output(stream: 'stdout' | 'stderr', text: string): void;
  /** Once, and only of a pod that had started. */
  exit(exit: PodExit): void;
}

/** Between two tries to reach a pod whose address is known and that does not listen yet. */
const knockMs = 20;
/** After the connection broke: how long the cluster may take to say why the pod ended, which its node notices within a second. */
const whyMs = 2_500;
/** So long a pod that cannot be reached may still be there. */
const unreachableMs = 10_000;
const againMs = 200;

/** One pod, from its creation to its exit: what the cluster says of it and what it says itself, put together. */
export class KubernetesPod {
  readonly name: string;
  readonly exited: Promise<PodExit>;
  readonly #bootId: string;
  readonly #token: string;
  readonly #listener: PodListener;
  #info: PodInfo | undefined;
  #link: PodLink | undefined;
  #state: PodState | undefined;
  #trouble: PodTrouble | undefined;
  #callbackUrl = '';
  #asked = false;
  #told = false;
  #over = false;
  #replaced = false;
  #lastWord: string | undefined;
  /** Where the pod itself says that it is. */
  #announcedIp: string | undefined;
  #settle: (exit: PodExit) => void = () => {};
  /** Called at every piece of news. */
  #wake: () => void = () => {};

  constructor(name: string, bootId: string, token: string, listener: PodListener) {
    this.name = name;
    this.#bootId = bootId;
    this.#token = token;
    this.#listener = listener;
    this.exited = new Promise(resolve => {
      this.#settle = resolve;
    });
  }

  /** Once it has started and until it has ended. */
  get info(): PodInfo | undefined {
    return this.#info;
  }

  get trouble(): PodTrouble | undefined {
    return this.#trouble;
  }

  /** Whether an announcement of a pod with this boot id would be taken. */
  awaits(bootId: string): boolean {
    return bootId === this.#bootId && !this.#over && this.#info === undefined && this.#announcedIp === undefined;
  }

  /** The pod itself says where it is; its word has been verified. The cluster says the same up to a second later, and its word then counts more. */
  announced(ip: string): void {
    this.#announcedIp = ip;
    this.#wake();
  }

  /** Waits for the cluster or an announcement, and then for the pod. Throws FAAS_POD_START when it ends meanwhile or takes too long. */
  async starting(callbackUrl: string, withinMs: number): Promise<PodInfo> {
    const { clock } = this.#listener;
    const untilMs = clock.now() + withinMs;
    while (!this.#over) {
      const { exit, ip = this.#announcedIp } = this.#state ?? {};
      if (exit !== undefined) throw failed(`a pod ended while it started: ${exit.detail ?? exit.reason}`);
      if (clock.now() >= untilMs) throw failed(`a pod did not start within ${withinMs} ms: ${this.#trouble?.message ?? 'no reason given'}`);
      if (ip === undefined) await this.#news(untilMs - clock.now());
      else if (await this.#attach(ip, callbackUrl).catch(() => false)) break;
      else await clock.sleep(knockMs);
    }
    if (this.#info === undefined) throw failed('the start was given up');
    return this.#info;
  }

  /** Takes over a pod that an earlier process has started; throws when it does not answer or is another one. */
  async adopt(callbackUrl: string): Promise<PodStatusLine> {
    const ip = this.#state?.ip;
    if (ip === undefined) throw new Error('it has no address');
    const status = await this.#linkTo(ip).status();
    if (status.bootId !== this.#bootId) throw new Error('it is another pod');
    await this.#attach(ip, callbackUrl);
    return status;
  }

  /** What the cluster says now. */
  seen(state: PodState): void {
    const before = this.#state;
    this.#state = state;
    const { clock } = this.#listener;
    if (state.trouble === undefined) this.#trouble = undefined;
    else if (state.trouble.reason !== this.#trouble?.reason) this.#trouble = { ...state.trouble, sinceMs: clock.now() };
    if (state.isLeaving) this.#leaves();
    if (state.exit !== undefined) this.#ended(state.exit);
    // Who waits looks at nothing else.
    if (state.ip !== before?.ip || state.exit !== undefined) this.#wake();
  }

  /** The cluster has it no more. */
  deleted(): void {
    this.#ended(this.#state?.exit ?? { reason: 'killed', code: null, signal: 'SIGKILL' });
    this.#wake();
  }

  /** Resolves when the pod has been told, or cannot be. */
  async stop(graceMs: number): Promise<void> {
    this.#asked = true;
    this.#listener.clock.after(graceMs, () => void this.kill());
    await this.#link?.stop(graceMs).catch(() => undefined);
  }

  async kill(): Promise<void> {
    this.#asked = true;
    if (!this.#over) await this.#link?.kill().catch(() => undefined);
  }

  sign(): void {
    this.#link?.status().catch(() => undefined);
  }

  /** Nothing that happens to it is told any more. */
  forget(): void {
    this.#over = true;
    this.#info = undefined;
    this.#wake();
  }

  #linkTo(ip: string): PodLink {
    const address = addressOf(ip);
    if (this.#link?.address !== address) this.#link = new PodLink(address, this.#token);
    return this.#link;
  }

  async #attach(ip: string, callbackUrl: string): Promise<true> {
    const lines = await this.#linkTo(ip).attach(callbackUrl);
    this.#callbackUrl = callbackUrl;
    const { clock } = this.#listener;
    this.#trouble = undefined;
    this.#info ??= {
      id: this.name,
      bootId: this.#bootId,
      address: addressOf(ip),
      token: this.#token,
      startedAtMs: clock.now(),
      pid: undefined,
    };
    void this.#follow(lines, ip);
    return true;
  }

  async #follow(lines: AsyncIterable<PodLine>, ip: string): Promise<void> {
    try {
      for await (const line of lines) this.#heard(line);
    } catch (error) {
      this.#listener.log.debug('the connection to a pod broke', { pod: this.name, error: String(error) });
    }
    if (this.#over || this.#replaced) return;
    if (this.#lastWord !== undefined) this.#ended(exitOf(this.#lastWord));
    else await this.#lost(ip);
  }

  #heard(line: PodLine): void {
    if (this.#over) return;
    if (line.kind === 'output') this.#listener.output(line.stream, line.text);
    else if (line.kind === 'exit') this.#lastWord = line.reason;
    else if (line.kind === 'replaced') this.#isReplaced();
    else this.#leaves();
  }

  /** Without a word: the network, the process, or its machine. One that answers is attached to again. */
  async #lost(ip: string): Promise<void> {
    const { clock } = this.#listener;
    const fromMs = clock.now();
    let told = false;
    while (!this.#over) {
      const refused = await this.#attach(ip, this.#callbackUrl).then(
        () => undefined,
        (error: NodeJS.ErrnoException) => error.code ?? 'unknown',
      );
      if (refused === undefined) return;
      if (!told) this.#listener.leaving('lost');
      told = true;
      const patienceMs = refused === 'ECONNREFUSED' || this.#asked ? whyMs : unreachableMs;
      if (clock.now() - fromMs > patienceMs)
        this.#ended({ reason: 'killed', code: null, signal: null, detail: `it does not answer: ${refused}` });
      else await this.#news(againMs);
    }
  }

  /** Another server of the same name has it: it is left to that one. */
  #isReplaced(): void {
    this.#replaced = true;
    this.#listener.log.warn('a pod has another server now', { pod: this.name });
    this.#leaves();
  }

  #leaves(): void {
    if (this.#asked || this.#told || this.#info === undefined) return;
    this.#told = true;
    this.#listener.leaving('told');
  }

  #ended(exit: Pick<PodExit, 'reason' | 'code' | 'signal' | 'detail'>): void {
    if (this.#over || this.#info === undefined) return;
    this.forget();
    const reason = this.#asked && exit.reason !== 'memory' && exit.reason !== 'stuck' ? 'stopped' : exit.reason;
    const whole = { ...exit, id: this.name, bootId: this.#bootId, reason };
    this.#listener.exit(whole);
    this.#settle(whole);
  }

  #news(withinMs: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#listener.clock.after(withinMs, () => this.#wake());
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function addressOf(ip: string): string {
  return `http://${ip.includes(':') ? `[${ip}]` : ip}:${podPort}`;
}

const reasons = ['stopped', 'crashed', 'memory', 'stuck'] as const;

/** What a pod said before it ended. */
function exitOf(lastWord: string): Pick<PodExit, 'reason' | 'code' | 'signal'> {
  const reason = reasons.find(known => known === lastWord) ?? 'crashed';
  return { reason, code: reason === 'stopped' ? 0 : 1, signal: null };
}

function failed(message: string): FaasError {
  return new FaasError('FAAS_POD_START', message, 'Look at it with `kubectl describe pod`.');
}
