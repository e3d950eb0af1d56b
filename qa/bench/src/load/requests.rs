//! What clients and neighbours ask of the node, in which proportion.

use rand::distributions::{Distribution, WeightedIndex};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::Zipf;
use registry_testkit::{weight_of, Peer};
use serde_json::{json, Value};

use super::figures::Kind;
use super::{prefill, RECORDS_PER_KEY};

/// Per cent of all calls; what is missing to a hundred is the node's own upkeep.
const MIX: [(Kind, u32); 5] = [
    (Kind::GetRecords, 70),
    (Kind::PutRecord, 15),
    (Kind::RegisterKey, 5),
    (Kind::RepublishRecords, 5),
    (Kind::AddTombstone, 2),
];
/// How much more often the first key is read than the n-th: n to this power.
const POPULARITY_EXPONENT: f64 = 1.0;
/// One registration in so many is of a new key.
const NEW_KEY_EVERY: u32 = 10;
/// Records that expire within this time are not passed on any more.
const PASSED_ON_SEC: u64 = registry_service::domain::limits::EXPIRED_TIMEOUT_DEFAULT_SEC - 60;
const VALUE: &str = "a value of common length, such as a CID or a URL";
/// Spreads popular keys over the database.
const SCATTER: u64 = 2_654_435_761;

/// One call.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) arguments: Value,
    pub(super) init_peer: Peer,
}

/// All calls of one seed, signed.
#[derive(Debug)]
pub(super) struct Requests {
    random: StdRng,
    mix: WeightedIndex<u32>,
    popularity: Zipf<f64>,
    keys: u32,
    new_keys: u32,
    owner: Peer,
    client: Peer,
    providers: Vec<Peer>,
    /// When each record was last signed, in seconds since 1970.
    signed_at: Vec<u64>,
}

impl Requests {
    /// # Panics
    /// Without a key.
    pub(super) fn new(keys: u32, seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            mix: WeightedIndex::new(MIX.map(|(_, weight)| weight)).expect("the mix has weights"),
            popularity: Zipf::new(u64::from(keys), POPULARITY_EXPONENT).expect("there is a key"),
            keys,
            new_keys: 0,
            owner: prefill::owner(),
            client: Peer::named("a client"),
            providers: prefill::providers(),
            signed_at: (0..keys)
                .flat_map(|key| (0..RECORDS_PER_KEY).map(move |provider| prefill::created_at(key, provider)))
                .collect(),
        }
    }

    pub(super) fn next(&mut self, now: u64) -> Request {
        let (kind, _) = MIX[self.mix.sample(&mut self.random)];
        let arguments = match kind {
            Kind::GetRecords => {
                let rank = self.popularity.sample(&mut self.random) as u64;
                let key = (rank.wrapping_mul(SCATTER) % u64::from(self.keys)) as u32;
                json!([prefill::key_id(key, &self.owner), now])
            }
            Kind::PutRecord => self.renewal(now),
            Kind::RegisterKey => self.registration(now),
            Kind::RepublishRecords => self.replica(now),
            _ => self.tombstone(now),
        };
        let init_peer = match kind {
            Kind::RegisterKey => &self.owner,
            _ => &self.client,
        };
        Request {
            kind,
            arguments,
            init_peer: init_peer.clone(),
        }
    }

    fn any_key(&mut self) -> u32 {
        self.random.gen_range(0..self.keys)
    }

    /// Some record, and the time at which it or its tombstone is signed now: later than before.
    fn any_record(&mut self, now: u64) -> (String, Peer, u64) {
        let (key, number) = (self.any_key(), self.random.gen_range(0..RECORDS_PER_KEY));
        let signed_at = &mut self.signed_at[(key * RECORDS_PER_KEY + number) as usize];
        *signed_at = now.max(*signed_at + 1);
        let provider = self.providers[number as usize].clone();
        (prefill::key_id(key, &self.owner), provider, *signed_at)
    }

    fn renewal(&mut self, now: u64) -> Value {
        let (key_id, provider, at) = self.any_record(now);
        let record = provider.own_record(&key_id, VALUE, at);
        let weight = weight_of(provider.id(), 0);
        json!([record.metadata, record.timestamp_created, record.signature, weight, now])
    }

    fn registration(&mut self, now: u64) -> Value {
        let key = if self.random.gen_ratio(1, NEW_KEY_EVERY) {
            self.new_keys += 1;
            self.keys + self.new_keys
        } else {
            self.any_key()
        };
        let key = self.owner.key(&prefill::label(key), now);
        let weight = weight_of(self.owner.id(), 0);
        json!([key.label, [key.owner_peer_id], now, [], "", key.signature, weight, now])
    }

    /// All records of a key that are worth passing on, as another node holds them.
    fn replica(&mut self, now: u64) -> Value {
        let key = self.any_key();
        let key_id = prefill::key_id(key, &self.owner);
        let first = (key * RECORDS_PER_KEY) as usize;
        let signed_at = &self.signed_at[first..first + RECORDS_PER_KEY as usize];
        let live: Vec<(&Peer, u64)> = self
            .providers
            .iter()
            .zip(signed_at.iter().copied())
            .filter(|(_, at)| now.saturating_sub(*at) < PASSED_ON_SEC)
            .collect();
        let records: Vec<_> = live
            .iter()
            .map(|(peer, at)| peer.own_record(&key_id, VALUE, *at))
            .collect();
        let weights: Vec<_> = live.iter().map(|(peer, _)| weight_of(peer.id(), 0)).collect();
        json!([records, weights, now])
    }

    fn tombstone(&mut self, now: u64) -> Value {
        let (key_id, provider, at) = self.any_record(now);
        let tombstone = provider.tombstone(&key_id, &provider, at);
        json!([
            key_id,
            tombstone.issued_by,
            tombstone.peer_id,
            at,
            [],
            tombstone.issuer_signature,
            now
        ])
    }
}
