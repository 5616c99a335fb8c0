import { FaasError } from '../../errors.ts';
import { type Database, storeError } from './database.ts';
import { HistoryTable } from './history-table.ts';
import { LogTable } from './log-table.ts';
import type { Answer, LogChunk, Operations, Request, StoredError } from './operations.ts';
import { isLocked, patienceMs, patiently } from './patience.ts';
import { RegistryTable } from './registry-table.ts';
import { SourceTable } from './source-table.ts';
import { StateTable } from './state-table.ts';
import { TopicTable } from './topic-table.ts';

type Send = (answers: readonly Answer[], appended: readonly LogChunk[], transfer: ArrayBuffer[]) => void;
type Operation = (argument: unknown) => unknown;

const lockedWaitMs = 100;

const readNames: ReadonlySet<string> = new Set([
  'topics',
  'readLog',
  'bounds',
  'offsetsAt',
  'committed',
  'readState',
  'parked',
  'parkedEvents',
  'known',
  'listState',
  'figures',
  'progress',
  'verify',
  'contexts',
  'functions',
  'revisions',
  'leader',
  'conditions',
  'bundle',
  'readHistory',
  'lastHistoryId',
] satisfies (keyof Operations)[]);

/**
 * Carries out groups of requests (worker thread). Reads come first and are answered at once; all writes of the group share one transaction
 * and are answered when it is durable, so that one sync pays for all of them. An error undoes the transaction; then each write of the
 * group runs in one of its own, so that only the guilty one fails.
 */
export class StoreEngine {
  readonly #database: Database;
  readonly #operations: Readonly<Record<string, Operation>>;
  readonly #log: LogTable;
  readonly #forget: () => void;
  /** What the transactions of a group appended. */
  #appended: LogChunk[] = [];
  /** For others to let go of the file. Shorter once they did not: reads wait behind writes, and each group would wait anew. */
  #waitMs = patienceMs;

