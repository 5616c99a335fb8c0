import type { Source } from '../ports/state.ts';
import type { DispatcherOptions } from './dispatcher.ts';
import type { Input, Session } from './session-state.ts';

type WatchOptions = Pick<DispatcherOptions, 'state' | 'clock' | 'conditions' | 'log'>;

/** Who has the session. */
interface Owner {
  stepOf(session: Session, input: Input): void;
}

/** How soon an owner sees that somebody asked for a replay. */
const pollMs = 2_000;
/** Parked events read at a time. */
const loadEvents = 32;
const nothing = { keys: 0, events: 0, blocked: 0 };

/** What a partition holds back: told as conditions, watched for the wish to run it again, and read when it is to. Costs nothing while nothing is held. */
export class ParkedWatch {
  readonly #options: WatchOptions;
  readonly #source: Source;
  readonly #owner: Owner;
  #cancel: (() => void) | undefined;
  #told = nothing;

  constructor(options: WatchOptions, source: Source, owner: Owner) {
    this.#options = options;
    this.#source = source;
    this.#owner = owner;
  }

  /** After each step of a session. */
  look(session: Session): void {
    this.#tell(session.parked.size, session.parkedEvents, session.blocked.size);
    if (session.parked.size === 0 || this.#cancel !== undefined || session.ended !== undefined) return;
    this.#cancel = this.#options.clock.after(pollMs, () => {
      this.#cancel = undefined;
      void this.#poll(session);
    });
  }

  async load(session: Session, key: string): Promise<void> {
    const { state, clock, log } = this.#options;
    try {
      const events = await state.parkedEvents(this.#source, key, loadEvents);
      this.#owner.stepOf(session, { kind: 'parked-loaded', key, events, nowMs: clock.now() });
    } catch (error) {
      log.warn('reading parked events failed', { ...this.#facts(), error: String(error) });
      this.#owner.stepOf(session, { kind: 'store-failed' });
    }
  }

  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#tell(0, 0, 0);
  }

  async #poll(session: Session): Promise<void> {
    const { state, clock, log } = this.#options;
    try {
      const asked = (await state.parked(this.#source.unit)).filter(one => one.source === this.#source.name && one.replay);
      this.#owner.stepOf(session, { kind: 'replay-asked', keys: asked.map(one => one.key), nowMs: clock.now() });
    } catch (error) {
      log.warn('looking for replays failed', { ...this.#facts(), error: String(error) });
      this.look(session);
    }
  }

  #tell(keys: number, events: number, blocked: number): void {
    const told = this.#told;
    if (told.keys === keys && told.events === events && told.blocked === blocked) return;
    this.#told = { keys, events, blocked };
    const at = { unit: this.#source.unit, place: this.#source.name };
    const { conditions } = this.#options;
    if (keys === 0) conditions.clear({ ...at, type: 'Parked' });
    else conditions.raise({ ...at, type: 'Parked', reason: 'OutOfAttempts', message: parkedWords(this.#source, keys, events) });
    if (blocked === 0) conditions.clear({ ...at, type: 'Blocked' });
    else conditions.raise({ ...at, type: 'Blocked', reason: 'OutOfAttempts', message: blockedWords(this.#source, blocked) });
  }

  #facts() {
    return { unit: this.#source.unit, source: this.#source.name };
  }
}

function parkedWords({ unit, name }: Source, keys: number, events: number): string {
  return `${keys} keys with ${events} events are held back in ${name}. Mend what fails, then: faas parked replay ${unit} --all`;
}

function blockedWords({ unit, name }: Source, events: number): string {
  return `${events} events of ${name} are out of attempts and hold up what is behind them. faas logs ${unit} says why; deploy a mended revision.`;
}
