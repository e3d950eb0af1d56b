//! Keys that lie far from a node: it knows few of the closest to them, so it looks those up before it replicates.

use registry_service::auth::Caller;
use registry_service::calls::{FarKeys, ReplicaRound};
use registry_service::domain::data::Key;
use registry_service::domain::limits::{
    EVICT_STALE_KEYS_MAX, FAR_KEYS_MAX, FAR_WAITING_MAX, LEASE_SEC, LOCATED_SEC, LOCATING_REST_SEC, NEIGHBOURHOOD_MAX,
    PEERS_MAX, REPLICA_KEYS_MAX, REPLICA_PEERS_MAX, TABLE_WHOLE_MAX,
};
use registry_service::domain::{key_tag, Digests, KeyId, RoutingTable};
use registry_testkit::{NativeNode, Origins, Peer};
use sha2::{Digest, Sha256};

use crate::support::{assert_refused, HOUR, NOW};

/// When a key registered at `NOW` is due.
const DUE: u64 = NOW + HOUR;
/// Peers of the network; a routing table holds fewer.
const NETWORK: usize = 400;
/// Places in a bucket of a routing table.
const BUCKET: usize = 20;

fn peer_ids(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| Peer::named(&format!("peer {number}")).id().to_owned())
        .collect()
}

/// A node in a network that is larger than its routing table.
struct World {
    node: NativeNode,
    network: Vec<String>,
    /// What the host's `kad.neighborhood` shows.
    table: Vec<String>,
}

fn world() -> World {
    let mut node = NativeNode::new(Peer::named("host"));
    let network = peer_ids(NETWORK);
    let table = routing_table(&mut node, &network);
    World { node, network, table }
}

/// As Kademlia has it: of each half of what is left, so many.
fn routing_table(node: &mut NativeNode, network: &[String]) -> Vec<String> {
    let own = place(node.host.id());
    let mut buckets = vec![0; 257];
    network
        .iter()
        .filter(|peer| {
            let place = place(peer);
            let bucket = (0..256)
                .find(|bit| (own[bit / 8] ^ place[bit / 8]) >> (7 - bit % 8) & 1 == 1)
                .unwrap_or(256);
            buckets[bucket] += 1;
            buckets[bucket] <= BUCKET
        })
        .cloned()
        .collect()
}

fn place(peer_id: &str) -> [u8; 32] {
    Sha256::digest(bs58::decode(peer_id).into_vec().unwrap()).into()
}

impl World {
    fn routing_table(&self, peers: &[String]) -> RoutingTable {
        let origins = Origins::new(&self.node.host, &self.node.host, 1);
        RoutingTable::new(peers.to_vec(), Caller::new(origins.build()).here())
    }

    /// The closest of the whole network, this node included.
    fn truly_near(&self, key_id: &str) -> Vec<String> {
        let network = self.routing_table(&self.network);
        let near = network.closest(&KeyId::parse(key_id).unwrap());
        near.map(|index| network.peer(index).to_owned()).collect()
    }

    /// How many of the closest to a key the node knows.
    fn known(&self, key_id: &str) -> usize {
        let truly = self.truly_near(key_id);
        truly.iter().filter(|peer| self.table.contains(peer)).count()
    }

    /// A key that the node holds with a record; each owner has one.
    fn hold(&mut self, number: usize, now: u64) -> Key {
        let owner = Peer::named(&format!("owner {number}"));
        let key = owner.key("resource", now);
        self.node.register_key(&key, now).unwrap();
        self.node
            .put_record(&owner.own_record(&key.id, "value", now), now)
            .unwrap();
        key
    }

    fn is_far(&self, key_id: &str) -> bool {
        let table = self.routing_table(&self.table);
        table
            .horizon()
            .is_some_and(|horizon| horizon.is_far(&KeyId::parse(key_id).unwrap()))
    }

    /// So many keys that lie far away, or that do not, held since `now`.
    fn hold_where(&mut self, count: usize, far: bool, now: u64) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 0.. {
            if ids.len() == count {
                break;
            }
            let id = Peer::named(&format!("owner {number}")).key("resource", now).id;
            if self.is_far(&id) == far {
                ids.push(self.hold(number, now).id);
            }
        }
        ids
    }

    fn far_keys(&mut self, now: u64) -> FarKeys {
        let table = self.table.clone();
        self.node.get_far_keys(table, HOUR, now).unwrap()
    }

    fn locate(&mut self, key_id: &str, now: u64) {
        let near = self.truly_near(key_id);
        self.node.note_neighbours(key_id, near, now).unwrap();
    }

    fn begin(&mut self, now: u64) -> ReplicaRound {
        let table = self.table.clone();
        self.node.begin_replication(vec![table], HOUR, now).unwrap()
    }
}

