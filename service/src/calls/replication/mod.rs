//! Replication: what is due goes to the neighbourhood of its key, and only what a neighbour lacks travels.
//!
//! A round is one script of the host. `begin_replication` leases the keys that are due, oldest first, and says whom to
//! ask about which; `compare_replica` on each neighbour says what it lacks; `pack_replica` packs all that is lacking
//! once, `take_replica` takes it in there; `end_replication` settles what a majority of its neighbours acknowledged, and
//! only then drops what does not belong here. Whatever is cut short is due again when its lease ends.

mod end;
mod locate;
mod offer;
mod pack;
mod standing;
mod take;
mod weigh;

use std::collections::HashMap;

use marine_rs_sdk::marine;

pub use locate::FarKeys;

use super::asking::clip;
use super::CallError;
use crate::domain::limits::{NODE_ERROR_LEN_MAX, PEER_ID_LEN_MAX, REPLICA_TEXT_LEN_MAX};
use crate::domain::{key_tag, KeySet, KeyState, KeyTag};

/// What one node answers: one packed answer, or one error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub good: Vec<String>,
    pub bad: Vec<String>,
}

impl Answer {
    /// Nothing but an error.
    #[must_use]
    pub fn failed(error: String) -> Self {
        Self {
            good: Vec::new(),
            bad: vec![error],
        }
    }
}

impl From<Result<String, CallError>> for Answer {
    fn from(outcome: Result<String, CallError>) -> Self {
        match outcome {
            Ok(packed) => Self {
                good: vec![packed],
                bad: Vec::new(),
            },
            Err(error) => Self::failed(error.to_string()),
        }
    }
}

/// What one neighbour is asked: whether it holds the same of these keys; or what of a bundle is for it.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicaOffer {
    pub peer_id: String,
    /// Which of the round's keys, or of the bundle's, see [`KeySet`].
    pub keys: String,
}

impl ReplicaOffer {
    /// One for each peer, of `count` keys in all.
    fn each<'a>(of: impl IntoIterator<Item = (&'a str, KeySet)>, count: usize) -> Vec<Self> {
        of.into_iter()
            .map(|(peer_id, keys)| Self {
                peer_id: peer_id.to_owned(),
                keys: keys.encode_of(count),
            })
            .collect()
    }
}

/// A round of replication.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicaRound {
    pub success: bool,
    pub error: String,
    /// Empty where nothing is due, or nobody is there to be asked.
    pub offers: Vec<ReplicaOffer>,
    /// The keys and what is here of them, see [`Digests`].
    pub digests: String,
    /// One item if somebody is to be asked, else none.
    pub more: Vec<bool>,
    /// Index of the last offer.
    pub last: u32,
}

/// What a neighbour answered to an offer, or to a bundle: one text, or one error.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicaAnswer {
    pub peer_id: String,
    pub good: Vec<String>,
    pub bad: Vec<String>,
}

/// What the neighbours lack, all of it in one bundle, of which each takes in what is for it.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicaParcel {
    pub success: bool,
    pub error: String,
    /// Who lacks what of it.
    pub offers: Vec<ReplicaOffer>,
    pub bundle: String,
    /// Positions of the bundle's keys among the round's, see [`KeySet`].
    pub keys: String,
    /// One item if somebody lacks something, else none.
    pub more: Vec<bool>,
    /// Index of the last offer.
    pub last: u32,
}

/// What came of a round.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReplicationReport {
    pub success: bool,
    pub error: String,
    /// Keys that were offered.
    pub offered: u32,
    /// Keys that a majority of their neighbours holds now.
    pub settled: u32,
    /// Those among them that did not belong here and are gone.
    pub dropped: u32,
    /// What neighbours said instead of an answer; each begins with the neighbour.
    pub errors: Vec<String>,
}

impl ReplicaAnswer {
    /// What a neighbour answered.
    #[must_use]
    pub fn of(peer_id: &str, answer: Answer) -> Self {
        let peer_id = clip(peer_id, PEER_ID_LEN_MAX);
        let clip = |texts: Vec<String>, len_max| -> Vec<String> {
            texts
                .into_iter()
                .take(1)
                .map(|text| clip(&text, len_max).to_owned())
                .collect()
        };
        Self {
            peer_id: peer_id.to_owned(),
            good: clip(answer.good, REPLICA_TEXT_LEN_MAX),
            bad: clip(answer.bad, NODE_ERROR_LEN_MAX)
                .into_iter()
                .map(|error| format!("{peer_id}: {error}"))
                .collect(),
        }
    }
}

/// Between the keys that a receipt settles and the bundle of what the sender does not know: no character of base64.
const NEWS_SEPARATOR: char = '.';

fn by_tag(states: Vec<KeyState>) -> HashMap<KeyTag, Vec<KeyState>> {
    let mut map: HashMap<KeyTag, Vec<KeyState>> = HashMap::new();
    for state in states {
        map.entry(key_tag(state.key_id())).or_default().push(state);
    }
    map
}
