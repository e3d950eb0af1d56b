//! What a store promises whatever was called: asked of SQLite itself, which knows nothing of the rules.

use registry_service::domain::limits::{
    HOST_RECORDS_PER_KEY_MAX, RECORDS_PER_KEY_MAX, ROW_OVERHEAD_BYTES, TOMBSTONES_PER_KEY_MAX,
};
use registry_service::store::{Backend, Store};

const ROWS: &str = "SELECT (SELECT count(*) FROM keys)
    || ',' || (SELECT count(*) FROM entries WHERE kind = 0)
    || ',' || (SELECT count(*) FROM entries WHERE kind = 2)
    || ',' || (SELECT count(*) FROM entries WHERE key_id NOT IN (SELECT id FROM keys))
    || ',' || coalesce((SELECT max(rows) FROM (SELECT count(*) AS rows FROM entries GROUP BY key_id)), 0)";
const BYTES: &str = "SELECT group_concat(account || ':' || rows || ':' || bytes) FROM (
    SELECT account, count(*) AS rows, sum(length(body)) AS bytes
    FROM (SELECT owner AS account, body FROM keys UNION ALL SELECT issuer, body FROM entries) GROUP BY account)";

/// Whatever is in memory is what the file holds, every sum is that of the rows, no entry is without its key, and what lies
/// under a key is bounded.
///
/// # Panics
/// Where that is not so.
pub fn check_promises<B: Backend>(store: &Store<B>) {
    for cached in store.cached() {
        let stored = store.stored(cached.key_id()).expect("it can be read");
        let stored = stored.expect("a key in memory is in the file");
        assert_eq!(cached, &stored, "in memory, and in the file");
    }
    let [keys, records, tombstones, lost, most] = numbers(&read(store, ROWS), ',')[..] else {
        panic!("five numbers are asked for");
    };
    assert_eq!(
        store.row_counts(),
        [keys, records, tombstones],
        "keys, records, tombstones"
    );
    assert_eq!(lost, 0, "entries without a key");
    // Host records, and what this node has removed of them.
    let most_allowed = RECORDS_PER_KEY_MAX + 2 * HOST_RECORDS_PER_KEY_MAX + TOMBSTONES_PER_KEY_MAX;
    assert!(most <= most_allowed as u64, "{most} rows under one key");
    let mut all = 0;
    for account in read(store, BYTES).split(',').filter(|item| !item.is_empty()) {
        let [account, rows, bytes] = numbers(account, ':')[..] else {
            panic!("three numbers are asked for");
        };
        let charged = bytes + rows * ROW_OVERHEAD_BYTES;
        assert_eq!(store.stored_bytes_of_account(account), charged, "account {account}");
        all += charged;
    }
    assert_eq!(store.stored_bytes(), all, "the bytes of all rows");
}

fn read<B: Backend>(store: &Store<B>, sql: &'static str) -> String {
    String::from_utf8(store.read_raw(sql, &[]).expect("it can be read")).expect("numbers")
}

fn numbers(text: &str, separator: char) -> Vec<u64> {
    text.split(separator)
        .map(|number| number.parse().expect("a number"))
        .collect()
}
