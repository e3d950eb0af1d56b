//! Every statement but the scripts of `script`. Results come as one text column, so that a whole key crosses the module boundary at once.

pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

pub(super) const SCHEMA_VERSION: &str = "SELECT user_version FROM pragma_user_version";
pub(super) const SIZE_BYTES: &str = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
/// `ok`, or the first thing that is wrong with pages, rows, their order or an index.
pub(super) const INTEGRITY_CHECK: &str = "PRAGMA integrity_check(1)";
/// The same without the order of rows and the indexes, in a fifth of the time.
pub(super) const QUICK_CHECK: &str = "PRAGMA quick_check(1)";
pub(super) const SETTINGS: &str = "SELECT group_concat(name || '=' || value, char(10)) FROM settings";
pub(super) const WRITE_SETTING: &str =
    "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// A key and all its entries, in any order: the first letter tells them apart. No row at all for an unknown key, which
/// saves the call that reads it.
pub(super) const LOAD_KEY: &str = "
    SELECT group_concat(item) FROM (
        SELECT printf('K%d:%d:%d:%s', life_at, published_at, priority, hex(body)) AS item FROM keys WHERE id = ?1
        UNION ALL
        SELECT 'E' || hex(body) FROM entries WHERE key_id = ?1
    ) HAVING count(*) > 0";

/// The same for several keys, whose ids lie one behind the other in ?1.
pub(super) const LOAD_KEYS: &str = "
    WITH RECURSIVE
        position(i) AS (SELECT 1 UNION ALL SELECT i + 32 FROM position WHERE i + 32 <= length(?1)),
        wanted(id) AS MATERIALIZED (SELECT substr(?1, i, 32) FROM position)
    SELECT group_concat(item) FROM (
        SELECT printf('K%d:%d:%d:%s', k.life_at, k.published_at, k.priority, hex(k.body)) AS item
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

/// All entries but records of this node.
pub(super) const DROP_ENTRIES: &str = "
    WITH RECURSIVE
        position(i) AS (SELECT 1 UNION ALL SELECT i + 32 FROM position WHERE i + 32 <= length(?1)),
        wanted(id) AS MATERIALIZED (SELECT substr(?1, i, 32) FROM position)
    DELETE FROM entries WHERE key_id IN (SELECT id FROM wanted) AND kind <> 1";

/// All keys but those of records of this node.
pub(super) const DROP_KEYS: &str = "
    WITH RECURSIVE
        position(i) AS (SELECT 1 UNION ALL SELECT i + 32 FROM position WHERE i + 32 <= length(?1)),
        wanted(id) AS MATERIALIZED (SELECT substr(?1, i, 32) FROM position)
    DELETE FROM keys WHERE id IN (SELECT id FROM wanted)
      AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.key_id = keys.id AND e.kind = 1)";

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

/// Which entries are cleared. ?1: kind; ?2: dated no later; ?3: limit.
macro_rules! clearable_entries {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM entries INDEXED BY entries_by_date WHERE kind = ?1 AND dated <= ?2
              ORDER BY dated, key_id, identity LIMIT ?3"
        )
    };
}

/// Which keys are cleared. ?1: last sign of life no later; ?2: limit. A key with a host record stays.
macro_rules! clearable_keys {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM keys k INDEXED BY keys_by_life
              WHERE k.life_at <= ?1 AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.key_id = k.id AND e.kind = 1)
              ORDER BY k.life_at, k.id LIMIT ?2"
        )
    };
}

/// What a row is charged and to whom: the account and the body's length, or the body where a row of version 1 does not
/// say.
macro_rules! charge {
    (key, $account:literal, $body:literal) => {
        charge!("'K'", $account, $body)
    };
    (entry, $account:literal, $body:literal) => {
        charge!("'E'", $account, $body)
    };
    ($kind:literal, $account:literal, $body:literal) => {
        concat!(
            $kind,
            " || iif(",
            $account,
            ", ",
            $account,
            " || ':' || length(",
            $body,
            "), 'x' || hex(",
            $body,
            "))"
        )
    };
}

pub(super) const CLEAR_ENTRIES: &str = concat!(
    "DELETE FROM entries WHERE (key_id, identity) IN (",
    clearable_entries!("key_id, identity"),
    ")"
);

/// What the entries that [`CLEAR_ENTRIES`] removes are charged.
pub(super) const CHARGES_OF_CLEARED_ENTRIES: &str = concat!(
    "SELECT group_concat(",
    charge!(entry, "issuer", "body"),
    ") FROM (",
    clearable_entries!("issuer, body"),
    ")"
);

