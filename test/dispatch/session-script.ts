import { Breaker } from '../../controller/dispatch/breaker.ts';
import { stepSession, wakeAtMs } from '../../controller/dispatch/session.ts';
import { type Draft, type Effect, type Input, newSession, type Session } from '../../controller/dispatch/session-state.ts';
import { hasLoner, offerable, takeLoner, takeShared, takeSuspect } from '../../controller/dispatch/take-batch.ts';
import type { AttemptRecord, CommitRequest, CommitResult } from '../../controller/ports/state.ts';
import type { RecordHeader, StreamRecord } from '../../controller/ports/streams.ts';
import type { EventResult, Outcome } from '../../runtime/protocol/messages.ts';
import { defaultLimits, liveFunction } from '../support/dispatch-world.ts';

/**
 * The language of test/data/dispatch/*.txt: one conversation with one session. Commands, then `----`, then exactly what the session does.
 *
 * claim [order=key|partition|none] [inbox] [rollback] [frontier=N] [m=N] [done=N,N] [attempts=N:suspect|-.crashes.failures] [batch] [retries=N] [crashes=N] [window=N]
 * read KEY... [@OFFSET]     records at the position (or from OFFSET on, the rest are holes); `-` no key; KEY/ID an id; KEY^S:g.q an upstream seq; KEY!H a hop count
 * take [N] [whole]          a shared batch of at most N; suspect, loner: the other kinds
 * prepared DRAFT [known=ID,ID]
 * ok DRAFT OFFSET... [r=KEY:VERSION|KEY:@OFFSET|KEY:none] [w=KEY:VALUE] [e=VALUE]; fail DRAFT OFFSET... REASON; returned DRAFT OFFSET... WHY [beside-others]
 * ended DRAFT returned|crashed [beside-others]
 * recorded                  the attempts are stored
 * commit ok [FRONTIER] | lost | stale KEY... | duplicate ID... | unknown ID... | fenced | rollback
 * verified ok|fenced|rollback · offset-due · pass MS · stop
 */
export class SessionScript {
  #session: Session | undefined;
  #nowMs = 1_000;
  #recording: Extract<Effect, { kind: 'record-attempts' }>[] = [];
  readonly #drafts = new Map<number, Draft>();

