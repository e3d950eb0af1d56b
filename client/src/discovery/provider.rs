use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Whatever a provider says of itself.
pub type Metadata = Map<String, Value>;

/// A provider of a service, or a subscriber of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderInfo {
    /// The peer. There is one provider of a name a peer.
    pub node_id: String,
    /// Where it is reached, in the words of the network that it is in.
    pub endpoint: String,
    pub metadata: Metadata,
    /// In seconds since 1970, by the provider's clock.
    pub advertised_at: u64,
}

impl ProviderInfo {
    /// Whether both are the same peer at the same place: it may answer at another.
    pub(super) fn is_at_same(&self, other: &Self) -> bool {
        (&self.node_id, &self.endpoint) == (&other.node_id, &other.endpoint)
    }
}
