//! Mixed load as an endless script: what operation `number` is depends on the seed and the number alone.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use registry_service::auth::WeightResult;
use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use registry_service::domain::KeyId;
use registry_testkit::{no_weight, weight_of, Peer};

use crate::NOW;

/// Time between two operations, in seconds.
const STEP_SEC: u64 = 5;
/// Expiry is short, so that a few hundred operations see a record's whole life.
const EXPIRED_SEC: u64 = 240 * STEP_SEC;
/// Labels that are in use at a time, and after how many operations the oldest falls out of use for good.
const LABELS: u64 = 16;
const OPERATIONS_PER_LABEL: u64 = 40;
/// More than a key has room for.
const PROVIDERS: u64 = 40;

/// One call, with everything it carries signed.
#[derive(Debug, Clone)]
pub enum Operation {
    RegisterKey(Key),
    RepublishKey(Key),
    PutRecord(Record, WeightResult),
    PutHostRecord(RecordMetadata, WeightResult),
    RepublishRecords(Vec<Record>, Vec<WeightResult>),
    AddTombstone(Tombstone),
    RepublishTombstones(Vec<Tombstone>),
    GetRecords(String),
    GetTombstones(String),
    EvictStale,
    ClearExpired,
    SetExpiredTimeout(u64),
}

/// An operation and its time.
#[derive(Debug, Clone)]
pub struct Step {
    pub number: u64,
    /// Seconds since 1970.
    pub now: u64,
    pub operation: Operation,
}

/// All operations of one seed.
#[derive(Debug)]
pub struct Script {
    seed: u64,
    owner: Peer,
    host: Peer,
    providers: Vec<Peer>,
}

impl Script {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            owner: Self::owner(),
            host: Self::host(),
            providers: (0..PROVIDERS).map(|n| Peer::named(&format!("provider {n}"))).collect(),
        }
    }

    /// The peer on whose node the operations are performed.
    pub fn host() -> Peer {
        Peer::named("host")
    }

    /// Who registers every key.
    pub fn owner() -> Peer {
        Peer::named("owner")
    }

    /// The time of an operation, in seconds since 1970.
    pub const fn time_of(number: u64) -> u64 {
        NOW + number * STEP_SEC
    }

    /// The ids of all keys that the operations before `number` may have touched and that may still be there.
    pub fn key_ids(&self, number: u64) -> Vec<String> {
        let newest = number / OPERATIONS_PER_LABEL + LABELS;
        let alive = 4 * EXPIRED_SEC / STEP_SEC / OPERATIONS_PER_LABEL + 2 * LABELS;
        (newest.saturating_sub(alive)..newest)
            .map(|label| self.key_id(label))
            .collect()
    }

    pub fn step(&self, number: u64) -> Step {
        let mut random = StdRng::seed_from_u64(self.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let now = Self::time_of(number);
        let mut chance = Chance {
            script: self,
            label: number / OPERATIONS_PER_LABEL + random.gen_range(0..LABELS),
            signed_at: now - random.gen_range(0..4 * STEP_SEC),
            random: &mut random,
        };
        let operation = match number {
            0 => Operation::SetExpiredTimeout(EXPIRED_SEC),
            _ => chance.operation(),
        };
        Step { number, now, operation }
    }

    fn key_id(&self, label: u64) -> String {
        KeyId::of(&label_text(label), self.owner.id()).to_string()
    }
}

fn label_text(label: u64) -> String {
    format!("label {label}")
}

/// The random choices of one operation.
struct Chance<'a> {
    script: &'a Script,
    random: &'a mut StdRng,
    label: u64,
    signed_at: u64,
}

impl Chance<'_> {
    fn operation(&mut self) -> Operation {
        let key_id = self.script.key_id(self.label);
        match self.random.gen_range(0..100) {
            0..=13 => Operation::RegisterKey(self.key()),
            14..=17 => Operation::RepublishKey(self.key()),
            18..=43 => {
                let provider = self.provider();
                Operation::PutRecord(self.own_record(&provider, &key_id), self.weight(&provider))
            }
            44..=47 => {
                let issuer = self.provider();
                let value = self.value();
                let metadata = issuer.metadata(&key_id, &self.script.host, &value, self.signed_at);
                Operation::PutHostRecord(metadata, no_weight())
            }
            // What a node's renewal does with a record that it took in unsigned.
            48..=51 => {
                let issuer = self.provider();
                let value = self.value();
                let metadata = issuer.metadata(&key_id, &self.script.host, &value, self.signed_at);
                let record = self.script.host.record(metadata, self.signed_at);
                Operation::PutRecord(record, self.weight(&issuer))
            }
            52..=65 => self.batch(&key_id),
            66..=72 => Operation::AddTombstone(self.tombstone(&key_id)),
            73..=77 => {
                let count = self.random.gen_range(1..6);
                Operation::RepublishTombstones((0..count).map(|_| self.tombstone(&key_id)).collect())
            }
            78..=86 => Operation::GetRecords(key_id),
            87..=89 => Operation::GetTombstones(key_id),
            90..=95 => Operation::EvictStale,
            96..=98 => Operation::ClearExpired,
            _ => Operation::SetExpiredTimeout(EXPIRED_SEC + self.random.gen_range(0..2) * 60 * STEP_SEC),
        }
    }

    fn provider(&mut self) -> Peer {
        let providers = &self.script.providers;
        providers[self.random.gen_range(0..providers.len())].clone()
    }

    fn key(&self) -> Key {
        self.script.owner.key(&label_text(self.label), self.signed_at)
    }

    fn own_record(&mut self, provider: &Peer, key_id: &str) -> Record {
        let value = self.value();
        provider.own_record(key_id, &value, self.signed_at)
    }

    /// Records that come from another node, of many providers or few.
    fn batch(&mut self, key_id: &str) -> Operation {
        let count = match self.random.gen_range(0..4) {
            0 => self.random.gen_range(8..=32),
            _ => self.random.gen_range(1..8),
        };
        let providers: Vec<Peer> = self
            .script
            .providers
            .choose_multiple(self.random, count)
            .cloned()
            .collect();
        let records = providers.iter().map(|peer| self.own_record(peer, key_id)).collect();
        Operation::RepublishRecords(records, providers.iter().map(|peer| self.weight(peer)).collect())
    }

    fn tombstone(&mut self, key_id: &str) -> Tombstone {
        let issuer = self.provider();
        let of_host = self.random.gen_ratio(1, 5);
        let provider = if of_host { &self.script.host } else { &issuer };
        issuer.tombstone(key_id, provider, self.signed_at)
    }

    /// Each issuer has one weight, and a node does not always learn it.
    fn weight(&mut self, issuer: &Peer) -> WeightResult {
        match self.random.gen_range(0..4) {
            0 => no_weight(),
            _ => weight_of(issuer.id(), u32::from(issuer.id().as_bytes()[20]) % 4),
        }
    }

    /// Mostly short, now and then as long as it may be.
    fn value(&mut self) -> String {
        let len = match self.random.gen_range(0..20) {
            0 => self.random.gen_range(200..=4_096),
            _ => self.random.gen_range(0..200),
        };
        "v".repeat(len)
    }
}
