//! Looking at single nodes.

use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

use crate::api::Results;
use crate::client::Client;
use crate::engine::unix_ms;
use crate::error::Error;
use crate::resource::{Resource, ResourceId};
use crate::scripts;
use crate::verify::signature_state;

/// How the answer of a node ends that knows that others may hold more: docs/WIRE.md.
const PARTIAL: char = '!';

/// What one node holds of a resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Inspection {
    pub peer_id: String,
    /// How long the answer took, in milliseconds.
    pub took_ms: u64,
    /// How far the node's clock is ahead of this machine's, in milliseconds, give or take half of `took_ms`.
    pub clock_ahead_ms: i64,
    /// The resource as its owner registered it; none if the node does not know it.
    pub resource: Option<Resource>,
    /// Whether the node knows that others may hold more. None of a registry that does not say.
    pub is_partial: Option<bool>,
    pub records: Vec<HeldRecord>,
    pub tombstones: Vec<HeldTombstone>,
}

/// A record on a node.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldRecord {
    pub issuer: String,
    pub peer_id: String,
    pub service_id: Option<String>,
    pub value: String,
    pub relay_id: Option<String>,
    pub issued_at: u64,
    /// When the provider signed, in seconds since 1970; none if it has not yet.
    pub signed_at: Option<u64>,
    pub signature: SignatureState,
}

/// What a record's two signatures are worth, the issuer's and the provider's.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SignatureState {
    Valid,
    /// The provider, a node, has taken the record in and signs it when its spell runs next.
    Missing,
    Invalid,
    /// Of a key that is no ed25519 key.
    Unchecked,
}

/// A tombstone on a node.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldTombstone {
    #[serde(rename(deserialize = "issued_by"))]
    pub issuer: String,
    pub peer_id: String,
    #[serde(rename(deserialize = "timestamp_issued"))]
    pub issued_at: u64,
}

impl Client {
    /// What a node holds of a resource, how old it is, and what the node's clock shows. It is what this node says; the signatures
    /// of records alone are checked.
    pub async fn inspect(&self, node: &str, id: &ResourceId) -> Result<Inspection, Error> {
        let function = &scripts::INSPECT_NODE;
        let began = unix_ms();
        let results = Results::of(function, self.call(function, [json!(node), json!(id)]).await?)?;
        let took_ms = unix_ms().saturating_sub(began);
        let node_ms: u64 = results.nth(0)?;
        let half_way = began + took_ms / 2;
        let key: Value = results.nth(1)?;
        let records: Value = results.nth(2)?;
        let tombstones: Value = results.nth(3)?;
        let tombstones = tombstones["result"].clone();
        let answers: Vec<Value> = results.nth(4)?;
        let extent = answers.first().filter(|answer| answer["success"] == json!(true));
        Ok(Inspection {
            peer_id: node.to_owned(),
            took_ms,
            clock_ahead_ms: i64::try_from(i128::from(node_ms) - i128::from(half_way)).unwrap_or(i64::MAX),
            resource: match key["success"] == json!(true) {
                true => serde_json::from_value(key["key"].clone()).ok(),
                false => None,
            },
            is_partial: extent.and_then(|answer| Some(answer["answer"].as_str()?.ends_with(PARTIAL))),
            records: records["result"]
                .as_array()
                .into_iter()
                .flatten()
                .map(HeldRecord::read)
                .collect(),
            tombstones: serde_json::from_value(tombstones).unwrap_or_default(),
        })
    }
}

impl HeldRecord {
    /// A record as `registry.get_records` gives it, and whether its signatures are right.
    #[must_use]
    pub fn read(record: &Value) -> Self {
        let metadata = &record["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let signature = signature_state(record);
        Self {
            issuer: text(&metadata["issued_by"]),
            peer_id: text(&metadata["peer_id"]),
            service_id: metadata["service_id"].get(0).map(text),
            value: text(&metadata["value"]),
            relay_id: metadata["relay_id"].get(0).map(text),
            issued_at: metadata["timestamp_issued"].as_u64().unwrap_or_default(),
            signed_at: record["timestamp_created"]
                .as_u64()
                .filter(|_| signature != SignatureState::Missing),
            signature,
        }
    }
}
