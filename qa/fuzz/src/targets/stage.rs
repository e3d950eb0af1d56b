//! A node that is called by hostile scripts, and what must hold whatever they do.

use std::fmt::Debug;

use registry_service::auth::WeightResult;
use registry_service::calls::{Call, CallError};
use registry_service::domain::data::{Key, Record, Tombstone};
use registry_service::domain::{Entry, KeyId};
use registry_testkit::{check_promises, no_weight, weight_of, NativeNode, Peer};

use crate::input::{cast, Argument, Claims, Objects, Source, NOW};
use crate::memory::{self, Memory};
use crate::oracle::{self, assert_genuine};
use crate::probe;

const DUMP: &str = "SELECT group_concat(item, char(10)) FROM (
    SELECT 'key ' || hex(id) || life_at || ' ' || hex(body) AS item FROM keys
    UNION ALL SELECT 'entry ' || hex(key_id) || hex(identity) || kind || ' ' || dated || ' ' || hex(body) FROM entries)";
const KEY_IDS: &str = "SELECT group_concat(hex(id)) FROM keys";
const TIMEOUT_SEC: u64 = 86_400;

/// What a call needs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needs {
    pub(super) time: bool,
    pub(super) weight: bool,
    pub(super) host_record: bool,
    pub(super) host: bool,
    pub(super) host_or_creator: bool,
}

impl Needs {
    pub(super) const TIME: Self = Self {
        time: true,
        weight: false,
        host_record: false,
        host: false,
        host_or_creator: false,
    };

    /// Time, and the weight if it claims to be one.
    pub(super) fn weighed(weight: &WeightResult) -> Self {
        Self {
            weight: weight.success,
            ..Self::TIME
        }
    }
}

pub(super) struct Stage<'b> {
    pub(super) source: Source<'b>,
    node: NativeNode<Memory>,
    /// The other name of the node; its host's where it has none.
    worker: &'static Peer,
    /// The latest time that a call had.
    latest: u64,
    timeouts_changed: bool,
    /// Whether a refused call is checked to have changed nothing: that takes time.
    thorough: bool,
}

impl<'b> Stage<'b> {
    /// A node that knows one key mostly, and is full of its records sometimes.
    pub(super) fn new(mut source: Source<'b>) -> Self {
        let worker = match source.below(8) {
            0..=6 => cast().host(),
            _ => &cast().peers[4],
        };
        let mut stage = Self {
            node: NativeNode::over(cast().host().clone(), ":memory:").expect("an empty database opens"),
            worker,
            latest: NOW,
            timeouts_changed: false,
            thorough: source.rarely(8),
            source,
        };
        match stage.source.below(32) {
            0..=29 => stage.register(),
            30 => {}
            _ => {
                stage.register();
                stage.crowd();
            }
        }
        stage
    }

    fn register(&mut self) {
        let registered = self.node.register_key(&Objects::first_key(), NOW);
        registered.expect("the first key is genuine");
    }

    /// As many records as a key can hold.
    fn crowd(&mut self) {
        thread_local! {
            static CROWD: Vec<Record> = (0..oracle::RECORDS_MAX)
                .map(|number| Peer::named(&format!("one of many {number}")).own_record(&Objects::key_id(0), "value", NOW - 60))
                .collect();
        }
        let republished = CROWD
            .with(|crowd| self.node.republish_records(crowd, NOW))
            .expect("one key, within the limits");
        assert_eq!(republished.updated as usize, oracle::RECORDS_MAX);
        probe::note("key", "full");
    }

