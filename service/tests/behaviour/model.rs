//! Random histories of one key, against a model that holds plain lists and follows the design's rules by the letter.

mod naive;

use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;
use registry_service::domain::data::{Key, Record, Tombstone};
use registry_service::domain::{Entry, KeyId};
use registry_testkit::{no_weight, weight_of, NativeNode, Peer};

use self::naive::{Held, Model, Outcome};
use crate::support::{sorted, HOUR, NOW};

const PROVIDERS: usize = 24;
/// Timestamps and clock steps are multiples of this, so that equal ones are common.
const STEP_SEC: u64 = 600;

/// A record is dated this many steps back, issued and created.
type Ago = (u64, u64);

#[derive(Debug, Clone)]
enum Step {
    Clock(u64),
    Register,
    Read,
    /// `agency`: issued not by the provider but by one issuer for all.
    Put {
        provider: usize,
        agency: bool,
        ago: Ago,
        weight: Option<u32>,
    },
    Republish(Vec<Index>),
    Tombstone {
        provider: usize,
        agency: bool,
        ago: u64,
    },
    TombstoneOfHostRecord {
        issuer: usize,
        ago: u64,
    },
    RepublishTombstones(Vec<Index>),
    PutHostRecord {
        issuer: usize,
        ago: u64,
    },
    Renew,
    ClearExpired,
    Evict {
        confirm: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let ago = || 0..4_u64;
    let weight = prop_oneof![3 => Just(None), 1 => (0..3_u32).prop_map(Some)];
    let picks = || prop::collection::vec(any::<Index>(), 1..12);
    prop_oneof![
        40 => (0..PROVIDERS, any::<bool>(), (ago(), ago()), weight)
            .prop_map(|(provider, agency, ago, weight)| Step::Put { provider, agency, ago, weight }),
        8 => picks().prop_map(Step::Republish),
        6 => (0..PROVIDERS, any::<bool>(), ago())
            .prop_map(|(provider, agency, ago)| Step::Tombstone { provider, agency, ago }),
        1 => (0..4_usize, ago()).prop_map(|(issuer, ago)| Step::TombstoneOfHostRecord { issuer, ago }),
        2 => picks().prop_map(Step::RepublishTombstones),
        3 => (0..4_usize, ago()).prop_map(|(issuer, ago)| Step::PutHostRecord { issuer, ago }),
        2 => Just(Step::Renew),
        8 => (0..3_u64).prop_map(Step::Clock),
        2 => prop_oneof![Just(6 * 6), Just(12 * 6), Just(24 * 6), Just(48 * 6)].prop_map(Step::Clock),
        3 => Just(Step::ClearExpired),
        3 => any::<bool>().prop_map(|confirm| Step::Evict { confirm }),
        3 => Just(Step::Read),
        2 => Just(Step::Register),
    ]
}

struct Cast {
    host: Peer,
    agency: Peer,
    providers: Vec<Peer>,
    key: Key,
}

fn cast() -> &'static Cast {
    static CAST: OnceLock<Cast> = OnceLock::new();
    CAST.get_or_init(|| Cast {
        host: Peer::named("host"),
        agency: Peer::named("agency"),
        providers: (0..PROVIDERS)
            .map(|number| Peer::named(&format!("provider {number}")))
            .collect(),
        key: Peer::named("owner").key("resource", NOW),
    })
}

/// The node, the model, and everything that was ever signed, so that old things can come back.
struct History {
    node: NativeNode,
    model: Model,
    records: Vec<Record>,
    tombstones: Vec<Tombstone>,
}

impl History {
    fn new() -> Self {
        Self {
            node: NativeNode::new(cast().host.clone()),
            model: Model::new(cast().host.id(), NOW),
            records: Vec::new(),
            tombstones: Vec::new(),
        }
    }

    fn now(&self) -> u64 {
        self.model.now
    }

    fn ago(&self, steps: u64) -> u64 {
        self.now() - steps * STEP_SEC
    }

