//! Resources, and who provides them.

use std::fmt;
use std::str::FromStr;

use fluence_keypair::{KeyFormat, KeyPair};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, NodeError};

/// The id of a resource: `base58(sha256(label ‖ owner))`. Everybody can compute it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId(String);

impl ResourceId {
    /// The id of the resource with this label that the peer `owner` creates.
    ///
    /// ```
    /// # use registry_client::ResourceId;
    /// let chat = ResourceId::of("chat", "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB");
    /// assert_eq!(chat, chat.to_string().parse()?);
    /// # Ok::<(), registry_client::Error>(())
    /// ```
    #[must_use]
    pub fn of(label: &str, owner: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(label);
        hash.update(owner);
        Self(bs58::encode(hash.finalize()).into_string())
    }

    /// The id of the open resource with this label: everybody can create it, and be a provider.
    ///
    /// ```
    /// # use registry_client::ResourceId;
    /// assert_eq!(ResourceId::open("chat").as_str(), "7YAjq7JRWbhYJvJkP5U4DMzPci2zJqiWnztPnU35h9Z7");
    /// ```
    #[must_use]
    pub fn open(label: &str) -> Self {
        let seed = Sha256::new_with_prefix("fluence-registry/open/1").chain_update(label);
        let owner = KeyPair::from_secret_key(seed.finalize().to_vec(), KeyFormat::Ed25519);
        let owner = owner.expect("any 32 bytes are an ed25519 seed");
        Self::of(label, &owner.get_peer_id().to_base58())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a provider registers under: a resource that is there, or an open one, which is created with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ResourceName {
    Id(ResourceId),
    /// The label of an open resource.
    Open(String),
}

impl ResourceName {
    /// An open resource.
    #[must_use]
    pub fn open(label: impl Into<String>) -> Self {
        Self::Open(label.into())
    }

    #[must_use]
    pub fn id(&self) -> ResourceId {
        match self {
            Self::Id(id) => id.clone(),
            Self::Open(label) => ResourceId::open(label),
        }
    }
}

impl From<ResourceId> for ResourceName {
    fn from(id: ResourceId) -> Self {
        Self::Id(id)
    }
}

impl From<&ResourceId> for ResourceName {
    fn from(id: &ResourceId) -> Self {
        Self::Id(id.clone())
    }
}

impl From<&ResourceName> for ResourceName {
    fn from(name: &ResourceName) -> Self {
        name.clone()
    }
}

impl FromStr for ResourceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        const LEN_MAX: usize = 44;
        let decoded = (text.len() <= LEN_MAX).then(|| bs58::decode(text).into_vec());
        match decoded {
            Some(Ok(bytes)) if bytes.len() == 32 => Ok(Self(text.to_owned())),
            _ => Err(Error::argument("resource id", text, "is not base58 of 32 bytes")),
        }
    }
}

impl TryFrom<String> for ResourceId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A resource, as its owner registered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Resource {
    pub id: String,
    pub label: String,
    pub owner_peer_id: String,
    /// When its owner signed it, in seconds since 1970.
    pub timestamp_created: u64,
}

/// A provider of a resource, as an issuer registered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Provider {
    #[serde(rename(deserialize = "key_id"))]
    pub resource_id: String,
    /// The provider: a client or a node.
    pub peer_id: String,
    /// Who registered it.
    #[serde(rename(deserialize = "set_by"))]
    pub issuer: String,
    /// What the issuer says of it.
    pub value: String,
    /// The node through which a client is reached.
    #[serde(deserialize_with = "optional")]
    pub relay_id: Option<String>,
    /// The service it offers, where one was named.
    #[serde(deserialize_with = "optional")]
    pub service_id: Option<String>,
    /// When the issuer signed, in seconds since 1970.
    #[serde(rename(deserialize = "timestamp_created"))]
    pub issued_at: u64,
    #[serde(default, skip_serializing)]
    pub solution: Vec<u8>,
    /// The issuer's signature.
    #[serde(skip_serializing)]
    pub signature: Vec<u8>,
}

/// What tells one provider's record from another: a newer one of the same identity takes its place.
pub(crate) type ProviderKey = (String, String, Option<String>);

impl Provider {
    pub(crate) fn key(&self) -> ProviderKey {
        (self.issuer.clone(), self.peer_id.clone(), self.service_id.clone())
    }
}

/// The result of a call that enough nodes answered, beside what others had to say.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    pub value: T,
    /// Errors of single nodes. The call succeeded all the same.
    pub errors: Vec<NodeError>,
}

/// What a node's registry says of itself. Nodes of other versions may say more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodeStats {
    pub service_version: String,
    pub keys: u64,
    pub records: u64,
    pub tombstones: u64,
    pub stored_bytes: u64,
    /// Everything else that the node said.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// AIR writes an optional value as a list of at most one.
fn optional<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let values = Vec::<String>::deserialize(deserializer)?;
    match <[String; 1]>::try_from(values) {
        Ok([value]) => Ok(Some(value)),
        Err(values) if values.is_empty() => Ok(None),
        Err(values) => Err(serde::de::Error::custom(format!(
            "{} values where at most one is",
            values.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "abc",
            "0OIl",
            &"1".repeat(33),
            &"z".repeat(44),
            &"1".repeat(100_000),
        ] {
            let error = text.parse::<ResourceId>().unwrap_err().to_string();
            assert!(
                error.contains("is not base58 of 32 bytes") && error.len() < 200,
                "{error}"
            );
        }
    }

    #[test]
    fn a_flat_record_is_read_and_written_for_programs() {
        let record = json!({
            "key_id": "k", "value": "v", "peer_id": "p", "set_by": "i", "relay_id": ["r"], "service_id": [],
            "timestamp_created": 7, "solution": [], "signature": [1, 2],
        });
        let provider: Provider = serde_json::from_value(record).unwrap();
        assert_eq!(
            (provider.relay_id.as_deref(), provider.service_id.as_deref()),
            (Some("r"), None)
        );
        let written = json!({
            "resource_id": "k", "peer_id": "p", "issuer": "i", "value": "v", "relay_id": "r", "service_id": null, "issued_at": 7,
        });
        assert_eq!(serde_json::to_value(provider).unwrap(), written);
    }
}
