//! Who is where, who is there, and who knows whom: Kademlia routing tables that notice late what changes.

use std::collections::HashMap;

use registry_service::domain::limits::NEIGHBOURHOOD_MAX;
use sha2::{Digest, Sha256};

/// A node's number: the order in which nodes first came.
pub type NodeIx = u32;

/// After so long everybody who would know a node has noticed that it came, or left.
const NOTICE_JOIN_MS: (u64, u64) = (5_000, 90_000);
const NOTICE_LEAVE_MS: (u64, u64) = (15_000, 300_000);

/// The head of a point of the key space: enough to order any number of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point(u128);

impl Point {
    fn of(bytes: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        Self(digest[..16].iter().fold(0, |n, byte| n << 8 | u128::from(*byte)))
    }

    /// Where a peer lies.
    #[must_use]
    pub fn of_peer(peer_id: &str) -> Self {
        Self::of(&bs58::decode(peer_id).into_vec().unwrap_or_default())
    }

    /// Where a key lies: the point of the multihash `0x12, len, text of its id`.
    #[must_use]
    pub fn of_key(key_id: &str) -> Self {
        Self::of(&[&[0x12, key_id.len() as u8], key_id.as_bytes()].concat())
    }

    const fn distance(self, other: Self) -> u128 {
        self.0 ^ other.0
    }
}

#[derive(Debug)]
struct Member {
    id: String,
    point: Point,
    up: bool,
    /// When it came up or went down last; none for who is there from the start.
    since_ms: Option<u64>,
}

/// All nodes that there have been.
#[derive(Debug, Default)]
pub struct Directory {
    members: Vec<Member>,
    by_id: HashMap<String, NodeIx>,
    /// Those that somebody may still know.
    known: Vec<NodeIx>,
    bucket: usize,
}

impl Directory {
    #[must_use]
    pub fn new(bucket: usize) -> Self {
        Self {
            bucket,
            ..Self::default()
        }
    }

    /// Adds a node. Without a time it was there before everything, and everybody knows it.
    pub fn add(&mut self, id: &str, since_ms: Option<u64>) -> NodeIx {
        let ix = self.members.len() as NodeIx;
        self.members.push(Member {
            id: id.to_owned(),
            point: Point::of_peer(id),
            up: true,
            since_ms,
        });
        self.by_id.insert(id.to_owned(), ix);
        self.known.push(ix);
        ix
    }

    /// The node of this id, if there ever was one.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<NodeIx> {
        self.by_id.get(id).copied()
    }

    pub fn set_up(&mut self, ix: NodeIx, up: bool, now_ms: u64) {
        let member = &mut self.members[ix as usize];
        member.up = up;
        member.since_ms = Some(now_ms);
        if up && !self.known.contains(&ix) {
            self.known.push(ix);
        }
        let members = &self.members;
        self.known.retain(|ix| {
            let member = &members[*ix as usize];
            member.up || member.since_ms.is_some_and(|since| now_ms < since + NOTICE_LEAVE_MS.1)
        });
    }

    #[must_use]
    pub fn id(&self, ix: NodeIx) -> &str {
        &self.members[ix as usize].id
    }

    /// The nodes that are up now, closest to `target` first, at most 20: what nobody in the network knows so well.
    #[must_use]
    pub fn truly_closest(&self, target: Point) -> Vec<NodeIx> {
        let up = self.known.iter().copied().filter(|ix| self.members[*ix as usize].up);
        self.nearest(up.collect(), target)
    }

    /// The routing table of a node: of each bucket at most so many, the same ones as long as they are there.
    #[must_use]
    pub fn table(&self, of: NodeIx, now_ms: u64) -> Vec<NodeIx> {
        let own = self.members[of as usize].point;
        let mut buckets: Vec<Vec<(u64, NodeIx)>> = vec![Vec::new(); 129];
        for &ix in &self.known {
            if ix != of && self.notices(of, ix, now_ms) {
                let zeros = own.distance(self.members[ix as usize].point).leading_zeros();
                buckets[zeros as usize].push((mix(u64::from(of) << 32 | u64::from(ix)), ix));
            }
        }
        let mut table = Vec::new();
        for mut bucket in buckets {
            if bucket.len() > self.bucket {
                bucket.select_nth_unstable(self.bucket - 1);
                bucket.truncate(self.bucket);
            }
            table.extend(bucket.into_iter().map(|(_, ix)| ix));
        }
        table.sort_unstable();
        table
    }

    /// What `kad.neighborhood` returns on a node.
    #[must_use]
    pub fn closest(&self, of: NodeIx, target: Point, now_ms: u64) -> Vec<NodeIx> {
        self.nearest(self.table(of, now_ms), target)
    }

    /// The ids of `nodes`, in their order.
    #[must_use]
    pub fn ids(&self, nodes: &[NodeIx]) -> Vec<String> {
        nodes.iter().map(|ix| self.id(*ix).to_owned()).collect()
    }

    /// The routing table as `kad.neighborhood` gives it for the node itself, closest first.
    #[must_use]
    pub fn table_ids(&self, of: NodeIx, now_ms: u64, count_max: usize) -> Vec<String> {
        let own = self.members[of as usize].point;
        let mut table = self.table(of, now_ms);
        table.sort_by_key(|ix| own.distance(self.members[*ix as usize].point));
        table.truncate(count_max);
        self.ids(&table)
    }

    fn nearest(&self, mut nodes: Vec<NodeIx>, target: Point) -> Vec<NodeIx> {
        let distance = |ix: &NodeIx| self.members[*ix as usize].point.distance(target);
        if nodes.len() > NEIGHBOURHOOD_MAX {
            nodes.select_nth_unstable_by_key(NEIGHBOURHOOD_MAX - 1, distance);
            nodes.truncate(NEIGHBOURHOOD_MAX);
        }
        nodes.sort_unstable_by_key(distance);
        nodes
    }

    /// Whether `of` believes that `ix` is there.
    fn notices(&self, of: NodeIx, ix: NodeIx, now_ms: u64) -> bool {
        let member = &self.members[ix as usize];
        let Some(since) = member.since_ms else {
            return member.up;
        };
        let (least, most) = if member.up { NOTICE_JOIN_MS } else { NOTICE_LEAVE_MS };
        let delay = least + mix(since << 24 ^ u64::from(of) << 12 ^ u64::from(ix)) % (most - least);
        (now_ms >= since + delay) == member.up
    }
}