    fn issuer(provider: usize, agency: bool) -> &'static Peer {
        if agency {
            &cast().agency
        } else {
            &cast().providers[provider]
        }
    }

    fn take(&mut self, step: Step) {
        let now = self.now();
        let key_id = cast().key.id.as_str();
        match step {
            Step::Clock(steps) => self.model.now += steps * STEP_SEC,
            Step::Register => {
                self.node.register_key(&cast().key, now).unwrap();
                self.model.register(cast().key.timestamp_created);
            }
            Step::Read => {
                let read = self.node.get_records(key_id, now).ok();
                assert_eq!(read, self.model.read());
            }
            Step::Put {
                provider,
                agency,
                ago: (issued, created),
                weight,
            } => {
                let peer = &cast().providers[provider];
                let issuer = Self::issuer(provider, agency);
                let metadata = issuer.metadata(key_id, peer, "value", self.ago(issued));
                let record = peer.record(metadata, self.ago(created));
                self.put(&record, weight);
                self.records.push(record);
            }
            Step::Republish(picks) if !self.records.is_empty() => {
                let batch: Vec<Record> = picks.iter().map(|pick| pick.get(&self.records).clone()).collect();
                let republished = self.node.republish_records(&batch, now);
                let outcomes = self.model.knows_key().then(|| {
                    batch
                        .iter()
                        .map(|record| self.model.put(record, None, false))
                        .collect::<Vec<_>>()
                });
                assert_batch(republished.ok(), outcomes);
            }
            Step::Tombstone { provider, agency, ago } => {
                let peer = &cast().providers[provider];
                self.tombstone(Self::issuer(provider, agency).tombstone(key_id, peer, self.ago(ago)));
            }
            Step::TombstoneOfHostRecord { issuer, ago } => {
                self.tombstone(cast().providers[issuer].tombstone(key_id, &cast().host, self.ago(ago)));
            }
            Step::RepublishTombstones(picks) if !self.tombstones.is_empty() => {
                let batch: Vec<Tombstone> = picks.iter().map(|pick| pick.get(&self.tombstones).clone()).collect();
                let republished = self.node.republish_tombstones(&batch, now);
                let outcomes = self.model.knows_key().then(|| {
                    batch
                        .iter()
                        .map(|tombstone| self.model.add_tombstone(tombstone))
                        .collect::<Vec<_>>()
                });
                assert_batch(republished.ok(), outcomes);
            }
            Step::Republish(_) | Step::RepublishTombstones(_) => {}
            Step::PutHostRecord { issuer, ago } => {
                let metadata = cast().providers[issuer].metadata(key_id, &cast().host, "hosted", self.ago(ago));
                let returned = self.node.put_host_record(&metadata, now).ok();
                assert_eq!(returned, self.model.put_host_record(&metadata));
            }
            Step::Renew => {
                let due = self.node.get_stale_local_records(now).unwrap();
                assert_eq!(sorted(due.clone()), sorted(self.model.due_for_renewal()));
                for record in due {
                    let renewed = cast().host.record(record.metadata, now);
                    self.put(&renewed, None);
                    self.records.push(renewed);
                }
                assert_eq!(self.model.due_for_renewal(), []);
            }
            Step::ClearExpired => {
                let cleared = self.node.clear_expired(now).unwrap();
                assert_eq!(
                    (cleared.keys, cleared.records, cleared.tombstones),
                    self.model.clear_expired()
                );
            }
            Step::Evict { confirm } => {
                let stale = self.node.evict_stale(now).unwrap();
                let handed: Option<(Vec<Record>, Vec<Tombstone>)> =
                    stale.into_iter().next().map(|stale| (stale.records, stale.tombstones));
                assert_eq!(handed, self.model.evict());
                if confirm {
                    self.node.confirm_replicated(&[key_id.to_owned()], now).unwrap();
                    self.model.confirm();
                }
            }
        }
    }

    fn put(&mut self, record: &Record, weight: Option<u32>) {
        let proof = weight.map_or_else(no_weight, |weight| weight_of(&record.metadata.issued_by, weight));
        let put = self.node.put_weighed(record, &proof, self.model.now);
        let outcome = self.model.put(record, weight, true);
        assert_eq!(
            put.is_ok(),
            matches!(outcome, Outcome::Stored | Outcome::Known),
            "{put:?} {outcome:?}"
        );
    }

    fn tombstone(&mut self, tombstone: Tombstone) {
        let added = self.node.add_tombstone(&tombstone, self.model.now);
        let outcome = self.model.add_tombstone(&tombstone);
        assert_eq!(
            added.is_ok(),
            matches!(outcome, Outcome::Stored | Outcome::Known),
            "{added:?} {outcome:?}"
        );
        self.tombstones.push(tombstone);
    }

    /// All that the node holds is what the model holds, and what must never be is not.
    fn check(&self) {
        let key_id = KeyId::parse(&cast().key.id).unwrap();
        let state = self.node.registry().store().stored(&key_id).unwrap();
        assert_eq!(state.as_ref().map(|state| state.life_at()), self.model.key_life());
        let held: Vec<Held> = state.iter().flat_map(|state| state.entries()).map(held).collect();
        assert_eq!(sorted(held), sorted(self.model.held.clone()));
        self.model.check();
    }
}

fn held(entry: &Entry) -> Held {
    match entry {
        Entry::Record(held) => Held::Record((*held.record).clone(), held.weight),
        Entry::Tombstone(tombstone) => Held::Tombstone((**tombstone).clone()),
    }
}

fn assert_batch(republished: Option<registry_service::calls::Republished>, outcomes: Option<Vec<Outcome>>) {
    let outcomes = outcomes.map(|outcomes| {
        let positions = |wanted| {
            let all = outcomes.iter().enumerate();
            all.filter(move |(_, outcome)| **outcome == wanted)
                .map(|(position, _)| position)
        };
        (
            positions(Outcome::Stored).count() as u64,
            positions(Outcome::Refused).collect::<Vec<_>>(),
        )
    });
    let republished = republished.map(|republished| {
        let refused = republished
            .refused
            .iter()
            .map(|(position, _)| *position)
            .collect::<Vec<_>>();
        (republished.updated, refused)
    });
    assert_eq!(republished, outcomes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_node_holds_what_the_rules_say_whatever_happens(steps in prop::collection::vec(step(), 20..200)) {
        let mut history = History::new();
        history.take(Step::Register);
        for step in steps {
            history.take(step);
            history.check();
        }
    }
}

#[test]
fn the_histories_reach_a_full_key() {
    let mut history = History::new();
    history.take(Step::Register);
    for provider in 0..PROVIDERS {
        for agency in [false, true] {
            history.take(Step::Put {
                provider,
                agency,
                ago: (0, 0),
                weight: None,
            });
            history.check();
        }
    }
    assert_eq!(history.model.read().unwrap().len(), 32);
    assert!(HOUR.is_multiple_of(STEP_SEC));
}
