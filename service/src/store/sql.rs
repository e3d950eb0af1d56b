//! Every statement but the scripts of `script`. Results come as one text column, so that a whole key crosses the module boundary at once.

pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

pub(super) const SCHEMA_VERSION: &str = "SELECT user_version FROM pragma_user_version";
pub(super) const SETTINGS: &str = "SELECT group_concat(name || '=' || value, char(10)) FROM settings";
pub(super) const WRITE_SETTING: &str =
    "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// A key and all its entries, in any order: the first letter tells them apart. No row at all for an unknown key, which
/// saves the call that reads it.
pub(super) const LOAD_KEY: &str = "
    SELECT group_concat(item) FROM (
        SELECT printf('K%d:%d:%s', life_at, published_at, hex(body)) AS item FROM keys WHERE id = ?1
        UNION ALL
        SELECT 'E' || hex(body) FROM entries WHERE key_id = ?1
    ) HAVING count(*) > 0";

/// The same for several keys, whose ids lie one behind the other in ?1.
pub(super) const LOAD_KEYS: &str = "
    WITH RECURSIVE
        position(i) AS (SELECT 1 UNION ALL SELECT i + 32 FROM position WHERE i + 32 <= length(?1)),
        wanted(id) AS MATERIALIZED (SELECT substr(?1, i, 32) FROM position)
    SELECT group_concat(item) FROM (
        SELECT printf('K%d:%d:%s', k.life_at, k.published_at, hex(k.body)) AS item
            FROM wanted CROSS JOIN keys k ON k.id = wanted.id
        UNION ALL
        SELECT 'E' || hex(e.body) FROM wanted CROSS JOIN entries e ON e.key_id = wanted.id
    )";

/// Due keys with the number of their entries, oldest first. ?1: published no later; ?2: dead no later; ?3: limit.
pub(super) const DUE_KEYS: &str = "
    SELECT group_concat(item) FROM (
        SELECT hex(k.id) || ':' || (SELECT count(*) FROM entries e WHERE e.key_id = k.id) AS item
        FROM keys k INDEXED BY keys_by_published
        WHERE k.published_at <= ?1
          AND (k.life_at > ?2 OR EXISTS (SELECT 1 FROM entries e WHERE e.key_id = k.id AND e.kind = 1))
        ORDER BY k.published_at
        LIMIT ?3
    )";

/// The ids in ranges, whose ends lie one behind the other in ?1, as [`DUE_KEYS`] gives them.
pub(super) const TAGGED_KEYS: &str = "
    WITH RECURSIVE
        position(i) AS (SELECT 1 UNION ALL SELECT i + 64 FROM position WHERE i + 64 <= length(?1)),
        range(least, greatest) AS MATERIALIZED (SELECT substr(?1, i, 32), substr(?1, i + 32, 32) FROM position)
    SELECT group_concat(item) FROM (
        SELECT DISTINCT hex(k.id) || ':0' AS item
        FROM range CROSS JOIN keys k ON k.id BETWEEN range.least AND range.greatest
    )";

pub(super) const DROP_ENTRIES: &str = "
    WITH RECURSIVE
        position(i) AS (SELECT 1 UNION ALL SELECT i + 32 FROM position WHERE i + 32 <= length(?1)),
        wanted(id) AS MATERIALIZED (SELECT substr(?1, i, 32) FROM position)
    DELETE FROM entries WHERE key_id IN (SELECT id FROM wanted)";

pub(super) const DROP_KEYS: &str = "
    WITH RECURSIVE
        position(i) AS (SELECT 1 UNION ALL SELECT i + 32 FROM position WHERE i + 32 <= length(?1)),
        wanted(id) AS MATERIALIZED (SELECT substr(?1, i, 32) FROM position)
    DELETE FROM keys WHERE id IN (SELECT id FROM wanted)";

pub(super) const SET_PUBLISHED: &str = "
    WITH RECURSIVE
        position(i) AS (SELECT 1 UNION ALL SELECT i + 32 FROM position WHERE i + 32 <= length(?1)),
        wanted(id) AS MATERIALIZED (SELECT substr(?1, i, 32) FROM position)
    UPDATE keys SET published_at = ?2 WHERE id IN (SELECT id FROM wanted)";

/// ?1: dated no later, or not signed yet; ?2: limit.
pub(super) const DUE_HOST_RECORDS: &str = "
    SELECT group_concat(item) FROM (
        SELECT 'E' || hex(body) AS item FROM entries INDEXED BY entries_by_date
        WHERE kind = 1 AND dated <= max(?1, 0) ORDER BY dated LIMIT ?2
    )";

/// ?1: kind; ?2: dated no later; ?3: limit.
pub(super) const CLEAR_ENTRIES: &str = "
    DELETE FROM entries WHERE (key_id, identity) IN (
        SELECT key_id, identity FROM entries INDEXED BY entries_by_date WHERE kind = ?1 AND dated <= ?2 LIMIT ?3
    )";

/// ?1: last sign of life no later; ?2: limit. A key with a host record stays.
pub(super) const CLEAR_KEYS: &str = "
    DELETE FROM keys WHERE id IN (
        SELECT k.id FROM keys k INDEXED BY keys_by_life
        WHERE k.life_at <= ?1 AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.key_id = k.id AND e.kind = 1)
        LIMIT ?2
    )";

pub(super) const UNMARK_HOST_RECORDS: &str = "UPDATE entries SET kind = 0 WHERE kind = 1";

pub(super) const COUNTS: &str = "
    SELECT (SELECT count(*) FROM keys)
        || ':' || (SELECT count(*) FROM entries WHERE kind = 0)
        || ':' || (SELECT count(*) FROM entries WHERE kind = 1)
        || ':' || (SELECT count(*) FROM entries WHERE kind = 2)
        || ':' || (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)";