fn offered(round: &ReplicaRound) -> usize {
    Digests::parse(&round.digests).unwrap().keys.len()
}

fn asked(round: &ReplicaRound) -> Vec<String> {
    round.offers.iter().map(|offer| offer.peer_id.clone()).collect()
}

#[test]
fn a_node_knows_all_around_it_and_few_of_those_around_a_key_that_is_far() {
    let mut world = world();
    for (far, least, most) in [(false, 10, 20), (true, 0, 14)] {
        for id in world.hold_where(8, far, NOW) {
            let known = world.known(&id);
            assert!((least..=most).contains(&known), "far: {far}, known: {known}");
        }
    }
}

#[test]
fn a_far_key_is_replicated_among_its_neighbours_once_they_have_been_looked_up() {
    let mut world = world();
    let id = world.hold_where(1, true, NOW).remove(0);
    let far = world.far_keys(DUE);
    assert_eq!(
        (far.key_ids, far.more, far.none, far.last),
        (vec![id.clone()], vec![true], vec![], 0)
    );
    assert_eq!(offered(&world.begin(DUE)), 0, "a round leaves it until then");

    world.locate(&id, DUE);
    let round = world.begin(DUE);
    assert_eq!(offered(&round), 1);
    let (mut asked, mut near) = (asked(&round), world.truly_near(&id));
    asked.sort();
    near.sort();
    assert_eq!(asked, near);
}

#[test]
fn what_is_near_is_replicated_without_being_looked_up() {
    let mut world = world();
    let ids = world.hold_where(5, false, NOW);
    let far = world.far_keys(DUE);
    assert_eq!((far.key_ids, far.more, far.none), (vec![], vec![], vec![true]));
    assert_eq!(offered(&world.begin(DUE)), ids.len());
}

#[test]
fn far_keys_are_looked_up_oldest_first_a_few_at_a_time_and_not_in_every_run() {
    let mut world = world();
    let ids = world.hold_where(FAR_KEYS_MAX + 1, true, NOW);
    let first = world.far_keys(DUE);
    assert_eq!(
        (first.key_ids.len(), first.last as usize),
        (FAR_KEYS_MAX, FAR_KEYS_MAX - 1)
    );
    assert_eq!(world.far_keys(DUE + LOCATING_REST_SEC - 1).key_ids, [""; 0]);
    for id in &first.key_ids {
        world.locate(id, DUE);
    }
    let rest = world.far_keys(DUE + LOCATING_REST_SEC).key_ids;
    assert_eq!(rest.len(), 1);
    assert!(ids.contains(&rest[0]) && !first.key_ids.contains(&rest[0]));
}

#[test]
fn what_was_looked_up_counts_for_a_quarter_of_an_hour() {
    let mut world = world();
    let id = world.hold_where(1, true, NOW).remove(0);
    world.locate(&id, DUE);
    assert!(world.far_keys(DUE + LOCATED_SEC - 1).key_ids.is_empty());
    assert_eq!(offered(&world.begin(DUE + LOCATED_SEC - 1)), 1);
    // The round has leased it.
    assert_eq!(world.far_keys(DUE + LOCATED_SEC + LEASE_SEC).key_ids, [id]);
}

#[test]
fn a_node_that_knows_the_whole_network_looks_nothing_up() {
    let mut world = world();
    for number in 0..40 {
        world.hold(number, NOW);
    }
    for count in [0, 1, NEIGHBOURHOOD_MAX - 1, NEIGHBOURHOOD_MAX + 1, TABLE_WHOLE_MAX - 1] {
        world.table = peer_ids(count);
        assert_eq!(world.far_keys(DUE).key_ids, [""; 0], "{count} peers");
    }
}