/// A number that looks random and depends on nothing but `n` (splitmix64).
#[must_use]
pub const fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_testkit::Peer;

    fn directory(nodes: usize, bucket: usize) -> Directory {
        let mut directory = Directory::new(bucket);
        for n in 0..nodes {
            directory.add(Peer::named(&format!("node {n}")).id(), None);
        }
        directory
    }

    #[test]
    fn a_table_is_complete_where_no_bucket_overflows() {
        assert_eq!(directory(20, 20).table(0, 0).len(), 19);
        let directory = directory(200, 20);
        let table = directory.table(7, 0);
        assert!(table.len() < 199, "{}", table.len());
        let own = directory.members[7].point;
        let mut others: Vec<NodeIx> = (0..200).filter(|ix| *ix != 7).collect();
        others.sort_by_key(|ix| own.distance(directory.members[*ix as usize].point));
        assert!(
            others[..10].iter().all(|ix| table.contains(ix)),
            "the closest are known"
        );
    }

    #[test]
    fn a_node_far_from_a_key_does_not_know_the_closest_and_those_it_names_do() {
        let directory = directory(300, 20);
        let target = Point::of_key("some key");
        let truly = directory.truly_closest(target);
        let far = (0..300).max_by_key(|ix| directory.members[*ix as usize].point.distance(target));
        let known = directory.closest(far.unwrap(), target, 0);
        assert_ne!(known, truly);
        let named = directory.closest(known[0], target, 0);
        let both: Vec<_> = named.iter().filter(|ix| truly.contains(ix)).collect();
        assert!(both.len() >= 19, "all but the one that was asked: {}", both.len());
    }

    #[test]
    fn changes_are_noticed_late_but_by_everybody() {
        let mut directory = directory(10, 20);
        directory.set_up(3, false, 1_000);
        let who = |directory: &Directory, now| (0..10).filter(|of| directory.table(*of, now).contains(&3)).count();
        assert_eq!(who(&directory, 1_001), 9);
        assert_eq!(who(&directory, 1_000 + NOTICE_LEAVE_MS.1), 0);
        directory.set_up(3, true, 1_000_000);
        assert_eq!(who(&directory, 1_000_001), 0);
        assert_eq!(who(&directory, 1_000_000 + NOTICE_JOIN_MS.1), 9);
    }

    #[test]
    fn a_key_lies_where_the_service_says() {
        let peers: Vec<Peer> = (0..60).map(|n| Peer::named(&format!("node {n}"))).collect();
        let key = Peer::named("owner").key("label", 1);
        let mut node = crate::node::Node::new(peers[0].clone(), 0).unwrap();
        let ids = peers.iter().map(|peer| peer.id().to_owned()).collect();
        let near = node.near(&key.id, ids).unwrap();
        let directory = directory(60, 60);
        assert_eq!(directory.ids(&directory.truly_closest(Point::of_key(&key.id))), near);
    }
}
