//! Resources with more than 32 providers: what their directories list.

use std::collections::btree_map::Entry;
use std::collections::BTreeMap;

use serde_json::json;

use crate::api::Results;
use crate::client::Client;
use crate::error::{Error, NodeError};
use crate::resource::{Answer, Provider, ProviderKey, ResourceId};
use crate::scripts;

/// The value of a provider that is a directory.
pub const DIRECTORY: &str = "fluence-registry/directory/1";
/// Providers that are taken of all directories together.
const LISTED_MAX: usize = 10_000;

impl Client {
    /// The providers of a resource and those that its directories list, one level deep, at most 10,000. What a directory lists is
    /// taken where its issuer signed it, of each provider the latest. None if no node knows the resource. Errors tell what was left
    /// out, and why.
    pub async fn resolve_through(&self, id: &ResourceId, ack: u16) -> Result<Answer<Option<Vec<Provider>>>, Error> {
        let ack = ack.min(i16::MAX as u16);
        let function = &scripts::RESOLVE_THROUGH;
        let results = Results::of(function, self.call(function, [json!(id), json!(ack)]).await?)?;
        let mut gathered = Gathered {
            errors: results.errors()?,
            ..Gathered::default()
        };
        let mut lists = results.value::<Vec<Vec<Provider>>>()?.into_iter();
        let Some(direct) = lists.next() else {
            return Ok(Answer {
                value: None,
                errors: gathered.errors,
            });
        };
        // Nodes have verified these.
        for provider in direct {
            gathered.add(provider);
        }
        for provider in lists.flatten() {
            gathered.add_listed(id, provider);
        }
        let Answer { value, errors } = gathered.answer();
        let value = Some(value);
        Ok(Answer { value, errors })
    }
}

#[derive(Default)]
struct Gathered {
    providers: BTreeMap<ProviderKey, Provider>,
    errors: Vec<NodeError>,
    forged: usize,
    nested: usize,
    beyond: usize,
}

impl Gathered {
    fn add_listed(&mut self, id: &ResourceId, provider: Provider) {
        if provider.value == DIRECTORY {
            self.nested += 1;
        } else if provider.resource_id != id.as_str() || provider.verify().is_err() {
            self.forged += 1;
        } else {
            self.add(provider);
        }
    }

    fn add(&mut self, provider: Provider) {
        let is_full = self.providers.len() >= LISTED_MAX;
        match self.providers.entry(provider.key()) {
            Entry::Occupied(mut held) if held.get().issued_at < provider.issued_at => {
                held.insert(provider);
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(_) if is_full => self.beyond += 1,
            Entry::Vacant(place) => {
                place.insert(provider);
            }
        }
    }

    fn answer(mut self) -> Answer<Vec<Provider>> {
        let left_out = [
            (
                self.forged,
                "that their issuers have not signed for this resource, or not with an ed25519 key",
            ),
            (self.nested, "that are directories within directories"),
            (self.beyond, "beyond the first 10,000"),
        ];
        for (count, which) in left_out.into_iter().filter(|(count, _)| *count > 0) {
            let text = format!("{count} listed providers are left out {which}");
            self.errors.push(NodeError { peer_id: None, text });
        }
        Answer {
            value: self.providers.into_values().collect(),
            errors: self.errors,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(number: usize, issued_at: u64) -> Provider {
        Provider {
            resource_id: "resource".to_owned(),
            peer_id: format!("peer {number}"),
            issuer: "issuer".to_owned(),
            value: format!("issued at {issued_at}"),
            relay_id: None,
            service_id: None,
            issued_at,
            solution: Vec::new(),
            signature: Vec::new(),
        }
    }

    #[test]
    fn of_more_than_ten_thousand_providers_the_rest_is_counted_and_a_newer_record_has_its_place() {
        let mut gathered = Gathered::default();
        for number in 0..LISTED_MAX + 3 {
            gathered.add(provider(number, 1));
        }
        gathered.add(provider(7, 2));
        gathered.add(provider(7, 1));
        let Answer { value, errors } = gathered.answer();
        assert_eq!(value.len(), 10_000);
        let seventh = value.iter().find(|found| found.peer_id == "peer 7").unwrap();
        assert_eq!(seventh.value, "issued at 2");
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["3 listed providers are left out beyond the first 10,000"]);
    }

    #[test]
    fn of_ten_thousand_providers_none_is_left_out() {
        let mut gathered = Gathered::default();
        for number in 0..LISTED_MAX {
            gathered.add(provider(number, 1));
        }
        let Answer { value, errors } = gathered.answer();
        assert_eq!((value.len(), errors.len()), (10_000, 0));
    }
}
