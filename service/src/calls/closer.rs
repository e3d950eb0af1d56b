//! The closest nodes to a key in a network that is larger than a routing table: a node knows few of those that are far
//! from it. So it asks the closest that it knows for closer ones, and then the closest of those.

use std::collections::BTreeSet;

use marine_rs_sdk::marine;

use super::asking::Plan;
use super::publish::near;
use super::Call;
use crate::domain::limits::{CLOSER_ASKED, CLOSEST_ASKED, NEIGHBOURHOOD_MAX, PEERS_MAX};
use crate::domain::waits::HEDGE_PERCENT;
use crate::domain::{check_count, neighbourhood, Error, KeyId};
use crate::store::Backend;

/// With so many lists of others this node's own does not count.
const LISTS_ENOUGH: usize = 2;
/// This node's own list, and those of all who are asked, some of them again.
const LISTS_MAX: usize = 1 + 2 * CLOSER_ASKED + CLOSEST_ASKED;
/// In this step the closest that this node knows are asked; in the next one the closest that those know.
const FIRST_STEP: u8 = 1;

/// Whom to ask for nodes that are closer to a key.
#[marine]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closer {
    /// Nobody where this node knows the whole network.
    pub ask: Vec<String>,
    /// One item if somebody is asked, else none: the index, in the list that begins with this node's own, of the list that
    /// is enough.
    pub enough: Vec<u32>,
    /// How long to wait for it, in milliseconds.
    pub wait_ms: u32,
}

impl Closer {
    /// More than half of these, beside the lists that are there already.
    fn of(ask: Vec<String>, lists: usize, wait_ms: u32) -> Self {
        let enough = (!ask.is_empty()).then(|| (lists + ask.len() / 2) as u32);
        Self {
            enough: enough.into_iter().collect(),
            ask,
            wait_ms,
        }
    }
}

impl<B: Backend> Call<'_, B> {
    /// Whom to ask in a step, where this node knows as many as a neighbourhood has; how many more there are, it cannot tell. In the
    /// first step it is the closest that this node knows, in the second the closest in all lists, unless they have been asked
    /// and somebody has answered. `lists` begins with this node's own.
    ///
    /// # Errors
    /// [`Error::TooMany`], and those of a malformed key id.
    pub fn get_closer(&self, key_id: &str, lists: Vec<Vec<String>>, step: u8, hedge_ms: u32) -> Result<Closer, Error> {
        let wait_ms = self.caller.time_to_live().part(HEDGE_PERCENT, hedge_ms);
        let count = lists.len();
        check_count("lists of peers", count, LISTS_MAX)?;
        let own = lists.first().cloned().unwrap_or_default();
        let known = self.others(near(key_id, own, self.here())?);
        let first: Vec<String> = known.iter().take(CLOSER_ASKED).cloned().collect();
        if step == FIRST_STEP {
            return Ok(Closer::of(first, count, wait_ms));
        }
        if count <= 1 {
            // Nobody has answered: they are asked again, and some more.
            let more = known.into_iter().take(CLOSER_ASKED + CLOSEST_ASKED).collect();
            return Ok(Closer::of(more, count, wait_ms));
        }
        let mut closest = self.others(self.get_neighbourhood(key_id, lists)?);
        closest.truncate(CLOSEST_ASKED);
        closest.retain(|peer| !first.contains(peer));
        Ok(Closer::of(closest, count, wait_ms))
    }

    /// The neighbourhood for a plan; of what is no key id nobody, so that the plan says what is wrong with its arguments.
    ///
    /// # Errors
    /// A plan that says what is wrong with the lists, and asks nobody.
    pub fn find_peers(&self, key_id: &str, lists: Vec<Vec<String>>) -> Result<Vec<String>, Box<Plan>> {
        if KeyId::parse(key_id).is_err() {
            return Ok(Vec::new());
        }
        self.get_neighbourhood(key_id, lists)
            .map_err(|error| Box::new(Plan::refused(self.here().host_id(), &error.to_string())))
    }

    fn others(&self, mut peers: Vec<String>) -> Vec<String> {
        peers.retain(|peer| !self.here().is(peer));
        peers
    }

    /// The closest nodes to a key among `lists` and this node. This node's own list is the first; where two others have answered, it does not count. Each list has
    /// its share of the places for the closest in it, so that nobody can make others disappear behind peers that it has
    /// invented; what is left goes to the closest in all.
    ///
    /// # Errors
    /// [`Error::TooMany`], and those of a malformed key id.
    pub fn get_neighbourhood(&self, key_id: &str, lists: Vec<Vec<String>>) -> Result<Vec<String>, Error> {
        check_count("lists of peers", lists.len(), LISTS_MAX)?;
        let readable = lists.into_iter().filter(|list| list.len() <= PEERS_MAX);
        let mut lists = readable
            .map(|list| near(key_id, list, self.here()))
            .collect::<Result<Vec<_>, _>>()?;
        // Those who were asked lie closer to the key and know better.
        if lists.len() > LISTS_ENOUGH {
            lists.remove(0);
        }
        let share = NEIGHBOURHOOD_MAX / lists.len().max(1);
        let shares = lists.iter().flat_map(|list| list.iter().take(share));
        let mut found: Vec<String> = shares.collect::<BTreeSet<_>>().into_iter().cloned().collect();
        for peer in neighbourhood(&KeyId::parse(key_id)?, lists.concat(), self.here()) {
            if found.len() < NEIGHBOURHOOD_MAX && !found.contains(&peer) {
                found.push(peer);
            }
        }
        near(key_id, found, self.here())
    }
}
