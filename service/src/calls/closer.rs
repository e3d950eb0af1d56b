//! The closest nodes to a key in a network that is larger than a routing table: a node knows few of those that are far
//! from it, so it asks the closest that it knows for closer ones, once.

use super::publish::near;
use super::Call;
use crate::domain::limits::{CLOSER_ASKED, NEIGHBOURHOOD_MAX, PEERS_MAX, TABLE_WHOLE_MAX};
use crate::domain::{check_count, Error};
use crate::store::Backend;

/// With so many lists of others this node's own does not count.
const LISTS_ENOUGH: usize = 2;

/// Whom to ask for closer nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closer {
    /// Nobody where this node knows the whole network.
    pub ask: Vec<String>,
    /// One item if somebody is asked, else none: the index, in the list that begins with this node's own, of the list
    /// that is enough.
    pub enough: Vec<u32>,
}

impl<B: Backend> Call<'_, B> {
    /// Begins to look for the closest nodes to a key. `peers` is what this node's `kad.neighborhood` returned.
    ///
    /// # Errors
    /// [`Error::TooMany`], and those of a malformed key id.
    pub fn begin_neighbourhood(&self, key_id: &str, peers: Vec<String>) -> Result<Closer, Error> {
        let knows_all = self.table_len.is_some_and(|len| len < TABLE_WHOLE_MAX);
        if peers.len() < NEIGHBOURHOOD_MAX || knows_all {
            return Ok(Closer::default());
        }
        let mut ask = near(key_id, peers, self.here())?;
        ask.retain(|peer| !self.here().is(peer));
        ask.truncate(CLOSER_ASKED);
        // Its own, and more than half of theirs.
        let enough = (!ask.is_empty()).then(|| ask.len() as u32 / 2 + 1);
        Ok(Closer {
            enough: enough.into_iter().collect(),
            ask,
        })
    }

    /// Ends it. Of `lists` this node's own is the first; where two others have answered, it does not count. Each has the
    /// closest that is not there yet, in turn, so that nobody can make others disappear behind peers that it has invented: of three lists it has
    /// a third of the places.
    ///
    /// # Errors
    /// [`Error::TooMany`], and those of a malformed key id.
    pub fn end_neighbourhood(&self, key_id: &str, lists: Vec<Vec<String>>) -> Result<Vec<String>, Error> {
        check_count("lists of peers", lists.len(), CLOSER_ASKED + 1)?;
        let readable = lists.into_iter().filter(|list| list.len() <= PEERS_MAX);
        let mut lists = readable
            .map(|list| near(key_id, list, self.here()))
            .collect::<Result<Vec<_>, _>>()?;
        // Those who were asked lie closer to the key and know better.
        if lists.len() > LISTS_ENOUGH {
            lists.remove(0);
        }
        let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
        let mut found: Vec<String> = Vec::new();
        loop {
            let before = found.len();
            for list in &mut lists {
                let next = list.find(|peer| !found.contains(peer));
                found.extend(next.filter(|_| found.len() < NEIGHBOURHOOD_MAX));
            }
            if found.len() == before {
                break;
            }
        }
        near(key_id, found, self.here())
    }

    /// Notes how many peers this host's routing table has, as far as it shows them.
    pub(super) fn note_table(&mut self, peers: &[Vec<String>]) {
        let shown = peers.first().map(Vec::len);
        *self.table_len = shown.filter(|len| *len != NEIGHBOURHOOD_MAX);
    }
}