    /// One call of an exported function with so many arguments.
    pub(super) fn call<T: Debug>(
        &mut self,
        function: &'static str,
        (count, arguments): (usize, &[Argument<'_>]),
        needs: Needs,
        work: impl FnOnce(&mut Call<'_, Memory>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let claims = Claims::new(&mut self.source, self.worker, count, arguments);
        let (proof, by_host) = (claims.proof, claims.by_host(self.worker));
        let by_creator = claims.caller.id() == claims.creator.id();
        let full = self.source.rarely(24).then(|| self.source.below(4) as u32);
        let before = (self.thorough || full.is_some()).then(|| self.dump());
        memory::fail_after(full);
        let outcome = self.node.call(claims.origins, work);
        memory::fail_after(None);
        probe::call(function, &outcome);
        match &outcome {
            Ok(_) => {
                assert!(proof.time || !needs.time, "{function} took an unproved time");
                assert!(proof.weight || !needs.weight, "{function} took an unproved weight");
                assert!(
                    proof.host_record || !needs.host_record,
                    "{function} took an unproved host record"
                );
                assert!(by_host || !needs.host, "{function} obeyed a stranger");
                assert!(
                    by_host || by_creator || !needs.host_or_creator,
                    "{function} obeyed a stranger"
                );
            }
            Err(error) => {
                let text = error.to_string();
                assert!(
                    !text.is_empty() && text.len() <= oracle::ERROR_LEN_MAX,
                    "{} bytes: {text:.200}",
                    text.len()
                );
                if let Some(before) = before {
                    assert_eq!(
                        before,
                        self.dump(),
                        "{function} was refused ({text}) and changed something"
                    );
                }
            }
        }
        outcome
    }

    fn dump(&self) -> String {
        let rows = self.node.registry().store().read_raw(DUMP, &[]);
        String::from_utf8(rows.expect("the database can be read")).expect("hex and numbers")
    }

    pub(super) fn node(&mut self) -> &mut NativeNode<Memory> {
        &mut self.node
    }

    /// The time of a call.
    pub(super) fn now(&mut self) -> u64 {
        let now = self.source.time();
        self.latest = self.latest.max(now);
        now
    }

    pub(super) fn timeouts_changed(&mut self) {
        self.timeouts_changed = true;
    }

    /// A weight for this issuer, or none, or somebody else's.
    pub(super) fn weight(&mut self, issuer: &str) -> WeightResult {
        let weight = [1, 0, 2, u32::MAX][self.source.below(4)];
        match self.source.below(6) {
            0..=2 => no_weight(),
            3..=4 => weight_of(issuer, weight),
            _ => weight_of(&self.source.hostile_text(), weight),
        }
    }

    /// Weights, this issuer's among them.
    pub(super) fn weights(&mut self, issuer: &str, limit: usize) -> Vec<WeightResult> {
        let count = self.source.count(limit);
        let weight = self.weight(issuer);
        vec![weight; count]
    }

    pub(super) fn check_key(&self, place: &str, key: &Key) {
        assert_genuine(place, oracle::key(key), key);
    }

    pub(super) fn check_records<'r>(&self, place: &str, records: impl IntoIterator<Item = &'r Record>) {
        for record in records {
            assert_genuine(place, oracle::record(record), record);
        }
    }

    pub(super) fn check_tombstones(&self, place: &str, tombstones: &[Tombstone]) {
        for tombstone in tombstones {
            assert_genuine(place, oracle::tombstone(tombstone), tombstone);
        }
    }

    fn is_here(&self, peer_id: &str) -> bool {
        peer_id == cast().host().id() || peer_id == self.worker.id()
    }

    /// Everything that lies in the database is genuine, where it belongs and no more than there may be; and what is kept
    /// in memory is the same.
    pub(super) fn audit(&mut self) {
        let store = self.node.registry().store();
        check_promises(store);
        let ids = store.read_raw(KEY_IDS, &[]).expect("the database can be read");
        for id in ids.split(|&byte| byte == b',').filter(|id| !id.is_empty()) {
            let key_id = KeyId::from_bytes(unhex(id));
            let state = store
                .stored(&key_id)
                .expect("a row can be read")
                .expect("the key is there");
            self.check_key("the store", state.key());
            assert_eq!(state.key().id, key_id.to_string());
            let mut live = 0;
            for entry in state.entries() {
                match entry {
                    Entry::Record(held) => {
                        assert_genuine("the store", oracle::record(&held.record), &held.record);
                        assert_eq!(held.record.metadata.key_id, state.key().id);
                        self.check_time("created", held.record.timestamp_created);
                        self.check_time("issued", held.record.metadata.timestamp_issued);
                        let young = self.latest.saturating_sub(held.record.timestamp_created) < TIMEOUT_SEC;
                        live += usize::from(young && !self.is_here(&held.record.metadata.peer_id));
                    }
                    // The host's own word, which it gives nobody.
                    Entry::Tombstone(tombstone) if !entry.is_signed() => {
                        assert!(self.is_here(&tombstone.peer_id), "a removal of {tombstone:?}");
                        assert_eq!(tombstone.key_id, state.key().id);
                    }
                    Entry::Tombstone(tombstone) => {
                        assert_genuine("the store", oracle::tombstone(tombstone), tombstone);
                        assert_eq!(tombstone.key_id, state.key().id);
                        self.check_time("issued", tombstone.timestamp_issued);
                    }
                }
            }
            assert!(
                live <= oracle::RECORDS_MAX || self.timeouts_changed,
                "{live} live records"
            );
        }
    }

    fn check_time(&self, what: &str, time: u64) {
        let max = self.latest.saturating_add(oracle::SKEW_MAX_SEC);
        assert!(time <= max, "{what} at {time}, which was the future at {}", self.latest);
    }
}

fn unhex(hex: &[u8]) -> [u8; 32] {
    let text = std::str::from_utf8(hex).expect("hex");
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hex"))
}
