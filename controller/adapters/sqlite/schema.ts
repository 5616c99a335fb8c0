/**
 * The database of one data folder. `application_id` says whose file it is, `user_version` which schema. A change of any table, or of
 * how records are packed (runtime/protocol/record.ts), is a new version with a migration.
 */
export const applicationId = 0x66616173;
export const schemaVersion = 3;

const parkedTables = `
-- One row per parked event of a key, by the offset that it had; entry is the dispatcher's (dispatch/parked-entry.ts).
CREATE TABLE parked (
  rowid INTEGER PRIMARY KEY, source INTEGER NOT NULL, key BLOB NOT NULL, offset INTEGER NOT NULL, entry BLOB NOT NULL, UNIQUE (source, key, offset)
) STRICT;
CREATE TABLE parked_keys (
  source INTEGER NOT NULL, key BLOB NOT NULL, replay INTEGER NOT NULL, PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
`;

/** What leads from the version before to this one. */
export const migrations: ReadonlyMap<number, string> = new Map([
  [2, parkedTables],
  [3, 'ALTER TABLE sources ADD COLUMN topic_id TEXT;'],
]);

export const schema = `
-- A topic has the slots [first_slot, first_slot + partitions) of the log; slots are never used twice.
CREATE TABLE topics (
  name TEXT PRIMARY KEY, first_slot INTEGER NOT NULL, partitions INTEGER NOT NULL, age_ms INTEGER, bytes_per_partition INTEGER
) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;

-- One row per chunk of consecutive records (record-codec.ts), id = slot << 40 | first offset.
-- total = bytes of all chunks of the slot up to and with this one, so that a bound in bytes needs no sums.
CREATE TABLE log (id INTEGER PRIMARY KEY, records INTEGER NOT NULL, at_ms INTEGER NOT NULL, total INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
-- Where an emptied slot goes on.
CREATE TABLE log_ends (slot INTEGER PRIMARY KEY, end INTEGER NOT NULL, total INTEGER NOT NULL) STRICT;
CREATE TABLE group_offsets (
  consumer_group TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, metadata TEXT NOT NULL,
  PRIMARY KEY (consumer_group, topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE units (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE) STRICT;
-- Keys and ids are bytes (UTF-8), because text ends at a NUL in the drivers.
CREATE TABLE state (unit INTEGER NOT NULL, key BLOB NOT NULL, version TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (unit, key)) STRICT;
CREATE TABLE ids (
  rowid INTEGER PRIMARY KEY, unit INTEGER NOT NULL, id BLOB NOT NULL, expires_at_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, answer BLOB,
  UNIQUE (unit, id)
) STRICT;
CREATE INDEX ids_by_expiry ON ids (expires_at_ms, bytes);
-- done is a bitmap: bit i of it is offset frontier + i. high_seqs is JSON: {stream: [generation, counter]}.
CREATE TABLE sources (
  id INTEGER PRIMARY KEY AUTOINCREMENT, unit INTEGER NOT NULL, name TEXT NOT NULL, owner_token TEXT NOT NULL, generation INTEGER NOT NULL,
  ordinal INTEGER NOT NULL, last_commit_id TEXT NOT NULL, last_first_counter INTEGER NOT NULL, counter INTEGER NOT NULL,
  frontier INTEGER NOT NULL, done BLOB NOT NULL, high_seq_offset INTEGER NOT NULL, high_seqs TEXT NOT NULL, topic_id TEXT,
  UNIQUE (unit, name)
) STRICT;
CREATE TABLE attempts (
  source INTEGER NOT NULL, offset INTEGER NOT NULL, suspect INTEGER NOT NULL, exclusive_crashes INTEGER NOT NULL, failures INTEGER NOT NULL,
  PRIMARY KEY (source, offset)
) STRICT, WITHOUT ROWID;
-- payload is one packed record.
CREATE TABLE outbox (
  rowid INTEGER PRIMARY KEY, source INTEGER NOT NULL, generation INTEGER NOT NULL, counter INTEGER NOT NULL, stream TEXT NOT NULL,
  topic TEXT NOT NULL, partition INTEGER NOT NULL, payload BLOB NOT NULL,
  UNIQUE (source, generation, counter)
) STRICT;

CREATE TABLE contexts (name TEXT PRIMARY KEY, spec TEXT NOT NULL, deployed_at_ms INTEGER NOT NULL) STRICT;
-- last_counter survives the removal of a function, so that its counters only grow.
CREATE TABLE functions (
  unit TEXT PRIMARY KEY, context TEXT NOT NULL, name TEXT NOT NULL, last_counter INTEGER NOT NULL, live TEXT, previous_live TEXT, activated_at_ms INTEGER
) STRICT;
CREATE TABLE revisions (
  unit TEXT NOT NULL, counter INTEGER NOT NULL, id TEXT NOT NULL, hash TEXT NOT NULL, bundle_hash TEXT NOT NULL, spec TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL, PRIMARY KEY (unit, counter), UNIQUE (unit, hash)
) STRICT;
CREATE TABLE conditions (
  unit TEXT NOT NULL, type TEXT NOT NULL, status INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, since_ms INTEGER NOT NULL,
  PRIMARY KEY (unit, type)
) STRICT, WITHOUT ROWID;
CREATE TABLE bundles (hash TEXT PRIMARY KEY, code BLOB NOT NULL, source_map BLOB) STRICT;
CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms INTEGER NOT NULL, fencing INTEGER NOT NULL) STRICT;

-- total as in log, per kind. data is JSON.
CREATE TABLE history (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, unit TEXT NOT NULL, at_ms INTEGER NOT NULL, total INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX history_by_kind ON history (kind, unit, id);
${parkedTables}`;