pub(super) const CLEAR_KEYS: &str = concat!("DELETE FROM keys WHERE id IN (", clearable_keys!("k.id"), ")");

/// What the keys that [`CLEAR_KEYS`] removes are charged.
pub(super) const CHARGES_OF_CLEARED_KEYS: &str = concat!(
    "SELECT group_concat(",
    charge!(key, "owner", "body"),
    ") FROM (",
    clearable_keys!("k.owner, k.body"),
    ")"
);

/// The ids of dead keys. ?1: last sign of life no later; ?2: limit.
pub(super) const DEAD_KEYS: &str = concat!(
    "SELECT group_concat(hex(id) || ':0') FROM (",
    clearable_keys!("k.id AS id"),
    ")"
);

/// The ids of keys by priority, the lowest first. ?1: not below; ?2: below; ?3: limit.
pub(super) const LOWEST_KEYS: &str = "
    SELECT group_concat(hex(id) || ':0') FROM (
        SELECT id FROM keys INDEXED BY keys_by_priority
        WHERE priority >= ?1 AND priority < ?2 ORDER BY priority LIMIT ?3
    )";

/// What [`DROP_ENTRIES`] and [`DROP_KEYS`] free of the keys whose ids lie one behind the other in ?1.
pub(super) const CHARGES_OF_KEYS: &str = concat!(
    "WITH RECURSIVE
        position(i) AS (SELECT 1 UNION ALL SELECT i + 32 FROM position WHERE i + 32 <= length(?1)),
        wanted(id) AS MATERIALIZED (SELECT substr(?1, i, 32) FROM position)
    SELECT group_concat(item) FROM (
        SELECT ",
    charge!(key, "k.owner", "k.body"),
    " AS item FROM wanted CROSS JOIN keys k ON k.id = wanted.id
            WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.key_id = k.id AND e.kind = 1)
        UNION ALL
        SELECT ",
    charge!(entry, "e.issuer", "e.body"),
    " FROM wanted CROSS JOIN entries e ON e.key_id = wanted.id WHERE e.kind <> 1
    )"
);

/// Keys that are left because of records of this node have nothing more to give. ?2: the priority that says so.
pub(super) const STRIPPED_KEYS: &str = "
    WITH RECURSIVE
        position(i) AS (SELECT 1 UNION ALL SELECT i + 32 FROM position WHERE i + 32 <= length(?1)),
        wanted(id) AS MATERIALIZED (SELECT substr(?1, i, 32) FROM position)
    UPDATE keys SET priority = ?2 WHERE id IN (SELECT id FROM wanted)";

/// What the rows of so many keys are charged, and before them the last of these keys, if there are more. ?1: after this
/// id; ?2: how many, less one.
pub(super) const CHARGES_AFTER: &str = concat!(
    "WITH last(id) AS MATERIALIZED (
        SELECT (SELECT id FROM keys WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2)
    ), until(id) AS MATERIALIZED (
        SELECT coalesce((SELECT id FROM last), x'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff')
    )
    SELECT coalesce((SELECT hex(id) FROM last), '') || ';' || coalesce(group_concat(item), '') FROM (
        SELECT ",
    charge!(key, "owner", "body"),
    " AS item FROM keys WHERE id > ?1 AND id <= (SELECT id FROM until)
        UNION ALL
        SELECT ",
    charge!(entry, "issuer", "body"),
    " FROM entries WHERE key_id > ?1 AND key_id <= (SELECT id FROM until)
    )"
);

/// Records of this node, as many as ?1 at most.
pub(super) const COUNT_HOST_RECORDS: &str = "
    SELECT count(*) FROM (SELECT 1 FROM entries INDEXED BY entries_by_date WHERE kind = 1 LIMIT ?1)";

/// When this node has other names. ?1: the priority of keys with nothing but records of this node; ?2: what it becomes.
pub(super) const UNMARK_HOSTED_KEYS: &str = "UPDATE keys SET priority = ?2 WHERE priority = ?1";

pub(super) const UNMARK_HOST_RECORDS: &str = "UPDATE entries SET kind = 0 WHERE kind = 1";

pub(super) const COUNTS: &str = "
    SELECT (SELECT count(*) FROM keys)
        || ':' || (SELECT count(*) FROM entries WHERE kind = 0)
        || ':' || (SELECT count(*) FROM entries WHERE kind = 1)
        || ':' || (SELECT count(*) FROM entries WHERE kind = 2)
        || ':' || (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)";
