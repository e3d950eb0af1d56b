//! Histories of one key on a node, against a model that holds plain lists and follows the design's rules by the letter.

mod naive;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::OnceLock;

use registry_service::calls::Republished;
use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use registry_service::domain::{Entry, KeyId, KeyState};
use registry_service::store::{Backend, NativeBackend};

use self::naive::{Held, Model, Outcome};
use crate::{check_promises, no_weight, weight_of, NativeNode, Peer};

/// When a history begins.
const NOW: u64 = 1_700_000_000;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

pub const PROVIDERS: usize = 24;
/// Issuers of host records.
pub const HOST_ISSUERS: usize = 4;
/// Timestamps and clock steps are multiples of this, so that equal ones are common.
pub const STEP_SEC: u64 = 600;
/// Signed records that a thread remembers over histories.
const SIGNED_MAX: usize = 20_000;

/// A record is dated this many steps back, issued and created.
pub type Ago = (u64, u64);

/// What happens next. A pick stands for one of the records or tombstones that there have been.
#[derive(Debug, Clone)]
pub enum Step {
    Clock(u64),
    Register,
    Read,
    /// `agency`: issued not by the provider but by one issuer for all. `service` 0 stands for none.
    Put {
        provider: usize,
        agency: bool,
        service: u8,
        ago: Ago,
        weight: Option<u32>,
    },
    /// With the weight that all issuers of the batch are proved to have, if any.
    Republish(Vec<u16>, Option<u32>),
    Tombstone {
        provider: usize,
        agency: bool,
        ago: u64,
    },
    TombstoneOfHostRecord {
        issuer: usize,
        ago: u64,
    },
    RepublishTombstones(Vec<u16>),
    PutHostRecord {
        issuer: usize,
        ago: u64,
    },
    Renew,
    ClearExpired,
    Evict,
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

/// Who provides, whether the agency issues, which service, when it was issued and when created.
type Recipe = (usize, bool, u8, u64, u64);

/// A signed record. Signing takes most of a history's time, and the same records come again and again.
fn signed(recipe: Recipe) -> Record {
    let (provider, agency, service, issued, created) = recipe;
    thread_local! {
        static SIGNED: RefCell<HashMap<Recipe, Record>> = RefCell::default();
    }
    SIGNED.with_borrow_mut(|signed| {
        if signed.len() >= SIGNED_MAX {
            signed.clear();
        }
        let sign = || {
            let peer = &cast().providers[provider];
            let issuer = issuer(provider, agency);
            let metadata = issuer.issue(RecordMetadata {
                service_id: (service > 0)
                    .then(|| format!("service {service}"))
                    .into_iter()
                    .collect(),
                ..issuer.metadata(&cast().key.id, peer, "value", issued)
            });
            peer.record(metadata, created)
        };
        signed.entry(recipe).or_insert_with(sign).clone()
    })
}

fn issuer(provider: usize, agency: bool) -> &'static Peer {
    if agency {
        &cast().agency
    } else {
        &cast().providers[provider]
    }
}

