//! Replication: once in an interval, and at once where it is urgent, a node exchanges each key with the key's neighbours in
//! both directions.
//!
//! A round is one script of the host. `begin_replication` leases the keys that are due and says whom to ask about which;
//! `compare_replica` on each neighbour says what it holds; `fetch_replica` brings what this node lacks, `take_replica` takes
//! it in, here first and then, of what is here now, at the neighbours. Between these steps `continue_replication` says what
//! comes next, and in the end what came of it. Whatever is cut short is due again when its lease ends.

mod begin;
mod compare;
mod locate;
mod next;
mod take;

use std::collections::HashMap;

use marine_rs_sdk::marine;

use super::{Call, CallError};
use crate::domain::{key_tag, HostTimestamp, KeyId, KeyState, KeyTag, Leases, Located, Round, RoundKey};
use crate::store::Backend;

pub use take::get_replica_issuers;

/// What a node remembers of replication between two calls. What is lost with it is done earlier, or again.
#[derive(Debug, Default)]
pub(super) struct Replication {
    /// As the script gave it last.
    pub(super) interval_sec: Option<u64>,
    leases: Leases,
    round: Option<Round>,
    /// Names the last round: no other one has its number.
    round_number: u64,
    located: Located,
    /// The last run has looked far keys up: this one takes a round.
    has_located: bool,
}

/// What one neighbour is asked.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicaAsk {
    pub peer_id: String,
    /// Which of the keys in the text for all, see [`KeySet`](crate::domain::KeySet); or what is wanted, see
    /// [`Fetch`](crate::domain::Fetch).
    pub what: String,
}

/// What comes next in a round.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicaStep {
    pub success: bool,
    pub error: String,
    /// Names the round.
    pub round: u64,
    pub asks: Vec<ReplicaAsk>,
    /// For all who are asked: digests of the keys, or a bundle.
    pub text: String,
    /// Keys whose neighbourhoods have to be looked up, instead of a round.
    pub far: Vec<String>,
    /// One item if there is something to wait for, else none: the index of the last answer.
    pub last: Vec<u32>,
    /// At the end: how many keys it took, how many of them are exchanged, and how many of those did not belong here and
    /// are gone.
    pub taken: u32,
    pub exchanged: u32,
    pub dropped: u32,
    /// At the end: the neighbours that have not answered.
    pub silent: Vec<String>,
}

impl ReplicaStep {
    fn new(round: u64, asks: Vec<ReplicaAsk>, text: String) -> Self {
        Self {
            success: true,
            round,
            last: asks.len().checked_sub(1).map(|last| last as u32).into_iter().collect(),
            text: if asks.is_empty() { String::new() } else { text },
            asks,
            ..Self::default()
        }
    }

    #[must_use]
    pub fn failed(error: String) -> Self {
        Self {
            error,
            ..Self::default()
        }
    }
}

impl<B: Backend> Call<'_, B> {
    /// What is due and not leased.
    pub(super) fn due_ids(
        &mut self,
        (now, interval_sec): (HostTimestamp, u64),
        keys_max: usize,
    ) -> Result<Vec<KeyId>, CallError> {
        let keys_max = keys_max.min(self.replication.leases.room(now));
        let leases = &self.replication.leases;
        let skip = (|id: &KeyId| leases.contains(id), leases.len());
        Ok(self.store.due_ids((now, interval_sec), keys_max, skip)?)
    }

    /// A round of these keys, instead of the one before it.
    pub(super) fn begin_round(&mut self, keys: Vec<RoundKey>, now: HostTimestamp) -> &mut Round {
        let number = now.as_sec().max(self.replication.round_number.saturating_add(1));
        self.replication.round_number = number;
        self.replication.round.insert(Round::new(number, keys))
    }

    pub(super) fn lease(&mut self, ids: &[KeyId], now: HostTimestamp) {
        ids.iter().for_each(|id| self.replication.leases.begin(*id, now));
    }
}

fn by_tag(states: Vec<KeyState>) -> HashMap<KeyTag, Vec<KeyState>> {
    let mut map: HashMap<KeyTag, Vec<KeyState>> = HashMap::new();
    for state in states {
        map.entry(key_tag(state.key_id())).or_default().push(state);
    }
    map
}