  run(line: string): string[] {
    const [command = '', ...words] = line.trim().split(/\s+/);
    if (command === 'claim') return this.#claim(words);
    const session = this.#session;
    if (session === undefined) throw new Error('claim first');
    switch (command) {
      case 'take':
        if (offerable(session, this.#nowMs) === 0) return ['nothing'];
        return this.#took(
          session,
          takeShared(
            session,
            { ...sizes(words), prefetch: false, handler: words.includes('whole') ? 'batch' : 'event', revision: 'r1-00000000' },
            this.#nowMs,
          ),
        );
      case 'suspect':
        return this.#took(session, takeSuspect(session, { prefetch: false, handler: 'event', revision: 'r1-00000000' }, this.#nowMs));
      case 'loner':
        return [
          hasLoner(session) ? 'a loner waits' : 'no loner',
          ...this.#took(session, takeLoner(session, { prefetch: false, handler: 'event', revision: 'r1-00000000' }, this.#nowMs)),
        ];
      case 'recorded':
        return this.#recording
          .splice(0)
          .flatMap(({ events }) => this.#step(session, { kind: 'attempts-recorded', events, nowMs: this.#nowMs }));
      case 'pass':
        this.#nowMs += Number(words[0]);
        return this.#step(session, { kind: 'woken', nowMs: this.#nowMs });
      default:
        return this.#step(session, this.#input(session, command, words));
    }
  }

  #input(session: Session, command: string, words: string[]): Input {
    const nowMs = this.#nowMs;
    const [first = '', ...rest] = words;
    const draft = this.#drafts.get(Number(first.replace('#', '')));
    switch (command) {
      case 'read':
        return { kind: 'fetched', result: records(session, words), nowMs };
      case 'offset-due':
        return { kind: command, verify: false, nowMs };
      case 'stop':
        return { kind: command, nowMs };
      case 'verified':
        return { kind: 'verified', result: first === 'ok' ? 'ok' : first === 'fenced' ? 'fenced' : 'rollback', nowMs };
      case 'commit':
        return first === 'lost'
          ? { kind: 'commit-unknown', nowMs }
          : { kind: 'committed', result: this.#answer(session, first, rest), nowMs };
      default:
    }
    if (draft === undefined) throw new Error(`no draft in: ${command} ${words.join(' ')}`);
    switch (command) {
      case 'prepared':
        return { kind: 'prepared', draft, state: [], known: (option(rest, 'known')?.split(',') ?? []).map(id => ({ id })), nowMs };
      case 'ended':
        return {
          kind: 'draft-ended',
          draft,
          end: rest[0] === 'crashed' ? { kind: 'crashed', alone: !rest.includes('beside-others') } : { kind: 'returned' },
          fraction: 0,
          nowMs,
        };
      default:
        return {
          kind: 'results',
          draft,
          results: results(draft, command, rest),
          alone: !rest.includes('beside-others'),
          fraction: 0,
          nowMs,
        };
    }
  }

  #claim(words: string[]): string[] {
    const order = option(words, 'order');
    const frontier = Number(option(words, 'frontier') ?? 0);
    const live = liveFunction('f', {
      emitTopics: { out: 'out' },
      retry: {
        attempts: Number(option(words, 'retries') ?? 3),
        backoffMs: { min: 100, max: 1_000 },
        maxCrashes: Number(option(words, 'crashes') ?? 2),
        onExhausted: words.includes('block') ? 'block' : 'dlq',
      },
      subscriptions: [{ topic: 't', inbox: words.includes('inbox'), order: order === 'partition' || order === 'none' ? order : 'key' }],
    });
    const [subscription] = live.subscriptions;
    if (subscription === undefined) throw new Error('no subscription');
    this.#session = newSession({
      live,
      subscription,
      source: { unit: live.unit, name: 't.0' },
      partition: 0,
      ownerToken: 'owner',
      limits: {
        ...defaultLimits,
        bytesMax: 1e9,
        windowOffsetsMax: Number(option(words, 'window') ?? 100),
        mayRollBack: words.includes('rollback'),
        publishes: words.includes('outbox'),
      },
      breaker: new Breaker(),
      recordBytesMaxOf: () => 10_000,
      partitionsOf: topic => (topic === 'missing' ? undefined : 1),
      claimed: {
        generation: 7,
        topicId: undefined,
        frontier,
        highSeqOffset: Number(option(words, 'm') ?? frontier),
        highSeqs: new Map(),
        done: (option(words, 'done')?.split(',') ?? []).map(Number),
        attempts: (option(words, 'attempts')?.split(',') ?? []).map(attemptOf),
        outbox: [],
        parked: [],
      },
    });
    return [`reads from ${this.#session.position}`];
  }

  #took(session: Session, draft: Draft | undefined): string[] {
    if (draft === undefined) return ['nothing'];
    this.#drafts.set(draft.id, draft);
    const events = draft.events.map(event => `${event.offset}${keyOf(event.record)}`).join(' ');
    const ids = draft.ids.length > 0 ? ` ids ${draft.ids.join(',')}` : '';
    return [`draft #${draft.id}${draft.alone ? ' alone' : ''}: ${events}${ids}`, ...this.#idle(session)];
  }

  #step(session: Session, input: Input): string[] {
    const lines = stepSession(session, input).flatMap(effect => this.#show(effect));
    return lines.length > 0 ? [...lines, ...this.#idle(session)] : this.#idle(session, 'nothing to do');
  }

  #idle(session: Session, otherwise?: string): string[] {
    const atMs = wakeAtMs(session);
    if (atMs !== undefined) return [`wakes in ${atMs - this.#nowMs} ms`];
    return otherwise === undefined ? [] : [otherwise];
  }

  #show(effect: Effect): string[] {
    switch (effect.kind) {
      case 'commit':
        return [`commit${effect.resend > 0 ? ` again (${effect.resend})` : ''} ${showCommit(effect.request)}`];
      case 'record-attempts':
        this.#recording.push(effect);
        return [`record ${effect.records.map(showAttempt).join(' ')}`];
      case 'applied':
        return [`applied ${effect.commit.group.map(({ event, kind }) => `${event.offset}:${kind}`).join(' ')}`.trim()];
      case 'run':
        return [`run ${effect.events.map(event => `${event.offset}/${event.attempt}`).join(' ')}`];
      case 'failed':
        return [`failed ${effect.event.offset} ${effect.doom.reason}${effect.final ? ', the last time' : ''}`];
      case 'suspected':
        return [`suspects ${effect.events.map(event => event.offset).join(' ')}`];
      case 'batch-failed':
        return [`the batch of ${effect.events} failed${effect.timeout ? ' out of time' : ''}`];
      case 'durable':
        return [`durable up to ${effect.offset}`];
      case 'ended':
        return [`ended: ${effect.reason}`];
      case 'verify':
        return [`verify ${effect.ordinal}`];
      default:
        return [effect.kind];
    }
  }

  #answer(session: Session, kind: string, words: string[]): CommitResult {
    switch (kind) {
      case 'ok':
        return { kind: 'ok', firstSeq: { generation: 7, counter: 1 }, frontier: Number(words[0] ?? session.frontier) };
      case 'stale':
        return { kind: 'stale', keys: words };
      case 'duplicate':
      case 'unknown':
        return { kind, ids: words };
      case 'conflict':
        return { kind: 'conflict', detail: '' };
      default:
        return { kind: kind === 'rollback' ? 'rollback' : 'fenced' };
    }
  }
}

function sizes(words: string[]): { events: number; bytes: number } {
  return { events: Number(words.find(word => /^\d+$/.test(word)) ?? 10), bytes: 1e9 };
}

