import type { Clock } from '../../controller/clock.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import type { Trace } from './trace.ts';

/** How the network and the store treat the commands of one process; times in ms, the rest probabilities per command. */
export interface LinkFaults {
  readonly delayMs: number;
  /** Now and then a command or a reply takes up to this long. */
  readonly slowMs: number;
  readonly slow: number;
  /** The command never arrives; its sender sees an error. */
  readonly requestLost: number;
  /** The command is done; its sender sees an error. */
  readonly replyLost: number;
  /** The sender sees an error first, and the command arrives later. */
  readonly late: number;
}

export const calmLink: LinkFaults = { delayMs: 2, slowMs: 0, slow: 0, requestLost: 0, replyLost: 0, late: 0 };

/** What a lost connection looks like to its user. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/**
 * Everything between one simulated process and the world: its clock, its commands and their replies. A dead process hears nothing any
 * more, a frozen one hears it all when it goes on; what either has sent still arrives.
 */
export class ProcessLink {
  readonly name: string;
  readonly clock: Clock;
  readonly #virtual: VirtualClock;
  readonly #random: SeededRandom;
  readonly #trace: Trace;
  readonly #held: (() => void)[] = [];
  #state: 'up' | 'frozen' | 'dead' = 'up';
  faults: LinkFaults;

  constructor(name: string, virtual: VirtualClock, random: SeededRandom, trace: Trace, faults: LinkFaults, skewMs: number) {
    this.name = name;
    this.#virtual = virtual;
    this.#random = random;
    this.#trace = trace;
    this.faults = faults;
    this.clock = {
      now: () => virtual.now() + Math.round(skewMs),
      steady: () => virtual.steady(),
      after: (delayMs, callback) => {
        let cancelled = false;
        const cancel = virtual.after(delayMs, () => this.deliver(() => cancelled || callback()));
        return () => {
          cancelled = true;
          cancel();
        };
      },
      sleep: (delayMs, signal) => this.#sleep(delayMs, signal),
    };
  }

  get state(): 'up' | 'frozen' | 'dead' {
    return this.#state;
  }

  kill(): void {
    this.#state = 'dead';
    this.#held.length = 0;
  }

  freeze(): void {
    if (this.#state === 'up') this.#state = 'frozen';
  }

  /** What was held back arrives in its order, each in a turn of its own. */
  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'up';
    for (const callback of this.#held.splice(0)) this.#virtual.after(0, () => this.deliver(callback));
  }

  deliver(callback: () => void): void {
    if (this.#state === 'up') callback();
    else if (this.#state === 'frozen') this.#held.push(callback);
  }

  /** A command to another process: `apply` runs there. `fails` says whether it can be lost at all. */
  command<T>(name: string, apply: () => Promise<T>, fails = true): Promise<T> {
    if (this.#state === 'dead') return new Promise<T>(() => {});
    const fate = fails ? this.#fate() : 'arrives';
    const [requestMs, replyMs] = [this.#travelMs(), this.#travelMs()];
    if (fate !== 'arrives') this.#trace.add(this.name, `${name} ${fate}`);
    return new Promise((resolve, reject) => {
      const lost = () => this.deliver(() => reject(new ConnectionLost(`${name}: connection lost`)));
      if (fate === 'request lost') {
        this.#virtual.after(requestMs + replyMs, lost);
        return;
      }
      if (fate === 'late') this.#virtual.after(requestMs, lost);
      const lateMs = fate === 'late' ? this.#random.between(1, 3_000) : 0;
      this.#virtual.after(requestMs + lateMs, () => {
        const settle = (reply: () => void) => {
          if (fate === 'arrives') this.#virtual.after(replyMs, () => this.deliver(reply));
          else if (fate === 'reply lost') this.#virtual.after(replyMs, lost);
        };
        apply().then(
          value => settle(() => resolve(value)),
          error => settle(() => reject(error)),
        );
      });
    });
  }

  #fate(): 'arrives' | 'request lost' | 'reply lost' | 'late' {
    const roll = this.#random.fraction();
    const { requestLost, replyLost, late } = this.faults;
    if (roll < requestLost) return 'request lost';
    if (roll < requestLost + replyLost) return 'reply lost';
    return roll < requestLost + replyLost + late ? 'late' : 'arrives';
  }

  #travelMs(): number {
    const { delayMs, slow, slowMs } = this.faults;
    return this.#random.fraction() * (this.#random.chance(slow) ? slowMs : delayMs);
  }

  #sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted) return resolve();
      const done = () => {
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.clock.after(delayMs, done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }
}
