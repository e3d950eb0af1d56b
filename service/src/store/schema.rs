//! The tables, and how a database of an earlier version becomes one of this. A migration is never edited once it
//! was released, and none loses a row.

/// What `user_version` says after the last migration.
pub const SCHEMA_VERSION: u32 = MIGRATIONS.len() as u32;

/// Migration n brings a database from version n to n + 1.
pub(super) const MIGRATIONS: [&str; 5] = [
    // `body` holds the whole key, record or tombstone (`row`); the other columns are what the statements search by.
    // keys.life_at: see domain::KeyState.
    // entries.kind: 0 a record, 1 a record of this very node, 2 a tombstone.
    // entries.identity: what the entry stands for, see domain::Identity. An identity has one entry.
    // entries.dated: timestamp_created of a record (0 up to version 2 for one of this node that is not signed yet), timestamp_issued of a
    // tombstone.
    "CREATE TABLE keys (
        id BLOB PRIMARY KEY,
        life_at INTEGER NOT NULL,
        published_at INTEGER NOT NULL,
        body BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX keys_by_published ON keys (published_at, life_at);
    CREATE INDEX keys_by_life ON keys (life_at);
    CREATE TABLE entries (
        key_id BLOB NOT NULL,
        identity BLOB NOT NULL,
        kind INTEGER NOT NULL,
        dated INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (key_id, identity)
    ) WITHOUT ROWID;
    CREATE INDEX entries_by_date ON entries (kind, dated);
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",
    // keys.owner, entries.issuer: whom the row is charged to (`accounts`), 0 in rows from before.
    // keys.priority: who goes first when the node is full, see domain::Priority; rows from before arrived before all
    // others, and those of this very node stay.
    "ALTER TABLE keys ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE keys ADD COLUMN priority INTEGER NOT NULL DEFAULT 281470681743360;
    UPDATE keys SET priority = 9223372036854775807 WHERE id IN (SELECT key_id FROM entries WHERE kind = 1);
    CREATE INDEX keys_by_priority ON keys (priority);
    ALTER TABLE entries ADD COLUMN issuer INTEGER NOT NULL DEFAULT 0;",
    // entries.kind: 0 a record, 2 a tombstone. Whether a record is the node's own says entries.provider: whom the record
    // names, as `accounts` does; 0 in tombstones.
    // entries.signed: 0 in a record that its provider has not signed yet.
    // entries.dated: timestamp_created of every record. `backfill` writes the three into rows from before.
    // An entry without its key counts for nobody.
    "ALTER TABLE entries ADD COLUMN provider INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE entries ADD COLUMN signed INTEGER NOT NULL DEFAULT 1;
    UPDATE entries SET kind = 0 WHERE kind = 1;
    CREATE INDEX entries_by_provider ON entries (provider, signed, dated) WHERE kind = 0;
    DELETE FROM entries WHERE NOT EXISTS (SELECT 1 FROM keys k WHERE k.id = entries.key_id);
    DELETE FROM settings WHERE name = 'host_names';",
    // entries.weight: the issuer's, of a record.
    // entries.dated of a record of this node that it has not signed: when it came.
    // entries.identity counts the service: before, all that an issuer said about a provider was one row. `backfill` names
    // rows from before anew.
    "ALTER TABLE entries ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;
    DROP INDEX entries_by_provider;
    CREATE INDEX entries_by_provider ON entries (provider, signed, dated, weight) WHERE kind = 0;",
    // keys.due_at, keys.exchanged_at: see domain::KeyState. All that was here is due, what was replicated longest ago first, and
    // partial: for how long the node was down nobody knows.
    "DROP INDEX keys_by_published;
    ALTER TABLE keys RENAME COLUMN published_at TO due_at;
    ALTER TABLE keys ADD COLUMN exchanged_at INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX keys_by_due ON keys (due_at, life_at);
    CREATE INDEX keys_partial ON keys (exchanged_at) WHERE exchanged_at = 0;",
];

/// The migration, counted from 0, that [`backfill`](super::backfill) completes, and those before it.
pub(super) const BACKFILLED: usize = 3;

/// What every connection needs. WAL with synchronous = NORMAL: a commit is in the operating system's hands when the
/// call returns, so a killed process loses nothing; after a power failure the database is intact and at most the
/// last commits are missing, which the neighbours hold as well.
pub(super) const CONNECTION: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA temp_store = MEMORY;
    PRAGMA foreign_keys = OFF;";
