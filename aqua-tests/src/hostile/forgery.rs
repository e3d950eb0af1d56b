//! What hostile nodes make of what honest ones show them: records, keys and tombstones with bad or stolen signatures,
//! genuine ones whose time is over, lists that are bombs.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;
use devnet::{Answer, Behaviour, Honest, Hostile, Mix, Sending, ServiceCall, ServiceResult};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use registry_service::domain::{pack_answer, pack_key, pack_records, Extent};
use registry_testkit::Peer;
use serde_json::{json, Value};

/// Items of the list in a bomb: each takes a byte.
const BOMB_ITEMS: u32 = 100_000;
/// Records that the accomplices remember.
const STOCK_MAX: usize = 256;

/// What a forger answers to those who read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Another's signatures under other words.
    StolenSignatures,
    /// Signed by somebody who may not.
    WrongSigner,
    /// Genuine, of another key.
    AnotherKey,
    /// Everything genuine that was ever seen, deleted and outdated records among it.
    Replay,
    /// Tombstones for providers who live.
    ForgedTombstones,
    /// A list that takes a hundred times its size when it is read.
    Bomb,
}

impl Lie {
    pub const ALL: [Self; 6] = [
        Self::StolenSignatures,
        Self::WrongSigner,
        Self::AnotherKey,
        Self::Replay,
        Self::ForgedTombstones,
        Self::Bomb,
    ];
}

/// What accomplices have been shown, each thing once.
#[derive(Debug, Default)]
struct Stock {
    keys: Vec<Key>,
    records: Vec<Record>,
    tombstones: Vec<Tombstone>,
}

/// Nodes that forge, and share what they have been shown.
#[derive(Debug, Clone, Default)]
pub struct Forger {
    stock: Rc<RefCell<Stock>>,
}

impl Forger {
    /// A node that forges what `lies` say, and in everything else behaves like `mix`. One in two answers is forged.
    #[must_use]
    pub fn hostile(&self, seed: u64, lies: &[Lie], mix: Mix) -> Hostile {
        let mut liar = Liar {
            stock: self.stock.clone(),
            lies: lies.to_vec(),
            mallory: Peer::named(&format!("mallory {seed}")),
            rng: StdRng::seed_from_u64(seed),
        };
        mix.hostile().wrap(move |call, otherwise| liar.answer(call, otherwise))
    }

    /// Every genuine record that the accomplices have been shown.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.stock.borrow().records.clone()
    }

    /// Every genuine tombstone that the accomplices have been shown.
    #[must_use]
    pub fn tombstones(&self) -> Vec<Tombstone> {
        self.stock.borrow().tombstones.clone()
    }

    /// Every genuine key that the accomplices have been shown.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        self.stock.borrow().keys.clone()
    }
}

struct Liar {
    stock: Rc<RefCell<Stock>>,
    lies: Vec<Lie>,
    mallory: Peer,
    rng: StdRng,
}

impl Liar {
    fn answer(&mut self, call: &ServiceCall, otherwise: Honest<'_>) -> Answer {
        if call.service != "registry" {
            return otherwise();
        }
        self.stock.borrow_mut().note(call);
        if self.lies.is_empty() || self.rng.gen() {
            return otherwise();
        }
        let lie = self.lies[self.rng.gen_range(0..self.lies.len())];
        let key_id = call.arg(0).as_str().unwrap_or_default().to_owned();
        let now = call.unix_ms / 1_000;
        let packed = match call.function.as_str() {
            "get_answer" if call.arg(1).as_str().is_some_and(|wanted| wanted.starts_with('@')) => {
                let entries = self.records(&key_id, lie, now).unwrap_or_default();
                self.key(&key_id, lie).map(|key| format!("{key}:{entries}"))
            }
            "get_answer" => self.records(&key_id, lie, now),
            "put_host_record" => return self.host_record(call),
            _ => return otherwise(),
        };
        match packed {
            Some(packed) => ok(json!({"success": true, "error": "", "answer": packed})),
            None => otherwise(),
        }
    }

