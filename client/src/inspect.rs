//! Looking at single nodes.

use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

use crate::api::Results;
use crate::client::Client;
use crate::engine::unix_ms;
use crate::error::Error;
use crate::resource::ResourceId;
use crate::scripts;

/// What one node holds of a resource.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    pub peer_id: String,
    /// How long the answer took, in milliseconds.
    pub took_ms: u64,
    /// How far the node's clock is ahead of this machine's, in milliseconds, give or take half of `took_ms`.
    pub clock_ahead_ms: i64,
    /// When the owner signed the resource, in seconds since 1970; none if the node does not know it.
    pub created_at: Option<u64>,
    pub records: Vec<HeldRecord>,
    pub tombstones: Vec<HeldTombstone>,
}

/// A record on a node.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldRecord {
    pub issuer: String,
    pub peer_id: String,
    pub service_id: Option<String>,
    pub value: String,
    pub issued_at: u64,
    /// When the provider signed, in seconds since 1970.
    pub signed_at: u64,
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
    /// What a node holds of a resource, how old it is, and what the node's clock shows. Nothing is verified: it is what
    /// this node says.
    pub async fn inspect(&self, node: &str, id: &ResourceId) -> Result<Inspection, Error> {
        let function = &scripts::INSPECT_NODE;
        let began = unix_ms();
        let results = Results::of(function, self.call(function, [json!(node), json!(id)]).await?)?;
        let took_ms = unix_ms().saturating_sub(began);
        let node_ms: u64 = results.nth(0)?;
        let half_way = began + took_ms / 2;
        let key: Value = results.nth(1)?;
        let is_known = key["success"] == json!(true);
        let records: Value = results.nth(2)?;
        let tombstones: Value = results.nth(3)?;
        let tombstones = tombstones["result"].clone();
        Ok(Inspection {
            peer_id: node.to_owned(),
            took_ms,
            clock_ahead_ms: i64::try_from(i128::from(node_ms) - i128::from(half_way)).unwrap_or(i64::MAX),
            created_at: is_known.then(|| key["key"]["timestamp_created"].as_u64().unwrap_or_default()),
            records: records["result"].as_array().into_iter().flatten().map(held).collect(),
            tombstones: serde_json::from_value(tombstones).unwrap_or_default(),
        })
    }
}

fn held(record: &Value) -> HeldRecord {
    let metadata = &record["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    HeldRecord {
        issuer: text(&metadata["issued_by"]),
        peer_id: text(&metadata["peer_id"]),
        service_id: metadata["service_id"].get(0).map(text),
        value: text(&metadata["value"]),
        issued_at: metadata["timestamp_issued"].as_u64().unwrap_or_default(),
        signed_at: record["timestamp_created"].as_u64().unwrap_or_default(),
    }
}