fn pick<T: Clone>(items: &[T], picks: &[u16]) -> Vec<T> {
    picks
        .iter()
        .map(|&pick| items[usize::from(pick) % items.len()].clone())
        .collect()
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

/// The node, the model, and everything that was ever signed, so that old things can come back.
#[derive(Debug)]
pub struct History<B = NativeBackend> {
    node: NativeNode<B>,
    model: Model,
    records: Vec<Record>,
    tombstones: Vec<Tombstone>,
    /// All that lay under the key at the last check.
    checked: Vec<Held>,
}

impl Default for History {
    fn default() -> Self {
        Self::on(NativeNode::new(cast().host.clone()))
    }
}

impl<B: Backend> History<B> {
    /// A history on a node over any backend, which opens `path`.
    pub fn over(path: &str) -> Self {
        Self::on(NativeNode::over(cast().host.clone(), path).expect("a fresh database opens"))
    }

    fn on(node: NativeNode<B>) -> Self {
        Self {
            node,
            model: Model::new(cast().host.id(), NOW),
            records: Vec::new(),
            tombstones: Vec::new(),
            checked: Vec::new(),
        }
    }

    /// The records that the key holds by the model, live or not.
    pub fn entry_count(&self) -> usize {
        self.model.held.len()
    }

    fn now(&self) -> u64 {
        self.model.now
    }

    fn ago(&self, steps: u64) -> u64 {
        self.now() - steps * STEP_SEC
    }

    /// Takes a step on the node and on the model.
    ///
    /// # Panics
    /// Where they differ.
    pub fn take(&mut self, step: Step) {
        let now = self.now();
        let key_id = cast().key.id.as_str();
        match step {
            Step::Clock(steps) => {
                // What has changed before has left nothing that ends only now.
                self.checked = self.held();
                self.model.now += steps * STEP_SEC;
            }
            Step::Register => {
                self.node.register_key(&cast().key, now).unwrap();
                let due_at = self.stored().map_or(0, |state| state.due_at());
                self.model.register(cast().key.timestamp_created, due_at);
            }
            Step::Read => {
                let read = self.node.get_records(key_id, now).ok();
                assert_eq!(read, self.model.read());
            }
            Step::Put {
                provider,
                agency,
                service,
                ago: (issued, created),
                weight,
            } => {
                let record = signed((provider, agency, service, self.ago(issued), self.ago(created)));
                self.put(&record, weight);
                self.records.push(record);
            }
            Step::Republish(picks, weight) if !self.records.is_empty() => {
                let batch = pick(&self.records, &picks);
                let issuers: BTreeSet<&str> = batch.iter().map(|record| record.metadata.issued_by.as_str()).collect();
                let proofs: Vec<_> = weight
                    .map(|weight| issuers.into_iter().map(|issuer| weight_of(issuer, weight)).collect())
                    .unwrap_or_default();
                let republished = self.node.republish_weighed(&batch, &proofs, now);
                let outcomes = self.model.knows_key().then(|| {
                    let put = |record| {
                        (
                            self.model.put(record, weight, false),
                            Held::Record(Record::clone(record), 0),
                        )
                    };
                    batch.iter().map(put).collect::<Vec<_>>()
                });
                self.check_batch(republished.ok(), outcomes);
            }
            Step::Tombstone { provider, agency, ago } => {
                let peer = &cast().providers[provider];
                self.tombstone(issuer(provider, agency).tombstone(key_id, peer, self.ago(ago)));
            }
            Step::TombstoneOfHostRecord { issuer, ago } => {
                self.tombstone(cast().providers[issuer].tombstone(key_id, &cast().host, self.ago(ago)));
            }
            Step::RepublishTombstones(picks) if !self.tombstones.is_empty() => {
                let batch = pick(&self.tombstones, &picks);
                let republished = self.node.republish_tombstones(&batch, now);
                let outcomes = self.model.knows_key().then(|| {
                    let add = |tombstone: &Tombstone| {
                        let outcome = self.model.add_tombstone(tombstone, false);
                        (outcome, Held::Tombstone(tombstone.clone()))
                    };
                    batch.iter().map(add).collect::<Vec<_>>()
                });
                self.check_batch(republished.ok(), outcomes);
            }
            Step::Republish(..) | Step::RepublishTombstones(_) => {}
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
                let before = self.node.registry().store().row_counts();
                let cleared = self.node.clear_expired(now).unwrap();
                let after = self.node.registry().store().row_counts();
                let gone: Vec<u64> = before.iter().zip(after).map(|(before, after)| before - after).collect();
                assert_eq!([cleared.keys, cleared.records, cleared.tombstones], gone[..]);
                self.model.clear_expired();
                assert_eq!(self.held(), sorted(self.model.live()), "what has ended is gone");
            }
            Step::Evict => {
                let stale = self.node.evict_stale(now).unwrap();
                let handed: Option<(Vec<Record>, Vec<Tombstone>)> =
                    stale.into_iter().next().map(|stale| (stale.records, stale.tombstones));
                assert_eq!(handed, self.model.evict());
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

    /// What a batch reports is what stands afterwards: of what was admitted and then gave way nobody is told that it is in.
    fn check_batch(&self, republished: Option<Republished>, outcomes: Option<Vec<(Outcome, Held)>>) {
        let republished = republished.map(|republished| {
            let refused = republished.refused.iter().map(|(position, _)| *position);
            (republished.updated, refused.collect::<Vec<_>>())
        });
        let expected = outcomes.map(|outcomes| {
            let stored: BTreeSet<&Held> = outcomes
                .iter()
                .filter(|(outcome, item)| *outcome == Outcome::Stored && self.model.holds(item))
                .map(|(_, item)| item)
                .collect();
            let refused = outcomes.iter().enumerate();
            let refused = refused.filter(|(_, (outcome, _))| *outcome == Outcome::Refused);
            (stored.len() as u64, refused.map(|(position, _)| position).collect())
        });
        assert_eq!(republished, expected);
    }

    fn tombstone(&mut self, tombstone: Tombstone) {
        let added = self.node.add_tombstone(&tombstone, self.model.now);
        let outcome = self.model.add_tombstone(&tombstone, true);
        assert_eq!(
            added.is_ok(),
            matches!(outcome, Outcome::Stored | Outcome::Known),
            "{added:?} {outcome:?}"
        );
        self.tombstones.push(tombstone);
    }

    /// All that the node holds is what the model holds, and what must never be is not.
    ///
    /// # Panics
    /// Where that is not so.
    pub fn check(&mut self) {
        check_promises(self.node.registry().store());
        let held = self.held();
        if held != self.checked {
            let ended = held.iter().find(|held| !self.model.is_live(held));
            assert_eq!(ended, None, "what has ended goes with every change");
        }
        self.checked = held;
        assert_eq!(
            self.stored().as_ref().map(|state| state.life_at()),
            self.model.key_life()
        );
        assert_eq!(self.stored().as_ref().map(|state| state.due_at()), self.model.key_due());
        // What has ended may be gone already.
        let live: Vec<Held> = self
            .held()
            .into_iter()
            .filter(|held| self.model.is_live(held))
            .collect();
        assert_eq!(live, sorted(self.model.live()));
        self.model.check();
    }

    fn stored(&self) -> Option<KeyState> {
        let key_id = KeyId::parse(&cast().key.id).unwrap();
        self.node.registry().store().stored(&key_id).unwrap()
    }

    /// All that lies under the key.
    fn held(&self) -> Vec<Held> {
        sorted(
            self.stored()
                .iter()
                .flat_map(|state| state.entries())
                .map(held)
                .collect(),
        )
    }
}

fn held(entry: &Entry) -> Held {
    match entry {
        Entry::Record(held) => Held::Record((*held.record).clone(), held.weight),
        Entry::Tombstone(tombstone) => Held::Tombstone((**tombstone).clone()),
    }
}
