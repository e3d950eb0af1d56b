//! A node with one key, and what every test of a refusal checks.

use std::fmt::Debug;

use registry_service::calls::CallError;
use registry_service::domain::data::{Key, Record, RecordMetadata};
use registry_service::domain::{unpack_answer, Unpacker, Wanted};
use registry_service::store::Cleared;
use registry_testkit::{NativeNode, Origins, Peer};

pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const HOUR: u64 = 3_600;
pub(crate) const DAY: u64 = 24 * HOUR;
/// Longest error text that a refusal may have, in bytes.
const ERROR_LEN_MAX: usize = 1_000;

pub(crate) struct Scene {
    pub(crate) node: NativeNode,
    pub(crate) key: Key,
    pub(crate) key_id: String,
}

/// A node where `owner` has registered a key at `NOW`.
pub(crate) fn scene() -> Scene {
    let mut node = NativeNode::new(Peer::named("host"));
    let key = Peer::named("owner").key("resource", NOW);
    node.register_key(&key, NOW).unwrap();
    Scene {
        node,
        key_id: key.id.clone(),
        key,
    }
}

/// A scene with a record of each provider.
pub(crate) fn with_providers(providers: &[&str]) -> Scene {
    let mut scene = scene();
    for provider in providers {
        let record = scene.record(provider, NOW);
        scene.node.put_record(&record, NOW).unwrap();
    }
    scene
}

/// That many empty nodes.
pub(crate) fn nodes(count: usize) -> Vec<NativeNode> {
    (0..count)
        .map(|number| NativeNode::new(Peer::named(&format!("node {number}"))))
        .collect()
}

/// Whom a round of replication reaches.
pub(crate) fn everybody(_: &NativeNode) -> bool {
    true
}

impl Scene {
    pub(crate) fn host(&self) -> Peer {
        self.node.host.clone()
    }

    pub(crate) fn record(&self, provider: &str, timestamp: u64) -> Record {
        Peer::named(provider).own_record(&self.key_id, "value", timestamp)
    }

    /// Metadata of `issuer` that name this host as the provider.
    pub(crate) fn host_metadata(&self, issuer: &str, timestamp: u64) -> RecordMetadata {
        Peer::named(issuer).metadata(&self.key_id, &self.node.host, "value", timestamp)
    }

    /// When the latest word of one peer about another was issued, as a write of that peer is told.
    pub(crate) fn latest_issued(&mut self, issuer: &str, provider: &str) -> Option<u64> {
        let origins = Origins::new(&self.host(), &Peer::named(issuer), 3).time(2);
        let wanted = Wanted::entry(Peer::named(provider).id(), false);
        let key_id = self.key_id.clone();
        let answer = self.node.call(origins, |call| call.get_answer(&key_id, &wanted, NOW));
        let answer = answer.unwrap();
        let (_, entries) = answer.split_once(':').expect("the key first");
        let (records, tombstones) = unpack_answer(&key_id, entries, Unpacker::sharing(1)).unwrap();
        let records = records.into_iter().map(|record| record.metadata.timestamp_issued);
        let tombstones = tombstones.into_iter().map(|tombstone| tombstone.timestamp_issued);
        records.chain(tombstones).max()
    }

    /// Those of the records that the node now returns, by provider, in the order of ids.
    pub(crate) fn providers(&mut self, now: u64) -> Vec<String> {
        let records = self.node.get_records(&self.key_id, now).unwrap();
        records.into_iter().map(|record| record.metadata.peer_id).collect()
    }
}

/// Every row of every table.
pub(crate) fn dump(node: &NativeNode) -> String {
    const ROWS: &str = "SELECT group_concat(item, char(10)) FROM (
        SELECT 'key ' || hex(id) || ' ' || life_at || ' ' || due_at || ' ' || exchanged_at || ' ' || priority || ' ' || hex(body) AS item FROM keys
        UNION ALL SELECT 'entry ' || hex(key_id) || ' ' || hex(identity) || ' ' || kind || ' ' || dated || ' ' || hex(body)
            FROM entries
        UNION ALL SELECT 'setting ' || name || ' ' || value FROM settings)";
    String::from_utf8(node.registry().store().read_raw(ROWS, &[]).unwrap()).unwrap()
}

/// The call is refused with a text that holds all these words and is short, and the database is as it was.
pub(crate) fn assert_refused<T: Debug>(
    node: &mut NativeNode,
    words: &[&str],
    work: impl FnOnce(&mut NativeNode) -> Result<T, CallError>,
) {
    let before = dump(node);
    let error = work(node)
        .expect_err(&format!("to be refused because of {words:?}"))
        .to_string();
    assert_text(&error, words);
    assert_eq!(before, dump(node), "a refused call has changed the database: {error}");
}

pub(crate) fn assert_text(error: &str, words: &[&str]) {
    assert!(error.len() <= ERROR_LEN_MAX, "{} bytes: {error:.200}", error.len());
    for word in words {
        assert!(error.contains(word), "`{word}` is missing in: {error}");
    }
}

pub(crate) fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

/// A record signed by everybody, whatever its metadata are.
pub(crate) fn signed(scene: &Scene, change: impl FnOnce(&mut RecordMetadata)) -> Record {
    let peer = Peer::named("provider");
    let mut metadata = peer.metadata(&scene.key_id, &peer, "value", NOW);
    change(&mut metadata);
    let issued_by = metadata.issued_by.clone();
    let mut metadata = peer.issue(metadata);
    metadata.issued_by = issued_by;
    peer.record(metadata, NOW)
}

/// Refused by all three ways in, with the words in each error.
pub(crate) fn assert_record_refused(scene: &mut Scene, words: &[&str], record: &Record) {
    assert_refused(&mut scene.node, words, |node| node.put_record(record, NOW));
    assert_refused(&mut scene.node, words, |node| {
        let republished = node.republish_records(&[record.clone()], NOW)?;
        assert_eq!(republished.updated, 0);
        Err::<(), _>(republished.refused.into_iter().next().expect("to be refused").1)
    });
    let unsigned = Record {
        timestamp_created: record.metadata.timestamp_issued,
        metadata: record.metadata.clone(),
        signature: Vec::new(),
    };
    assert_refused(&mut scene.node, words, |node| node.publish_host_record(&unsigned, NOW));
}

pub(crate) fn cleared(keys: u64, records: u64, tombstones: u64) -> Cleared {
    Cleared {
        keys,
        records,
        tombstones,
    }
}

/// Whether the key is known to readers, found out without using it.
pub(crate) fn alive(node: &mut NativeNode, key_id: &str, now: u64) -> bool {
    node.get_tombstones(key_id, now).is_ok()
}
