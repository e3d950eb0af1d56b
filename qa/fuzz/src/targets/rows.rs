//! A database whose rows are damaged: a call on it fails with a text or does what it can.

use std::fmt::Write;

use registry_service::domain::data::{Record, Tombstone};
use registry_service::domain::KeyId;
use registry_testkit::NativeNode;

use crate::input::{cast, Objects, Source, NOW};
use crate::memory::Memory;
use crate::probe;

const KEY_BODY: &str = "SELECT body FROM keys LIMIT 1";
const ENTRY_BODY: &str = "SELECT body FROM entries LIMIT 1";

pub(super) fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut node = NativeNode::<Memory>::over(cast().host().clone(), ":memory:").expect("an empty database opens");
    node.register_key(&Objects::first_key(), NOW)
        .expect("the first key is genuine");
    let entry = entry(&mut node, &mut source);
    for _ in 0..1 + source.below(2) {
        let sql = damage(&node, &mut source);
        probe::say(|| sql.clone());
        // SQLite itself may refuse what does not fit its columns.
        if node.run_raw(&sql).is_err() {
            probe::note("damage", "impossible");
        }
    }
    call_everything(&mut node, &mut source, &entry);
}

enum Stored {
    Nothing,
    Record(Record),
    Tombstone(Tombstone),
}

fn entry(node: &mut NativeNode<Memory>, source: &mut Source<'_>) -> Stored {
    match source.below(4) {
        0..=1 => {
            let record = Objects::genuine_record(source);
            match node.put_record(&record, NOW) {
                Ok(()) => Stored::Record(record),
                Err(_) => Stored::Nothing,
            }
        }
        2 => {
            let tombstone = Objects::genuine_tombstone(source);
            match node.add_tombstone(&tombstone, NOW) {
                Ok(()) => Stored::Tombstone(tombstone),
                Err(_) => Stored::Nothing,
            }
        }
        _ => match node.put_host_record(&Objects::host_metadata(source), NOW) {
            Ok(record) => Stored::Record(record),
            Err(_) => Stored::Nothing,
        },
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A statement that does what a damaged disk does, or a hand at the database.
fn damage(node: &NativeNode<Memory>, source: &mut Source<'_>) -> String {
    let (table, body) = match source.below(2) {
        0 => ("keys", KEY_BODY),
        _ => ("entries", ENTRY_BODY),
    };
    let mut body = node.registry().store().read_raw(body, &[]).unwrap_or_default();
    match source.below(8) {
        0..=4 => {
            for _ in 0..1 + source.below(3) {
                spoil(source, &mut body);
            }
            format!("UPDATE {table} SET body = x'{}'", hex(&body))
        }
        5 => {
            const VALUES: [&str; 8] = ["-1", "NULL", "'text'", "9223372036854775807", "1.5", "x'00'", "''", "7"];
            let column = *source.pick(&[
                "life_at",
                "due_at",
                "exchanged_at",
                "kind",
                "dated",
                "provider",
                "signed",
                "id",
                "key_id",
                "identity",
                "body",
            ]);
            let value = *source.pick(&VALUES);
            let table = if ["life_at", "due_at", "exchanged_at", "id"].contains(&column) {
                "keys"
            } else {
                "entries"
            };
            format!("UPDATE {table} SET {column} = {value}")
        }
        6 => format!("UPDATE {table} SET body = x'{}'", hex(source.rest())),
        _ => {
            let garbage = hex(source.bytes(32));
            let id = hex(KeyId::parse(&Objects::key_id(0)).expect("it is one").as_bytes());
            format!(
                "INSERT OR REPLACE INTO entries (key_id, identity, kind, dated, body) VALUES (x'{id}', x'01', {}, {NOW}, x'{garbage}')",
                source.below(4)
            )
        }
    }
}

fn spoil(source: &mut Source<'_>, body: &mut Vec<u8>) {
    if body.is_empty() {
        return;
    }
    let at = source.below(body.len());
    match source.below(5) {
        0..=1 => body[at] ^= 1 << source.below(8),
        2 => body[at] = 0xff,
        3 => body.truncate(at),
        _ => drop(body.splice(at..at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
    }
}

fn call_everything(node: &mut NativeNode<Memory>, source: &mut Source<'_>, entry: &Stored) {
    let key_id = Objects::key_id(0);
    let now = source.near_time();
    probe::call("get_records", &node.get_records(&key_id, now));
    probe::call("get_tombstones", &node.get_tombstones(&key_id, now));
    probe::call("get_key_metadata", &node.get_key_metadata(&key_id));
    match entry {
        Stored::Record(record) => {
            probe::call("put_record", &node.put_record(record, now));
            probe::call(
                "republish_records",
                &node.republish_records(std::slice::from_ref(record), now),
            );
        }
        Stored::Tombstone(tombstone) => probe::call("add_tombstone", &node.add_tombstone(tombstone, now)),
        Stored::Nothing => {}
    }
    probe::call("get_stale_local_records", &node.get_stale_local_records(now));
    probe::call("evict_stale", &node.evict_stale(now));
    probe::call(
        "begin_replication",
        &node.begin_replication(vec![Objects::peer(source).id().to_owned()], 1, now),
    );
    probe::call("register_key", &node.register_key(&Objects::first_key(), now));
    probe::call("clear_expired", &node.clear_expired(now));
}
