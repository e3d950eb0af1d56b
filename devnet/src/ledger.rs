//! What readers must be told of providers, and what nobody may be told any more: for tests that look at a registry from
//! outside, as its users do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Key, issuer and provider of a record.
type Identity = [String; 3];

/// Which providers were registered and which were deleted. It judges the flat records that `resolveProviders` returns.
#[derive(Debug, Default, Clone)]
pub struct ProviderLedger {
    live: BTreeSet<Identity>,
    /// When each was deleted, in seconds since 1970.
    deleted: BTreeMap<Identity, u64>,
}

/// What is wrong with an answer: nothing, where both are empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Providers that live and are not in the answer.
    pub missing: Vec<String>,
    /// Providers in the answer that were deleted after they had been registered, and when, in seconds since 1970.
    pub returned: Vec<(String, u64)>,
}

impl ProviderLedger {
    /// From now on readers must be told of this provider. What an issuer says later stands, also in the second of a deletion,
    /// and whatever the clocks of the nodes that dated the two. Returns whether they did not have to be told before.
    pub fn register(&mut self, key_id: &str, issuer: &str, provider: &str) -> bool {
        let identity = identity(key_id, issuer, provider);
        self.deleted.remove(&identity);
        self.live.insert(identity)
    }

    /// Readers may be told of this provider or not: it has left without a word.
    pub fn release(&mut self, key_id: &str, issuer: &str, provider: &str) {
        self.live.remove(&identity(key_id, issuer, provider));
    }

    /// From now on nobody may be told of what was issued for this provider at `at_sec` or before.
    pub fn delete(&mut self, key_id: &str, issuer: &str, provider: &str, at_sec: u64) {
        let identity = identity(key_id, issuer, provider);
        self.live.remove(&identity);
        let latest = self.deleted.entry(identity).or_default();
        *latest = at_sec.max(*latest);
    }

    /// Whether readers must be told of this provider.
    #[must_use]
    pub fn is_live(&self, key_id: &str, issuer: &str, provider: &str) -> bool {
        self.live.contains(&identity(key_id, issuer, provider))
    }

    /// How many providers of a key live.
    #[must_use]
    pub fn live_count(&self, key_id: &str) -> usize {
        self.live.iter().filter(|[key, ..]| key == key_id).count()
    }

    /// Judges an answer about a key.
    #[must_use]
    pub fn judge(&self, key_id: &str, records: &Value) -> Judgement {
        let mut told = BTreeSet::new();
        let mut returned = Vec::new();
        for record in records.as_array().into_iter().flatten() {
            let text = |field: &str| record[field].as_str().unwrap_or_default();
            let identity = identity(key_id, text("set_by"), text("peer_id"));
            let issued = record["timestamp_created"].as_u64().unwrap_or(0);
            if let Some(deleted) = self.deleted.get(&identity).filter(|deleted| issued <= **deleted) {
                returned.push((text("peer_id").to_owned(), *deleted));
            }
            told.insert(identity);
        }
        let of_key = self.live.iter().filter(|[key, ..]| key == key_id);
        Judgement {
            missing: of_key
                .filter(|identity| !told.contains(*identity))
                .map(|[.., provider]| provider.clone())
                .collect(),
            returned,
        }
    }
}

impl Judgement {
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty() && self.returned.is_empty()
    }
}

fn identity(key_id: &str, issuer: &str, provider: &str) -> Identity {
    [key_id, issuer, provider].map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(provider: &str, issued: u64) -> Value {
        json!({"key_id": "k", "set_by": "i", "peer_id": provider, "timestamp_created": issued})
    }

    #[test]
    fn a_live_provider_must_be_told_until_it_leaves() {
        let mut ledger = ProviderLedger::default();
        assert!(ledger.register("k", "i", "p"));
        assert!(!ledger.register("k", "i", "p") && ledger.is_live("k", "i", "p"));
        ledger.register("other", "i", "q");
        assert_eq!(ledger.judge("k", &json!([])).missing, ["p"]);
        assert!(ledger
            .judge("k", &json!([record("p", 5), record("stranger", 5)]))
            .is_clean());
        ledger.release("k", "i", "p");
        assert!(ledger.judge("k", &json!([])).is_clean());
    }

    #[test]
    fn a_deleted_provider_may_only_be_told_when_it_was_registered_again() {
        let mut ledger = ProviderLedger::default();
        ledger.register("k", "i", "p");
        ledger.delete("k", "i", "p", 7);
        assert_eq!(ledger.live_count("k"), 0);
        assert_eq!(
            ledger.judge("k", &json!([record("p", 7)])).returned,
            [("p".to_owned(), 7)]
        );
        assert!(ledger.judge("k", &json!([record("p", 8)])).is_clean());
    }

    #[test]
    fn a_provider_that_is_registered_again_must_be_told_however_the_deletion_was_dated() {
        let mut ledger = ProviderLedger::default();
        ledger.register("k", "i", "p");
        ledger.delete("k", "i", "p", 27);
        ledger.register("k", "i", "p");
        assert!(ledger.judge("k", &json!([record("p", 8)])).is_clean());
        assert_eq!(ledger.judge("k", &json!([])).missing, ["p"]);
    }
}
