import { FaasError } from '../../errors.ts';
import type { ContextSpec, FunctionSpec } from '../../manifest/spec.ts';
import type { Bundle, Condition, ContextRecord, FunctionRecord, Leader, NewRevision, RevisionRecord } from '../../ports/registry.ts';
import type { Database } from './database.ts';
import { bytes, bytesOrNone, integer, type SqlRow, text } from './driver.ts';
import type { ArgumentOf } from './operations.ts';

const revisionColumns = 'r.unit, r.counter, r.id, r.hash, r.bundle_hash, r.spec, r.created_at_ms, f.name';

/** Contexts, functions, revisions, bundles and leases (worker thread). */
export class RegistryTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  contexts(): ContextRecord[] {
    return this.#database
      .sql('SELECT spec, deployed_at_ms FROM contexts ORDER BY name')
      .all()
      .map(row => ({ spec: JSON.parse(text(row, 'spec')) as ContextSpec, deployedAtMs: integer(row, 'deployed_at_ms') }));
  }

  functions(context: string | undefined): FunctionRecord[] {
    return this.#database
      .sql(
        `SELECT ${revisionColumns}, f.context, f.previous_live, f.activated_at_ms, h.until_ms FROM functions f
         JOIN revisions r ON r.unit = f.unit AND r.id = f.live LEFT JOIN leases h ON h.name = 'hold/' || f.unit
         WHERE ?1 IS NULL OR f.context = ?1 ORDER BY f.unit`,
      )
      .all(context ?? null)
      .map(row => ({
        unit: text(row, 'unit'),
        context: text(row, 'context'),
        name: text(row, 'name'),
        live: toRevision(row),
        previousLive: row.previous_live === null ? undefined : text(row, 'previous_live'),
        activatedAtMs: integer(row, 'activated_at_ms'),
        ...(row.until_ms === null ? {} : { heldUntilMs: integer(row, 'until_ms') }),
      }));
  }

  revisions(unit: string): RevisionRecord[] {
    return this.#database
      .sql(`SELECT ${revisionColumns} FROM revisions r JOIN functions f ON f.unit = r.unit WHERE r.unit = ?1 ORDER BY r.counter`)
      .all(unit)
      .map(toRevision);
  }

  putRevisions(context: string, revisions: readonly NewRevision[]): RevisionRecord[] {
    return revisions.map(revision => {
      const unit = this.#ensureFunction(context, revision.functionName);
      const known = this.revisions(unit).find(({ hash }) => hash === revision.hash);
      if (known !== undefined) return known;
      const row = this.#database
        .sql('UPDATE functions SET last_counter = last_counter + 1 WHERE unit = ?1 RETURNING last_counter')
        .get(unit);
      const counter = integer(row ?? {}, 'last_counter');
      const id = `r${counter}-${revision.hash.slice(0, 8)}`;
      this.#database
        .sql('INSERT INTO revisions (unit, counter, id, hash, bundle_hash, spec, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)')
        .run(unit, counter, id, revision.hash, revision.bundleHash, JSON.stringify(revision.spec), revision.createdAtMs);
      return { ...revision, unit, id, counter };
    });
  }

  activate({ spec, revisionIds, atMs }: ArgumentOf<'activate'>): void {
    const { context } = spec;
    for (const [name, id] of revisionIds) this.#requireRevision(`${context}.${name}`, id);
    const names = JSON.stringify([...revisionIds.keys()]);
    this.#database
      .sql('UPDATE functions SET live = NULL WHERE context = ?1 AND name NOT IN (SELECT value FROM json_each(?2))')
      .run(context, names);
    for (const [name, id] of revisionIds) {
      this.#database
        .sql('UPDATE functions SET previous_live = live, live = ?2, activated_at_ms = ?3 WHERE unit = ?1 AND live IS NOT ?2')
        .run(`${context}.${name}`, id, atMs);
    }
    this.#database
      .sql('INSERT INTO contexts (name, spec, deployed_at_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET spec = ?2, deployed_at_ms = ?3')
      .run(context, JSON.stringify(spec), atMs);
  }

  setCondition(unit: string, condition: Condition): void {
    this.#database
      .sql('INSERT OR REPLACE INTO conditions (unit, type, status, reason, message, since_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)')
      .run(unit, condition.type, condition.status ? 1 : 0, condition.reason, condition.message, condition.sinceMs);
  }

  removeCondition(unit: string, type: string): void {
    this.#database.sql('DELETE FROM conditions WHERE unit = ?1 AND type = ?2').run(unit, type);
  }

  conditions(unit: string): Condition[] {
    return this.#database
      .sql('SELECT type, status, reason, message, since_ms FROM conditions WHERE unit = ?1 ORDER BY type')
      .all(unit)
      .map(row => ({
        type: text(row, 'type'),
        status: integer(row, 'status') === 1,
        reason: text(row, 'reason'),
        message: text(row, 'message'),
        sinceMs: integer(row, 'since_ms'),
      }));
  }

  /** A hold is a lease without a holder: it ends in its own time. */
  hold(unit: string, untilMs: number | undefined): void {
    const name = `hold/${unit}`;
    if (untilMs === undefined) this.#database.sql('DELETE FROM leases WHERE name = ?1').run(name);
    else this.#database.sql(`INSERT OR REPLACE INTO leases (name, holder, until_ms, fencing) VALUES (?1, '', ?2, 0)`).run(name, untilMs);
  }

  remove(context: string, functionName: string | undefined): void {
    const units = this.#database
      .sql('SELECT unit FROM functions WHERE context = ?1 AND (?2 IS NULL OR name = ?2)')
      .all(context, functionName ?? null)
      .map(row => text(row, 'unit'));
    for (const unit of units) {
      this.#database.sql('UPDATE functions SET live = NULL, previous_live = NULL WHERE unit = ?1').run(unit);
      this.#database.sql('DELETE FROM revisions WHERE unit = ?1').run(unit);
      this.#database.sql('DELETE FROM conditions WHERE unit = ?1').run(unit);
    }
    if (functionName === undefined) this.#database.sql('DELETE FROM contexts WHERE name = ?1').run(context);
    else this.#removeFromSpec(context, functionName);
  }

  putBundle(hash: string, { code, sourceMap }: Bundle): void {
    this.#database
      .sql('INSERT INTO bundles (hash, code, source_map) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET source_map = ?3')
      .run(hash, code, sourceMap ?? null);
  }

  bundle(hash: string): Bundle | undefined {
    const row = this.#database.sql('SELECT code, source_map FROM bundles WHERE hash = ?1').get(hash);
    return row === undefined ? undefined : { code: bytes(row, 'code'), sourceMap: bytesOrNone(row, 'source_map') };
  }

  prune(keep: number): number {
    this.#database
      .sql(
        `DELETE FROM revisions WHERE NOT EXISTS
           (SELECT 1 FROM functions f WHERE f.unit = revisions.unit AND revisions.id IN (f.live, f.previous_live))
         AND (SELECT count(*) FROM revisions later WHERE later.unit = revisions.unit AND later.counter > revisions.counter) >= ?1`,
      )
      .run(keep);
    return Number(this.#database.sql('DELETE FROM bundles WHERE hash NOT IN (SELECT bundle_hash FROM revisions)').run().changes);
  }

  lead({ name, holder, ttlMs, nowMs }: ArgumentOf<'lead'>): { readonly fencing: number } | undefined {
    const row = this.#database
      .sql(
        `INSERT INTO leases (name, holder, until_ms, fencing) VALUES (?1, ?2, ?3, 1) ON CONFLICT DO UPDATE
         SET fencing = fencing + (holder <> ?2), holder = ?2, until_ms = ?3 WHERE holder IN ('', ?2) OR until_ms <= ?4 RETURNING fencing`,
      )
      .get(name, holder, nowMs + ttlMs, nowMs);
    return row === undefined ? undefined : { fencing: integer(row, 'fencing') };
  }

  leader({ name, nowMs }: ArgumentOf<'leader'>): Leader | undefined {
    const row = this.#database
      .sql(`SELECT holder, fencing FROM leases WHERE name = ?1 AND holder <> '' AND until_ms > ?2`)
      .get(name, nowMs);
    return row === undefined ? undefined : { holder: text(row, 'holder'), fencing: integer(row, 'fencing') };
  }

  resign(name: string, holder: string): void {
    this.#database.sql(`UPDATE leases SET holder = '', until_ms = 0 WHERE name = ?1 AND holder = ?2`).run(name, holder);
  }

  #ensureFunction(context: string, name: string): string {
    const unit = `${context}.${name}`;
    this.#database
      .sql('INSERT INTO functions (unit, context, name, last_counter) VALUES (?1, ?2, ?3, 0) ON CONFLICT DO NOTHING')
      .run(unit, context, name);
    return unit;
  }

  #requireRevision(unit: string, id: string): void {
    if (this.#database.sql('SELECT 1 FROM revisions WHERE unit = ?1 AND id = ?2').get(unit, id) !== undefined) return;
    throw new FaasError(
      'FAAS_REVISION_UNKNOWN',
      `${unit} has no revision ${id}`,
      'List the revisions with "faas describe" and choose one of them.',
    );
  }

  #removeFromSpec(context: string, functionName: string): void {
    const row = this.#database.sql('SELECT spec FROM contexts WHERE name = ?1').get(context);
    if (row === undefined) return;
    const spec = JSON.parse(text(row, 'spec')) as ContextSpec;
    const left = { ...spec, functions: spec.functions.filter(({ name }) => name !== functionName) };
    this.#database.sql('UPDATE contexts SET spec = ?2 WHERE name = ?1').run(context, JSON.stringify(left));
  }
}

function toRevision(row: SqlRow): RevisionRecord {
  return {
    unit: text(row, 'unit'),
    functionName: text(row, 'name'),
    counter: integer(row, 'counter'),
    id: text(row, 'id'),
    hash: text(row, 'hash'),
    bundleHash: text(row, 'bundle_hash'),
    spec: JSON.parse(text(row, 'spec')) as FunctionSpec,
    createdAtMs: integer(row, 'created_at_ms'),
  };
}