function option(words: readonly string[], name: string): string | undefined {
  return words.find(word => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

function records(session: Session, words: readonly string[]): { records: StreamRecord[]; nextOffset: number } {
  const from = words.find(word => /^@\d+$/.test(word));
  const start = from === undefined ? session.position : Number(from.slice(1));
  const read = words.filter(word => word !== from).map((word, index) => recordOf(word, start + index));
  return { records: read, nextOffset: start + read.length };
}

/** `key`, `-`, with `/id`, `^stream:g.q`, `!hops`. */
function recordOf(word: string, offset: number): StreamRecord {
  const [, key = '-', id, upstream, hop] = /^([^/^!]*)(?:\/([^^!]+))?(?:\^([^!]+))?(?:!(\d+))?$/.exec(word) ?? [];
  const headers: RecordHeader[] = [];
  const add = (name: string, value: string | undefined) => value !== undefined && headers.push([name, Buffer.from(value)]);
  const [stream, seq] = upstream?.split(':') ?? [];
  add('ce_id', id);
  add('ce_hop', hop);
  add('ce_faasstream', stream);
  add('ce_faasseq', seq);
  return { offset, appendedAtMs: 0, key: key === '-' ? null : Buffer.from(key), value: Buffer.from(`v${offset}`), headers };
}

/** Scripts name events by their offset; the wire by their index in the batch. */
function results(draft: Draft, command: string, words: readonly string[]): EventResult[] {
  const indexOf = (offset: string) => draft.events.findIndex(event => event.offset === Number(offset));
  const rest = words.filter(word => !/^\d+$/.test(word)).map(word => word.replace(/@(\d+)$/, (_, offset: string) => `@${indexOf(offset)}`));
  return words.filter(word => /^\d+$/.test(word)).map(offset => ({ index: indexOf(offset), outcome: outcomeOf(command, rest) }));
}

function outcomeOf(command: string, words: readonly string[]): Outcome {
  const [word = ''] = words;
  const error = { code: 'X', name: 'Error', message: word, stack: undefined };
  if (command === 'fail') {
    const reason = word === 'timeout' || word === 'decode' || word === 'crash' ? word : 'error';
    return { kind: 'failed', reason, retryable: !words.includes('hopeless'), error };
  }
  if (command === 'returned')
    return { kind: 'returned', why: word === 'worker-ended' || word === 'draining' || word === 'state-unread' ? word : 'after-failure' };
  const pairs = (name: string) => words.filter(one => one.startsWith(`${name}=`)).map(one => one.slice(2).split(':'));
  return {
    kind: 'ok',
    reads: pairs('r').map(([key = '', version = '']) => ({ key, version: version === 'none' ? null : version })),
    writes: pairs('w').map(([key = '', value = '']) => ({ key, value: Buffer.from(value) })),
    emits: pairs('e').map(([value = '']) => ({
      kind: 'emit',
      target: 'out',
      key: null,
      value: Buffer.from(value),
      contentType: '',
      id: undefined,
      type: undefined,
      headers: [],
    })),
    answer: undefined,
    filtered: words.includes('filtered'),
    busyMs: 0,
    enteredAtMs: 0,
  };
}

function attemptOf(text: string): AttemptRecord {
  const [offset, suspect, crashes, failures] = text.split(/[:.]/);
  return { offset: Number(offset), suspect: suspect === 'suspect', exclusiveCrashes: Number(crashes), failures: Number(failures) };
}

function showAttempt({ offset, suspect, exclusiveCrashes, failures }: AttemptRecord): string {
  return `${offset}:${suspect ? 'suspect' : '-'}.${exclusiveCrashes}.${failures}`;
}

function showCommit(commit: CommitRequest): string {
  const parts = [`${commit.ordinal} ${commit.id}`, `m=${commit.highSeqOffset}`];
  const list = (name: string, items: readonly string[]) => items.length > 0 && parts.push(`${name}=${items.join(',')}`);
  list(
    'done',
    commit.done.map(([from, to]) => (to === from + 1 ? String(from) : `${from}-${to - 1}`)),
  );
  if (commit.expectedFrontier !== undefined) parts.push(`expects=${commit.expectedFrontier}`);
  list(
    'seqs',
    commit.highSeqs.map(({ stream, seq }) => `${stream}:${seq.generation}.${seq.counter}`),
  );
  list('clear', commit.clearAttempts.map(String));
  list(
    'ids',
    commit.ids.map(({ id }) => id),
  );
  list('known', commit.knownIds);
  list(
    'reads',
    commit.reads.map(({ key, version }) => `${key}:${version ?? 'none'}`),
  );
  list(
    'writes',
    commit.writes.map(({ key, value }) => `${key}:${value === null ? 'none' : Buffer.from(value).toString()}`),
  );
  list(
    'emits',
    commit.emits.map(({ topic, value }) => `${topic}:${Buffer.from(value ?? []).toString()}`),
  );
  return parts.join(' ');
}

function keyOf(record: StreamRecord): string {
  return record.key === null ? '-' : Buffer.from(record.key).toString();
}
