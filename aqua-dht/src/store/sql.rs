//! Every statement. Results come as one column of one row, so that a whole topic crosses the module boundary at once.

pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

pub(super) const CONNECTION: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA temp_store = MEMORY;";

/// `body` is the whole key or value, the other columns are what the statements search by.
pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS topics (
        key BLOB PRIMARY KEY,
        accessed_at INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        body BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS topics_by_access ON topics (accessed_at);
    CREATE INDEX IF NOT EXISTS topics_by_creation ON topics (created_at);
    CREATE TABLE IF NOT EXISTS topic_values (
        key BLOB NOT NULL,
        peer_id BLOB NOT NULL,
        set_by BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (key, peer_id, set_by)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS values_by_creation ON topic_values (created_at);
    CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;";

pub(super) const COUNT_KEYS: &str = "SELECT count(*) FROM topics";
pub(super) const SETTINGS: &str = "SELECT group_concat(name || '=' || value, char(10)) FROM settings";
pub(super) const WRITE_SETTING: &str =
    "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// A key and its values: the first letter tells them apart.
pub(super) const LOAD: &str = "
    SELECT group_concat(item) FROM (
        SELECT 'K' || accessed_at || ':' || hex(body) AS item FROM topics WHERE key = ?1
        UNION ALL
        SELECT 'V' || hex(body) FROM topic_values WHERE key = ?1
    )";

pub(super) const WRITE_KEY: &str =
    "INSERT OR REPLACE INTO topics (key, accessed_at, created_at, body) VALUES (?1, ?2, ?3, ?4)";
pub(super) const WRITE_VALUE: &str =
    "INSERT OR REPLACE INTO topic_values (key, peer_id, set_by, created_at, body) VALUES (?1, ?2, ?3, ?4, ?5)";
pub(super) const DELETE_KEY: &str = "DELETE FROM topics WHERE key = ?1";
pub(super) const DELETE_VALUE: &str = "DELETE FROM topic_values WHERE key = ?1 AND peer_id = ?2 AND set_by = ?3";

pub(super) const UNUSED_SINCE: &str = "
    SELECT group_concat(hex(key)) FROM (
        SELECT key FROM topics INDEXED BY topics_by_access WHERE accessed_at <= ?1 ORDER BY accessed_at LIMIT ?2
    )";

/// Keys that have ended, and keys of which a value has: what this node (?4) put for itself ends by another time (?5), and keeps
/// its key. The second parameter has one byte before the key: SQLite in Marine takes a blob without bytes for NULL.
pub(super) const ENDED: &str = "
    SELECT group_concat(hex(key)) FROM (
        SELECT key FROM topics INDEXED BY topics_by_creation WHERE created_at <= ?1 AND key > substr(?2, 2)
            AND NOT EXISTS (
                SELECT 1 FROM topic_values own
                WHERE own.key = topics.key AND own.peer_id = ?4 AND own.created_at > ?5
            )
        UNION
        SELECT key FROM topic_values INDEXED BY values_by_creation
            WHERE created_at <= max(?1, ?5) AND created_at <= CASE peer_id WHEN ?4 THEN ?5 ELSE ?1 END AND key > substr(?2, 2)
        ORDER BY key LIMIT ?3
    )";
