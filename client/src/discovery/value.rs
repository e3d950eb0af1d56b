//! What a provider says of itself, as the value of a record.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::DhtError;
use super::provider::{Metadata, ProviderInfo};

/// What of a provider a record holds as its value: peer and relay are in the record itself, and signed.
#[derive(Serialize, Deserialize)]
struct Said {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    advertised_at: u64,
}

/// Bytes of a record's value.
pub const VALUE_LEN_MAX: usize = 4_096;

/// What the provider says of itself, as text.
pub(super) fn encode(info: &ProviderInfo) -> Result<String, DhtError> {
    let said = Said {
        metadata: info.metadata.clone(),
        advertised_at: info.advertised_at,
    };
    let text = serde_json::to_string(&said).expect("maps of JSON are JSON");
    if text.len() > VALUE_LEN_MAX {
        let reason = format!(
            "advertised it has {} bytes, and at most {VALUE_LEN_MAX} are possible: leave something out, or name a place \
             where the rest is",
            text.len()
        );
        let metadata = Value::Object(info.metadata.clone());
        return Err(DhtError::refused("the metadata", metadata, reason));
    }
    // Readers do not follow JSON that is nested too deeply.
    match decode(&text) {
        Some(_) => Ok(text),
        None => Err(DhtError::refused("the metadata", &text, "is nested too deeply")),
    }
}

/// Metadata and time; none if it is not what a provider says.
pub(super) fn decode(value: &str) -> Option<(Metadata, u64)> {
    let said: Said = serde_json::from_str(value).ok()?;
    Some((said.metadata, said.advertised_at))
}