    /// None where there is nothing yet to make a lie of.
    fn records(&mut self, key_id: &str, lie: Lie, now: u64) -> Option<String> {
        let stock = self.stock.borrow();
        let of_key: Vec<Record> = stock
            .records
            .iter()
            .filter(|record| record.metadata.key_id == key_id)
            .cloned()
            .collect();
        if lie == Lie::Bomb {
            return Some(bomb());
        }
        let genuine = of_key.get(self.rng.gen_range(0..of_key.len().max(1)))?.clone();
        let victim = Peer::named("a victim");
        Some(match lie {
            Lie::StolenSignatures => {
                let mut record = genuine;
                match self.rng.gen_range(0..5) {
                    0 => record.metadata.value.push('!'),
                    1 => record.metadata.peer_id = self.mallory.id().to_owned(),
                    2 => record.metadata.relay_id = vec![self.mallory.id().to_owned()],
                    3 => record.metadata.timestamp_issued += 1,
                    _ => record.timestamp_created += 1,
                }
                pack_records([&record])
            }
            Lie::WrongSigner => {
                let mut metadata = self.mallory.metadata(key_id, &victim, "forged", now);
                metadata.issued_by.clone_from(&genuine.metadata.issued_by);
                if self.rng.gen() {
                    metadata.peer_id.clone_from(&genuine.metadata.peer_id);
                }
                let mut record = self.mallory.record(metadata, now);
                if self.rng.gen() {
                    record.signature.clear();
                }
                pack_records([&record])
            }
            Lie::AnotherKey => {
                let other = self.mallory.key("another", now);
                pack_records([&self.mallory.own_record(&other.id, "elsewhere", now)])
            }
            Lie::Replay => pack_records(&of_key),
            Lie::ForgedTombstones => {
                let forged: Vec<Tombstone> = of_key
                    .iter()
                    .map(|record| {
                        let mut tombstone = self.mallory.tombstone(key_id, &victim, now);
                        tombstone.issued_by.clone_from(&record.metadata.issued_by);
                        tombstone.peer_id.clone_from(&record.metadata.peer_id);
                        if self.rng.gen() {
                            tombstone.issuer_signature.clone_from(&record.metadata.issuer_signature);
                        }
                        tombstone
                    })
                    .collect();
                pack_answer(&of_key, &forged, Extent::Whole)
            }
            Lie::Bomb => bomb(),
        })
    }

    fn key(&mut self, key_id: &str, lie: Lie) -> Option<String> {
        let stock = self.stock.borrow();
        let mut key = stock.keys.iter().find(|key| key.id == key_id)?.clone();
        match lie {
            Lie::StolenSignatures => key.timestamp_created += 1_000_000_000,
            Lie::WrongSigner => key.signature = self.mallory.sign(b"anything"),
            Lie::Bomb => key.label = "z".repeat(64 * 1024),
            _ => key = self.mallory.key(&key.label, key.timestamp_created),
        }
        Some(pack_key(&key))
    }

    /// Says that it hosts something else than it was asked to.
    fn host_record(&mut self, call: &ServiceCall) -> Answer {
        let mut metadata: RecordMetadata = serde_json::from_value(call.arg(0).clone()).unwrap_or_default();
        match self.rng.gen_range(0..3) {
            0 => metadata.value = "forged".to_owned(),
            1 => metadata.peer_id = Peer::named("a victim").id().to_owned(),
            _ => {
                metadata = self.mallory.metadata(
                    &metadata.key_id,
                    &Peer::named("a victim"),
                    "forged",
                    metadata.timestamp_issued,
                )
            }
        }
        let created = metadata.timestamp_issued;
        ok(json!({"success": true, "error": "", "record":
            {"metadata": json_of(&metadata), "timestamp_created": created, "signature": []}}))
    }
}

impl Stock {
    fn note(&mut self, call: &ServiceCall) {
        let arg = |at: usize| call.arg(at).clone();
        if call.function != "publish" {
            return;
        }
        remember_all(&mut self.keys, arg(0));
        let signatures = arg(6).as_array().cloned().unwrap_or_default();
        let metadata = arg(1).as_array().cloned().unwrap_or_default();
        for (metadata, signature) in metadata.into_iter().zip(signatures) {
            let created = metadata["timestamp_issued"].clone();
            let record = json!({"metadata": metadata, "timestamp_created": created, "signature": signature});
            remember(&mut self.records, record);
        }
        for mut hosted in arg(2).as_array().cloned().unwrap_or_default() {
            remember(&mut self.records, hosted["record"].take());
        }
        remember_all(&mut self.tombstones, arg(3));
    }
}

fn remember<T: serde::de::DeserializeOwned + PartialEq>(list: &mut Vec<T>, value: Value) {
    if let Ok(item) = serde_json::from_value(value) {
        if list.len() < STOCK_MAX && !list.contains(&item) {
            list.push(item);
        }
    }
}

fn remember_all<T: serde::de::DeserializeOwned + PartialEq>(list: &mut Vec<T>, values: Value) {
    for value in values.as_array().cloned().unwrap_or_default() {
        remember(list, value);
    }
}

fn ok(value: Value) -> Answer {
    ServiceResult::ok(value).into()
}

fn json_of(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A packed list of [`BOMB_ITEMS`] empty strings: a version, how many, and a byte for each.
fn bomb() -> String {
    let mut bytes = vec![1];
    let mut rest = BOMB_ITEMS;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes.resize(bytes.len() + BOMB_ITEMS as usize, 0);
    STANDARD_NO_PAD.encode(bytes)
}

/// The identities of forged providers: nobody may ever resolve one of these.
#[must_use]
pub fn victims() -> BTreeSet<String> {
    BTreeSet::from([Peer::named("a victim").id().to_owned()])
}

/// Behaviours that leave data and honest answers as they are, for hostile nodes that only forge.
#[must_use]
pub fn nothing_else(seed: u64) -> Mix {
    Mix::new(seed, "registry", [Behaviour::Honest])
}

/// A node that swallows every particle.
#[must_use]
pub fn black_hole() -> Hostile {
    Hostile::new().alter(|_| Sending::Swallow)
}