#[test]
fn a_host_that_shows_no_more_than_twenty_peers_looks_up_what_lies_beyond_them() {
    let mut world = world();
    world.table.sort_by_key(|peer| {
        let (own, place) = (place(world.node.host.id()), place(peer));
        std::array::from_fn::<u8, 32, _>(|at| own[at] ^ place[at])
    });
    world.table.truncate(NEIGHBOURHOOD_MAX);
    let id = world.hold_where(1, true, NOW).remove(0);
    assert_eq!(world.far_keys(DUE).key_ids, [id.clone()]);
    // Its own list of those close to the key does not help.
    let (table, own) = (world.table.clone(), world.table.clone());
    let lists = vec![table, own];
    let round = world.node.begin_replication(lists.clone(), HOUR, DUE).unwrap();
    assert_eq!(offered(&round), 0);
    world.locate(&id, DUE);
    let round = world.node.begin_replication(lists, HOUR, DUE).unwrap();
    assert_eq!(asked(&round).len(), NEIGHBOURHOOD_MAX);
}

#[test]
fn far_keys_keep_no_others_waiting() {
    let mut world = world();
    // As many as a round considers.
    world.hold_where(REPLICA_KEYS_MAX, true, NOW);
    let near = world.hold_where(1, false, NOW + 1);
    let now = DUE + 1;
    assert_eq!(offered(&world.begin(now)), 0);
    // Those that wait stay at the head, the rest is put off for a lease.
    let round = world.begin(now);
    assert_eq!((offered(&round), offered_of(&round, &near)), (1, 1));
    assert_eq!(world.far_keys(now).key_ids.len(), FAR_KEYS_MAX);
    let due = world.node.peek_stale(now).unwrap().len();
    assert_eq!(due, EVICT_STALE_KEYS_MAX.min(FAR_WAITING_MAX));
    assert_eq!(offered(&world.begin(now + LEASE_SEC)), 0);
}

#[test]
fn far_keys_leave_room_in_a_round_for_those_around_the_node() {
    let mut world = world();
    let now = DUE + 10;
    let far = world.hold_where(40, true, NOW);
    for id in &far {
        world.locate(id, now);
    }
    let alone = offered_of(&world.begin(now), &far);

    let mut world = self::world();
    world.hold_where(40, true, NOW);
    for id in &far {
        world.locate(id, now);
    }
    // They came later, and share their neighbours.
    let near = world.hold_where(10, false, NOW + 10);
    let round = world.begin(now);
    let (far, near) = (offered_of(&round, &far), offered_of(&round, &near));
    let peers = asked(&round).len();
    assert!(
        (2..alone).contains(&far) && near >= 5 && peers <= REPLICA_PEERS_MAX,
        "{far} far ones, {alone} where there are no others; {near} near ones; {peers} peers"
    );
}

/// How many of these keys a round offers.
fn offered_of(round: &ReplicaRound, ids: &[String]) -> usize {
    let digests = Digests::parse(&round.digests).unwrap();
    let is_offered = |id: &&String| {
        let tag = key_tag(&KeyId::parse(id).unwrap());
        digests.keys.iter().any(|(offered, _)| *offered == tag)
    };
    ids.iter().filter(is_offered).count()
}

#[test]
fn names_that_are_no_peers_and_lists_that_are_too_long_are_not_noted() {
    let mut world = world();
    let id = world.hold_where(1, true, NOW).remove(0);
    let long = vec![world.network[0].clone(); PEERS_MAX + 1];
    assert_refused(&mut world.node, &["peers", "257", "256"], |node| {
        node.note_neighbours(&id, long.clone(), DUE)
    });
    assert_refused(&mut world.node, &["peers", "257", "256"], |node| {
        node.get_far_keys(long, HOUR, DUE)
    });
    assert_refused(&mut world.node, &["key id"], |node| {
        node.note_neighbours("no key", Vec::new(), DUE)
    });
    let nobody = vec!["0OIl".to_owned(), world.network[0].clone()];
    world.node.note_neighbours(&id, nobody, DUE).unwrap();
    assert_eq!(offered(&world.begin(DUE)), 1);
}

#[test]
fn looking_up_is_for_the_node_itself() {
    let mut world = world();
    let id = world.hold_where(1, true, NOW).remove(0);
    let table = world.table.clone();
    let somebody = Origins::new(&world.node.host, &Peer::named("somebody"), 3).time(2);
    assert_refused(&mut world.node, &["get_far_keys", "the node itself"], |node| {
        node.call(somebody.clone(), |call| call.get_far_keys(table.clone(), HOUR, DUE))
    });
    assert_refused(&mut world.node, &["note_neighbours", "the node itself"], |node| {
        node.call(somebody, |call| call.note_neighbours(&id, table, DUE))
    });
}
