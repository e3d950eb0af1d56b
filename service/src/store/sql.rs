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

/// The ids that lie one behind the other in a parameter, as `wanted`.
macro_rules! wanted {
    ($ids:literal) => {
        concat!(
            "WITH RECURSIVE
                position(i) AS (SELECT 1 UNION ALL SELECT i + 32 FROM position WHERE i + 32 <= length(",
            $ids,
            ")),
                wanted(id) AS MATERIALIZED (SELECT substr(",
            $ids,
            ", i, 32) FROM position)
            "
        )
    };
}

/// A key and all its entries, in any order: the first letter tells them apart. No row at all for an unknown key, which
/// saves the call that reads it.
pub(super) const LOAD_KEY: &str = "
    SELECT group_concat(item) FROM (
        SELECT printf('K%d:%d:%d:%d:%s', life_at, due_at, exchanged_at, priority, hex(body)) AS item FROM keys WHERE id = ?1
        UNION ALL
        SELECT 'E' || hex(body) FROM entries WHERE key_id = ?1
    ) HAVING count(*) > 0";

/// The same for several keys, whose ids lie one behind the other in ?1.
pub(super) const LOAD_KEYS: &str = concat!(
    wanted!("?1"),
    "SELECT group_concat(item) FROM (
        SELECT printf('K%d:%d:%d:%d:%s', k.life_at, k.due_at, k.exchanged_at, k.priority, hex(k.body)) AS item
            FROM wanted CROSS JOIN keys k ON k.id = wanted.id
        UNION ALL
        SELECT 'E' || hex(e.body) FROM wanted CROSS JOIN entries e ON e.key_id = wanted.id
    )"
);

/// Of the row of an entry `$entry`: whether it is a record that names this node as its provider. The names of this node are
/// the first two parameters of every statement that asks.
macro_rules! hosted {
    ($entry:literal) => {
        concat!($entry, ".kind = 0 AND ", $entry, ".provider IN (?1, ?2)")
    };
}

/// Keys that are due by this condition, in this order, each with 1, or with 0 if it is dead and has nothing that others
/// should know; and its last sign of life. ?4: limit; ?5: dead no later; ?6: ended are tombstones dated no later.
macro_rules! due_keys {
    ($condition:literal, $order:literal) => {
        concat!(
            "SELECT group_concat(item) FROM (
                SELECT hex(k.id) || ':' || (k.life_at > ?5 OR EXISTS (
                    SELECT 1 FROM entries e WHERE e.key_id = k.id AND (e.kind = 2 AND e.dated > ?6 OR ",
            hosted!("e"),
            "))) || ':' || k.life_at AS item
                FROM keys k INDEXED BY keys_by_due
                WHERE ",
            $condition,
            " ORDER BY ",
            $order,
            " LIMIT ?4)"
        )
    };
}

/// Due after ?3 and no later than ?7, the longest due first.
pub(super) const DUE_KEYS: &str = due_keys!("k.due_at > ?3 AND k.due_at <= ?7", "k.due_at");

/// Due at ?3 exactly, those behind the life ?7 and the id ?8.
pub(super) const DUE_AT_KEYS: &str = due_keys!("k.due_at = ?3 AND (k.life_at, k.id) > (?7, ?8)", "k.life_at, k.id");

/// How many keys are due, since when the longest due that is not urgent, and how many are partial; no more than ?2 are
/// counted. ?1: due no later.
pub(super) const BEHIND: &str = "
    SELECT (SELECT count(*) FROM (SELECT 1 FROM keys INDEXED BY keys_by_due WHERE due_at <= ?1 LIMIT ?2))
        || ':' || coalesce((SELECT due_at FROM keys INDEXED BY keys_by_due
                            WHERE due_at > 1 AND due_at <= ?1 ORDER BY due_at LIMIT 1), ?1)
        || ':' || (SELECT count(*) FROM (SELECT 1 FROM keys INDEXED BY keys_partial WHERE exchanged_at = 0 LIMIT ?2))";

/// The ids in ranges, whose ends lie one behind the other in ?1.
pub(super) const TAGGED_KEYS: &str = "
    WITH RECURSIVE
        position(i) AS (SELECT 1 UNION ALL SELECT i + 64 FROM position WHERE i + 64 <= length(?1)),
        range(least, greatest) AS MATERIALIZED (SELECT substr(?1, i, 32), substr(?1, i + 32, 32) FROM position)
    SELECT group_concat(item) FROM (
        SELECT DISTINCT hex(k.id) AS item
        FROM range CROSS JOIN keys k ON k.id BETWEEN range.least AND range.greatest
    )";

/// All entries but records of this node, of the keys whose ids lie one behind the other in ?3.
pub(super) const DROP_ENTRIES: &str = concat!(
    wanted!("?3"),
    "DELETE FROM entries WHERE key_id IN (SELECT id FROM wanted) AND NOT (",
    hosted!("entries"),
    ")"
);

/// Those of the keys whose ids lie one behind the other in ?1 that have no entries. A key goes in no other way but this
/// and [`CLEAR_KEYS`], so no entry is ever without its key.
pub(super) const DROP_KEYS: &str = concat!(
    wanted!("?1"),
    "DELETE FROM keys WHERE id IN (SELECT id FROM wanted)
      AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.key_id = keys.id)"
);

/// When the keys whose ids lie one behind the other in ?1 are due. ?2: at.
pub(super) const SET_DUE: &str = concat!(
    wanted!("?1"),
    "UPDATE keys SET due_at = ?2 WHERE id IN (SELECT id FROM wanted)"
);

/// The same, but for urgent ones.
pub(super) const PUT_OFF: &str = concat!(
    wanted!("?1"),
    "UPDATE keys SET due_at = ?2 WHERE id IN (SELECT id FROM wanted) AND due_at > 0"
);

/// The same for keys that were exchanged. ?3: when.
pub(super) const SET_EXCHANGED: &str = concat!(
    wanted!("?1"),
    "UPDATE keys SET due_at = ?2, exchanged_at = ?3 WHERE id IN (SELECT id FROM wanted)"
);

/// The same for keys that somebody else has exchanged: not the urgent and the partial ones, and no later than ?3 seconds
/// after this node has exchanged them itself.
pub(super) const POSTPONE: &str = concat!(
    wanted!("?1"),
    "UPDATE keys SET due_at = max(due_at, min(?2, exchanged_at + ?3))
    WHERE id IN (SELECT id FROM wanted) AND due_at > 0 AND exchanged_at > 0"
);

/// Everything is partial, and due at once.
pub(super) const NOTE_AWAY: &str =
    "UPDATE keys SET due_at = min(due_at, 1), exchanged_at = 0 WHERE exchanged_at > 0 OR due_at > 1";

/// Records of this node that are due, those first that are due for longest: from when they came without a signature, or from
/// when their signature was ?5 seconds old. Before them those that are dated ahead. ?3: dated no later; ?4: limit; ?6: dated
/// later is dated ahead; ?7: how many of these.
pub(super) const DUE_HOST_RECORDS: &str = concat!(
    "SELECT group_concat('E' || hex(body)) FROM (
        SELECT body FROM (
            SELECT * FROM (
                SELECT e.dated AS since, e.body AS body FROM entries e INDEXED BY entries_by_provider WHERE ",
    hosted!("e"),
    " AND e.signed = 0 ORDER BY e.dated LIMIT ?4)
            UNION ALL SELECT * FROM (
                SELECT e.dated + ?5, e.body FROM entries e INDEXED BY entries_by_provider WHERE ",
    hosted!("e"),
    " AND e.signed = 1 AND e.dated <= ?3 ORDER BY e.dated LIMIT ?4)
            UNION ALL SELECT * FROM (
                SELECT 0, e.body FROM entries e INDEXED BY entries_by_provider WHERE ",
    hosted!("e"),
    " AND e.signed = 1 AND e.dated > ?6 ORDER BY e.dated LIMIT ?7)
        ) ORDER BY since LIMIT ?4)"
);

/// Which entries are cleared: none that are records of this node. ?3: kind; ?4: dated no later; ?5: limit.
macro_rules! clearable_entries {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM entries e INDEXED BY entries_by_date WHERE e.kind = ?3 AND e.dated <= ?4 AND NOT (",
            hosted!("e"),
            ") ORDER BY e.dated, e.key_id, e.identity LIMIT ?5"
        )
    };
}

/// Which keys are cleared: those without entries. ?1: last sign of life no later; ?2: limit.
macro_rules! clearable_keys {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM keys k INDEXED BY keys_by_life
              WHERE k.life_at <= ?1 AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.key_id = k.id)
              ORDER BY k.life_at, k.id LIMIT ?2"
        )
    };
}

/// What a row is charged and to whom: the account and the body's length, or the body where a row of version 1 does not
/// say. Before it a letter: a key, a record or a tombstone.
macro_rules! charge {
    (key, $account:literal, $body:literal) => {
        charge!("'K'", $account, $body)
    };
    (entry, $account:literal, $body:literal) => {
        charge!("iif(kind = 2, 'T', 'R')", $account, $body)
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
    clearable_entries!("e.key_id, e.identity"),
    ")"
);

/// What the entries that [`CLEAR_ENTRIES`] removes are charged.
pub(super) const CHARGES_OF_CLEARED_ENTRIES: &str = concat!(
    "SELECT group_concat(",
    charge!(entry, "issuer", "body"),
    ") FROM (",
    clearable_entries!("e.kind, e.issuer, e.body"),
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

/// The ids of dead keys without records of this node. ?3: last sign of life no later; ?4: limit.
pub(super) const DEAD_KEYS: &str = concat!(
    "SELECT group_concat(hex(id)) FROM (
        SELECT k.id AS id FROM keys k INDEXED BY keys_by_life
        WHERE k.life_at <= ?3 AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.key_id = k.id AND ",
    hosted!("e"),
    ") ORDER BY k.life_at, k.id LIMIT ?4)"
);

/// The ids of keys by priority, the lowest first. ?1: not below; ?2: below; ?3: limit.
pub(super) const LOWEST_KEYS: &str = "
    SELECT group_concat(hex(id)) FROM (
        SELECT id FROM keys INDEXED BY keys_by_priority
        WHERE priority >= ?1 AND priority < ?2 ORDER BY priority LIMIT ?3
    )";

/// What [`DROP_ENTRIES`] and [`DROP_KEYS`] free of the keys whose ids lie one behind the other in ?3.
pub(super) const CHARGES_OF_KEYS: &str = concat!(
    wanted!("?3"),
    "SELECT group_concat(item) FROM (
        SELECT ",
    charge!(key, "k.owner", "k.body"),
    " AS item FROM wanted CROSS JOIN keys k ON k.id = wanted.id
            WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.key_id = k.id AND ",
    hosted!("e"),
    ")
        UNION ALL
        SELECT ",
    charge!(entry, "e.issuer", "e.body"),
    " FROM wanted CROSS JOIN entries e ON e.key_id = wanted.id WHERE NOT (",
    hosted!("e"),
    ")
    )"
);

/// Keys that are left because of records of this node have nothing more to give. ?2: the priority that says so.
pub(super) const STRIPPED_KEYS: &str = concat!(
    wanted!("?1"),
    "UPDATE keys SET priority = ?2 WHERE id IN (SELECT id FROM wanted)"
);

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

/// Records of this node, as many as ?3 at most.
pub(super) const COUNT_HOST_RECORDS: &str = concat!(
    "SELECT count(*) FROM (
        SELECT 1 FROM entries e INDEXED BY entries_by_provider WHERE ",
    hosted!("e"),
    " LIMIT ?3)"
);

/// The same of issuers without weight.
pub(super) const COUNT_HOST_RECORDS_WITHOUT_WEIGHT: &str = concat!(
    "SELECT count(*) FROM (
        SELECT 1 FROM entries e INDEXED BY entries_by_provider WHERE ",
    hosted!("e"),
    " AND e.weight = 0 LIMIT ?3)"
);

/// How many [`DUE_HOST_RECORDS`] would find without its limits. ?3: dated no later; ?4: dated later is dated ahead.
pub(super) const COUNT_OVERDUE_HOST_RECORDS: &str = concat!(
    "SELECT count(*) FROM entries e INDEXED BY entries_by_provider WHERE ",
    hosted!("e"),
    " AND (e.signed = 0 OR e.dated <= ?3 OR e.dated > ?4)"
);

/// The entries of so many keys as places and bodies, and before them the last of these keys, if there are more. ?1: after
/// this id; ?2: how many, less one.
pub(super) const ENTRIES_AFTER: &str = "
    WITH last(id) AS MATERIALIZED (
        SELECT (SELECT id FROM keys WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2)
    ), until(id) AS MATERIALIZED (
        SELECT coalesce((SELECT id FROM last), x'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff')
    )
    SELECT coalesce((SELECT hex(id) FROM last), '') || ';' || coalesce(group_concat(item), '') FROM (
        SELECT hex(key_id) || ':' || hex(identity) || ':' || hex(body) AS item
        FROM entries WHERE key_id > ?1 AND key_id <= (SELECT id FROM until)
    )";