  constructor(database: Database, emits: 'inline' | 'outbox') {
    this.#database = database;
    this.#log = new LogTable(database);
    const log = this.#log;
    const sources = new SourceTable(database);
    const topics = new TopicTable(database, log);
    const state = new StateTable({ database, sources, log, emits });
    const registry = new RegistryTable(database);
    const history = new HistoryTable(database);
    this.#forget = () => {
      for (const table of [log, sources, state, history]) table.forget();
    };
    const operations: Operations = {
      topics: () => topics.all(),
      readLog: at => log.read(at),
      bounds: at => log.bounds(at),
      offsetsAt: at => log.offsetsAt(at),
      committed: at => topics.committed(at.group, at.topic),
      readState: at => state.read(at),
      known: at => state.known(at),
      listState: at => state.list(at),
      figures: unit => state.figures(unit),
      progress: unit => sources.all(unit).map(({ name, frontier, doneAbove }) => ({ source: name, frontier, doneAbove })),
      parked: unit => state.parkedKeys(unit),
      parkedEvents: at => state.parkedEvents(at),
      verify: at => state.verify(at),
      contexts: () => registry.contexts(),
      functions: context => registry.functions(context),
      revisions: unit => registry.revisions(unit),
      leader: at => registry.leader(at),
      conditions: unit => registry.conditions(unit),
      bundle: hash => registry.bundle(hash),
      readHistory: query => history.read(query),
      lastHistoryId: () => history.lastId(),
      ensureTopic: at => topics.ensure(at.topic, at.options),
      deleteTopic: topic => topics.delete(topic),
      append: at => log.append(at.chunks, at.data, at.atMs),
      setCommitted: at => topics.setCommitted(at.group, at.topic, at.offsets, at.mode),
      deleteGroup: group => topics.deleteGroup(group),
      expireLog: at => topics.expire(at.nowMs, at.fromSlot),
      claim: at => state.claim(at),
      commit: commit => state.commit(commit),
      recordAttempts: at => state.recordAttempts(at),
      trim: at => state.trim(at),
      resetProgress: at => state.resetProgress(at),
      replayParked: at => state.replayParked(at),
      deleteUnit: unit => state.deleteUnit(unit),
      expireIds: at => state.expireIds(at),
      putRevisions: at => registry.putRevisions(at.context, at.revisions),
      activate: at => registry.activate(at),
      setCondition: at => registry.setCondition(at.unit, at.condition),
      removeCondition: at => registry.removeCondition(at.unit, at.type),
      hold: at => registry.hold(at.unit, at.untilMs),
      removeFunctions: at => registry.remove(at.context, at.functionName),
      putBundle: at => registry.putBundle(at.hash, at.bundle),
      prune: keep => registry.prune(keep),
      lead: at => registry.lead(at),
      resign: at => registry.resign(at.name, at.holder),
      writeHistory: entries => history.write(entries),
      expireHistory: nowMs => history.expire(nowMs),
    };
    // The main thread pairs names and arguments by the type Operations (sqlite-client.ts).
    this.#operations = operations as unknown as Readonly<Record<string, Operation>>;
  }

  /** Throws FAAS_STORE_IO when it is unknown whether the writes are durable: nothing can be carried out from then on. */
  carryOut(requests: readonly Request[], send: Send): void {
    const reads = requests.filter(({ name }) => readNames.has(name));
    const writes = requests.filter(({ name }) => !readNames.has(name));
    if (reads.length > 0)
      reply(
        reads.map(request => this.#attempt(request)),
        [],
        send,
      );
    if (writes.length === 0) return;
    const answers = this.#writeAll(writes);
    this.#database.sync();
    const appended = this.#appended;
    this.#appended = [];
    reply(answers, appended, send);
  }

  /** Copies the write-ahead log into the database and cuts it; a failure is retried at the next idle time and loses nothing. */
  checkpoint(): void {
    try {
      this.#database.foldLog();
    } catch (error) {
      if (storeError(error, this.#database.path) === undefined) throw error;
    }
  }

  #writeAll(requests: readonly Request[]): Answer[] {
    try {
      const answers = this.#transaction(requests);
      this.#waitMs = patienceMs;
      return answers;
    } catch (error) {
      const isRefused = isLocked(error);
      if (isRefused) this.#waitMs = lockedWaitMs;
      // None of them is guilty of a lock, and each would wait for it again.
      if (!isRefused && requests.length > 1) return requests.flatMap(request => this.#writeAll([request]));
      const refusal = refusedBy(error, this.#database.path);
      return requests.map(({ id }) => ({ id, error: refusal }));
    }
  }

  #transaction(requests: readonly Request[]): Answer[] {
    try {
      patiently(() => this.#database.exec('BEGIN IMMEDIATE'), this.#waitMs);
      const answers = requests.map(request => ({ id: request.id, value: this.#run(request) }));
      const appended = this.#log.flush();
      this.#database.exec('COMMIT');
      this.#appended.push(...appended);
      return answers;
    } catch (error) {
      this.#forget();
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #attempt(request: Request): Answer {
    try {
      return { id: request.id, value: patiently(() => this.#run(request), this.#waitMs) };
    } catch (error) {
      return { id: request.id, error: refusedBy(error, this.#database.path) };
    }
  }

  #run(request: Request): unknown {
    const operation = this.#operations[request.name];
    if (operation === undefined) throw new Error(`unknown operation ${request.name}`);
    return operation(request.argument);
  }
}

/** What crosses to the main thread, where it becomes a FaasError again. */
export function refusedBy(error: unknown, path: string): StoredError {
  const known = error instanceof FaasError ? error : storeError(error, path);
  if (known !== undefined) return { code: known.code, message: known.message, hint: known.hint };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'FAAS_STORE_FAILED', message, hint: 'This is a defect of the server: please report it with this message.' };
}

function reply(answers: readonly Answer[], appended: readonly LogChunk[], send: Send): void {
  const buffers = answers.flatMap(answer => ('value' in answer ? buffersOf(answer.value) : []));
  send(answers, appended, [...new Set(buffers), ...appended.map(({ data }) => data)]);
}

function buffersOf(value: unknown): ArrayBuffer[] {
  if (typeof value !== 'object' || value === null || !('buffers' in value) || !Array.isArray(value.buffers)) return [];
  return value.buffers.filter(buffer => buffer instanceof ArrayBuffer);
}
