//! Which peers a key belongs to: the closest ones, by the distances that Kademlia has on every node.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::limits::{NEAR_PEERS, NEIGHBOURHOOD_MAX, PEER_ID_LEN_MAX};
use super::{Here, KeyId};

/// The code of sha2-256, under which nodes wrap a key's text.
const SHA2_256: u8 = 0x12;

/// The closest among `peers` and this node, closest first, each once: the order of `kad.neighborhood`, which leaves
/// out the node that is asked. What is no base58, or longer than a peer id can be, is no peer: base58 of megabytes takes
/// minutes to decode.
pub fn neighbourhood(key_id: &KeyId, peers: Vec<String>, here: &Here) -> Vec<String> {
    let table = RoutingTable::new(peers, here);
    table.closest(key_id).map(|at| table.peers[at].1.clone()).collect()
}

/// Peers with their places, for looking up many keys.
#[derive(Debug)]
pub struct RoutingTable {
    peers: Vec<([u8; 32], String)>,
    indices: HashMap<String, usize>,
    here: usize,
    /// The indices of those that were looked up for some keys: they count for these alone.
    located: HashSet<usize>,
}

impl RoutingTable {
    /// `peers` and this node, each once.
    pub fn new(peers: impl IntoIterator<Item = String>, here: &Here) -> Self {
        let mut peers: Vec<_> = peers
            .into_iter()
            .filter(|peer| !here.is(peer))
            .chain([here.host_id().to_owned()])
            .filter_map(|peer| Some((place(&peer)?, peer)))
            .collect();
        peers.sort();
        peers.dedup();
        let indices = peers.iter().enumerate().map(|(index, (_, peer))| (peer.clone(), index));
        let indices: HashMap<String, usize> = indices.collect();
        Self {
            here: indices.get(here.host_id()).copied().unwrap_or(peers.len()),
            indices,
            peers,
            located: HashSet::new(),
        }
    }

    /// With these peers, too, that were looked up for some keys.
    #[must_use]
    pub fn with_located(self, others: Vec<String>, here: &Here) -> Self {
        if others.iter().all(|peer| self.indices.contains_key(peer)) {
            return self;
        }
        let known = self.peers.iter().map(|(_, peer)| peer.clone());
        let mut table = Self::new(known.chain(others), here);
        let of_others = table
            .indices
            .iter()
            .filter(|(peer, _)| !self.indices.contains_key(*peer));
        table.located = of_others.map(|(_, index)| *index).collect();
        table
    }

    /// Where a peer stands, if it is one of these.
    pub fn index_of(&self, peer_id: &str) -> Option<usize> {
        self.indices.get(peer_id).copied()
    }

    /// The peer of an index that [`closest`](Self::closest) gave.
    pub fn peer(&self, index: usize) -> &str {
        &self.peers[index].1
    }

    pub const fn is_here(&self, index: usize) -> bool {
        index == self.here
    }

    /// How far around this node its routing table is sure to hold everybody, where `self` is that table: as far as its
    /// [`NEAR_PEERS`]th nearest peer, or the last one of a shorter table. None where it is empty.
    pub fn horizon(&self) -> Option<Horizon<'_>> {
        let (own, _) = self.peers.get(self.here)?;
        let mut others: Vec<[u8; 32]> = self
            .peers
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.is_here(*index))
            .map(|(_, (place, _))| xor(place, own))
            .collect();
        let last = others.len().min(NEAR_PEERS).checked_sub(1)?;
        let (_, radius, _) = others.select_nth_unstable(last);
        Some(Horizon {
            table: self,
            own,
            radius: *radius,
        })
    }

    /// How many peers there are, this node included.
    pub fn count(&self) -> usize {
        self.peers.len()
    }

    /// The indices of the peers that a key belongs to, closest first.
    pub fn closest(&self, key_id: &KeyId) -> impl Iterator<Item = usize> {
        self.closest_with(key_id, &[])
    }

    /// The same with those that were looked up for it.
    pub fn closest_with(&self, key_id: &KeyId, located: &[String]) -> impl Iterator<Item = usize> {
        let target = target(key_id);
        let counts = |index: usize, peer: &String| !self.located.contains(&index) || located.contains(peer);
        let mut near: Vec<([u8; 32], usize)> = self
            .peers
            .iter()
            .enumerate()
            .filter(|(index, (_, peer))| counts(*index, peer))
            .map(|(index, (place, _))| (xor(place, &target), index))
            .collect();
        if near.len() > NEIGHBOURHOOD_MAX {
            near.select_nth_unstable(NEIGHBOURHOOD_MAX - 1);
            near.truncate(NEIGHBOURHOOD_MAX);
        }
        near.sort_unstable();
        near.into_iter().map(|(_, index)| index)
    }
}

/// See [`RoutingTable::horizon`].
#[derive(Debug)]
pub struct Horizon<'t> {
    table: &'t RoutingTable,
    own: &'t [u8; 32],
    radius: [u8; 32],
}

impl Horizon<'_> {
    /// Whether a key lies beyond, so that this node may know few of the closest to it, or none.
    ///
    /// In a Kademlia table the half of the network that lies opposite has 20 places, and so has each half of what is left.
    /// Where twice as many peers share this node's side of a key, there are about as many on the other side, of which
    /// the table holds the lesser part.
    pub fn is_far(&self, key_id: &KeyId) -> bool {
        xor(self.own, &target(key_id)) > self.radius && !self.table.closest(key_id).any(|peer| self.table.is_here(peer))
    }
}

/// How far a key is from this node, most significant byte first; none where the node's id is no peer id.
pub(super) fn distance(key_id: &KeyId, here: &Here) -> Option<[u8; 32]> {
    Some(xor(&place(here.host_id())?, &target(key_id)))
}

/// Where a peer lies; nowhere what is no peer id.
fn place(peer_id: &str) -> Option<[u8; 32]> {
    if peer_id.len() > PEER_ID_LEN_MAX {
        return None;
    }
    Some(Sha256::digest(bs58::decode(peer_id).into_vec().ok()?).into())
}

fn xor(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    std::array::from_fn(|at| a[at] ^ b[at])
}

fn target(key_id: &KeyId) -> [u8; 32] {
    let text = key_id.to_string();
    Sha256::new()
        .chain_update([SHA2_256, text.len() as u8])
        .chain_update(&text)
        .finalize()
        .into()
}
