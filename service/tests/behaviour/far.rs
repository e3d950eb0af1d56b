//! Keys that lie far from a node: it knows few of the closest to them, so it looks those up before it replicates.

use registry_service::auth::Caller;
use registry_service::calls::ReplicaStep;
use registry_service::domain::data::Key;
use registry_service::domain::limits::{
    FAR_KEYS_MAX, FAR_KEYS_PER_ROUND, LEASE_SEC, LOCATED_SEC, NEIGHBOURHOOD_MAX, PEERS_MAX, REPLICA_KEYS_MAX,
    REPLICA_PEERS_MAX,
};
use registry_service::domain::{key_tag, pack_bundle, BundleItem, Digests, KeyId, KeySet, OfferAnswer, RoutingTable};
use registry_testkit::{NativeNode, Origins, Peer};
use sha2::{Digest, Sha256};

use crate::support::{assert_refused, HOUR, NOW};

/// When a key registered at `NOW` is due.
const DUE: u64 = NOW + 2 * HOUR;
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

    /// A record of the node's own under a key that it holds.
    fn put_own(&mut self, key_id: &str, now: u64) {
        let metadata = Peer::named("issuer").metadata(key_id, &self.node.host, "value", now);
        let record = self.node.host.record(metadata, now);
        self.node.put_record(&record, now).unwrap();
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

    fn locate(&mut self, key_id: &str, now: u64) {
        let near = self.truly_near(key_id);
        self.node.note_neighbours(key_id, near, now).unwrap();
    }

    fn begin(&mut self, now: u64) -> ReplicaStep {
        let table = self.table.clone();
        self.node.begin_replication(table, HOUR, now).unwrap()
    }
}

/// How many keys a round has taken.
fn taken(step: &ReplicaStep) -> usize {
    if step.asks.is_empty() {
        return 0;
    }
    Digests::parse(&step.text).unwrap().keys.len()
}

fn asked(step: &ReplicaStep) -> Vec<String> {
    step.asks.iter().map(|ask| ask.peer_id.clone()).collect()
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
fn a_far_key_is_exchanged_with_its_neighbours_once_they_have_been_looked_up() {
    let mut world = world();
    let id = world.hold_where(1, true, NOW).remove(0);
    let begun = world.begin(DUE);
    assert_eq!(
        (&begun.far, &begun.last, taken(&begun)),
        (&vec![id.clone()], &vec![0], 0)
    );

    world.locate(&id, DUE);
    let begun = world.begin(DUE + 60);
    assert_eq!((taken(&begun), begun.far.len()), (1, 0));
    let (mut asked, mut near) = (asked(&begun), world.truly_near(&id));
    asked.sort();
    near.sort();
    assert_eq!(asked, near);
}

#[test]
fn what_is_near_is_exchanged_without_being_looked_up() {
    let mut world = world();
    let ids = world.hold_where(5, false, NOW);
    let begun = world.begin(DUE);
    assert_eq!((begun.far.len(), taken(&begun)), (0, ids.len()));
}

#[test]
fn far_keys_are_looked_up_a_few_at_a_time_not_in_every_run_and_each_has_its_turn() {
    let mut world = world();
    let ids = world.hold_where(FAR_KEYS_MAX + 1, true, NOW);
    let first = world.begin(DUE).far;
    assert_eq!(first.len(), FAR_KEYS_MAX);
    for id in &first {
        world.locate(id, DUE);
    }
    let begun = world.begin(DUE + 60);
    assert_eq!(
        (begun.far.len(), taken(&begun)),
        (0, FAR_KEYS_MAX.min(REPLICA_PEERS_MAX / NEIGHBOURHOOD_MAX))
    );
    let rest = world.begin(DUE + LEASE_SEC).far;
    assert_eq!(rest.len(), 1);
    assert!(ids.contains(&rest[0]) && !first.contains(&rest[0]));
}

#[test]
fn what_was_looked_up_counts_for_one_round_within_two_hours() {
    for (later, far) in [(LOCATED_SEC - 1, 0), (LOCATED_SEC, 1)] {
        let mut world = world();
        let id = world.hold_where(1, true, NOW).remove(0);
        world.locate(&id, DUE);
        let begun = world.begin(DUE + later);
        assert_eq!((taken(&begun), begun.far.len()), (1 - far, far));
        // The round, or the look-up, has leased it.
        let begun = world.begin(DUE + later + LEASE_SEC);
        let looked_up = world.begin(DUE + later + 2 * LEASE_SEC);
        assert_eq!([begun.far, looked_up.far].concat(), [id]);
    }
}

#[test]
fn a_host_that_replicates_once_an_hour_looks_up_far_keys_and_exchanges_them_and_the_others_in_turn() {
    let mut world = world();
    let far = world.hold_where(1, true, NOW);
    let near = world.hold_where(1, false, NOW);
    for now in [DUE, DUE + 2 * HOUR] {
        let begun = world.begin(now);
        assert_eq!((&begun.far, taken(&begun)), (&far, 0));
        world.locate(&far[0], now);
        let begun = world.begin(now + HOUR);
        assert_eq!((taken_of(&begun, &far), taken_of(&begun, &near)), (1, 1));
    }
}

/// A short table says nothing about how large the network is.
#[test]
fn a_host_that_shows_few_peers_has_what_lies_beyond_them_looked_up() {
    for count in [NEIGHBOURHOOD_MAX, NEIGHBOURHOOD_MAX + 5] {
        let mut world = world();
        world.table.sort_by_key(|peer| {
            let (own, place) = (place(world.node.host.id()), place(peer));
            std::array::from_fn::<u8, 32, _>(|at| own[at] ^ place[at])
        });
        world.table.truncate(count);
        let id = world.hold_where(1, true, NOW).remove(0);
        assert_eq!(world.begin(DUE).far, [id.clone()]);
        world.locate(&id, DUE);
        assert_eq!(asked(&world.begin(DUE + 60)).len(), NEIGHBOURHOOD_MAX);
    }
}

#[test]
fn far_keys_keep_no_others_waiting() {
    let mut world = world();
    // As many as a round considers.
    world.hold_where(REPLICA_KEYS_MAX, true, NOW);
    let near = world.hold_where(1, false, NOW);
    let now = DUE + 1;
    assert_eq!(world.begin(now).far.len(), FAR_KEYS_MAX);
    let begun = world.begin(now + 60);
    assert_eq!((taken(&begun), taken_of(&begun, &near)), (1, 1));
}

#[test]
fn far_keys_leave_room_in_a_round_for_those_around_the_node() {
    let mut world = world();
    let now = DUE + 10;
    let far = world.hold_where(10, true, NOW);
    for id in &far {
        world.locate(id, now);
    }
    let near = world.hold_where(10, false, NOW + 10);
    let begun = world.begin(now);
    let (far, near) = (taken_of(&begun, &far), taken_of(&begun, &near));
    let peers = asked(&begun).len();
    assert!(
        (1..=FAR_KEYS_PER_ROUND).contains(&far) && near >= 5 && peers <= REPLICA_PEERS_MAX,
        "{far} far ones, {near} near ones, {peers} peers"
    );
}

/// How many of these keys a round has taken.
fn taken_of(round: &ReplicaStep, ids: &[String]) -> usize {
    let digests = Digests::parse(&round.text).unwrap();
    let is_taken = |id: &&String| {
        let tag = key_tag(&KeyId::parse(id).unwrap());
        digests.keys.iter().any(|(offered, _)| *offered == tag)
    };
    ids.iter().filter(is_taken).count()
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
        node.begin_replication(long, HOUR, DUE)
    });
    assert_refused(&mut world.node, &["key id"], |node| {
        node.note_neighbours("no key", Vec::new(), DUE)
    });
    let nobody = vec!["0OIl".to_owned(), world.network[0].clone()];
    world.node.note_neighbours(&id, nobody, DUE).unwrap();
    assert_eq!(taken(&world.begin(DUE)), 1);
}

#[test]
fn looking_up_is_for_the_node_itself() {
    let mut world = world();
    let id = world.hold_where(1, true, NOW).remove(0);
    let table = world.table.clone();
    let somebody = Origins::new(&world.node.host, &Peer::named("somebody"), 3).time(2);
    assert_refused(&mut world.node, &["note_neighbours", "the node itself"], |node| {
        node.call(somebody, |call| call.note_neighbours(&id, table, DUE))
    });
}

/// More than are leased, and longer due than all else: a stranger can bring them.
#[test]
fn however_many_far_keys_are_due_the_nodes_own_record_goes_out() {
    let mut world = world();
    let flood = Peer::named("flood");
    let labels = (0..).map(|number| format!("{number}"));
    let far: Vec<Key> = labels
        .map(|label| flood.key(&label, NOW - HOUR))
        .filter(|key| world.is_far(&key.id))
        .take(6 * REPLICA_KEYS_MAX)
        .collect();
    for keys in far.chunks(REPLICA_KEYS_MAX) {
        let items: Vec<BundleItem> = keys.iter().cloned().map(BundleItem::new).collect();
        world.node.take_replica(&pack_bundle(&items), &[], NOW).unwrap();
    }
    let near = world.hold_where(1, false, NOW);
    world.put_own(&near[0], NOW);
    let mut runs = (NOW + 60..NOW + HOUR).step_by(60);
    let is_taken = runs.any(|now| {
        let begun = world.begin(now);
        begun.far.iter().for_each(|id| world.locate(id, now));
        if begun.asks.is_empty() {
            return false;
        }
        let is_taken = taken_of(&begun, &near) == 1;
        // All neighbours hold what was taken: nothing goes faster than that.
        let same = OfferAnswer {
            same: (0..REPLICA_KEYS_MAX).collect(),
            ..OfferAnswer::default()
        };
        for peer in asked(&begun) {
            let from = (peer.as_str(), "compare_replica");
            world.node.note_replica(begun.round, from, Ok(same.encode())).unwrap();
        }
        for _ in 0..3 {
            world.node.continue_replication(begun.round, now).unwrap();
        }
        is_taken
    });
    assert!(is_taken);
}

#[test]
fn however_many_of_the_nodes_own_records_lie_far_away_they_stay_urgent_until_they_were_exchanged() {
    let mut world = world();
    let ids = world.hold_where(10, true, NOW);
    for id in &ids {
        world.put_own(id, NOW);
    }
    assert_eq!(world.begin(NOW + 60).far.len(), FAR_KEYS_MAX);
    for id in &ids {
        let key_id = KeyId::parse(id).unwrap();
        let state = world.node.registry().store().stored(&key_id).unwrap().unwrap();
        assert_eq!(state.due_at(), 0);
    }
}

/// Whoever is asked about one key can name peers around another.
#[test]
fn what_was_looked_up_for_a_key_counts_for_no_other() {
    let mut world = world();
    let near = world.hold_where(1, false, NOW).remove(0);
    let expected = {
        let begun = world.begin(DUE);
        let mut asked = asked(&begun);
        asked.sort();
        asked
    };
    let mut world = self::world();
    world.hold_where(1, false, NOW);
    let far = world.hold_where(1, true, NOW).remove(0);
    assert_eq!(world.begin(DUE).far, [far.clone()]);
    // The closest to the near key among very many that do not exist.
    let invented = world.routing_table(&peer_ids(4_000));
    let closest = invented.closest(&KeyId::parse(&near).unwrap());
    let closest: Vec<String> = closest.map(|index| invented.peer(index).to_owned()).collect();
    assert!(closest.iter().any(|peer| !expected.contains(peer)));
    world.node.note_neighbours(&far, closest, DUE).unwrap();
    let begun = world.begin(DUE + 60);
    let digests = Digests::parse(&begun.text).unwrap();
    let index = digests
        .keys
        .iter()
        .position(|(tag, _)| *tag == key_tag(&KeyId::parse(&near).unwrap()));
    let of_near = begun.asks.iter().filter(|ask| {
        let keys = KeySet::parse_of(&ask.what, digests.keys.len()).unwrap();
        keys.contains(index.unwrap())
    });
    let mut of_near: Vec<String> = of_near.map(|ask| ask.peer_id.clone()).collect();
    of_near.sort();
    assert_eq!(of_near, expected);
}

/// More than a run takes, and each run looks up four: those that lie near have their turn.
#[test]
fn however_many_of_the_nodes_own_records_lie_far_away_one_near_it_goes_out() {
    let mut world = world();
    let own = |world: &mut World, owner: &Peer, label: &str, now: u64| {
        let key = owner.key(label, now);
        world.node.register_key(&key, now).unwrap();
        world.put_own(&key.id, now);
        key.id
    };
    let owner = Peer::named("owner");
    let labels: Vec<String> = (0..4 * REPLICA_KEYS_MAX).map(|number| format!("{number}")).collect();
    let is_far = |world: &World, label: &str| world.is_far(&owner.key(label, NOW).id);
    let (far, near): (Vec<&String>, Vec<&String>) = labels.iter().partition(|label| is_far(&world, label));
    for label in far.iter().take(REPLICA_KEYS_MAX + 100) {
        own(&mut world, &owner, label, NOW);
    }
    let near = own(&mut world, &owner, near[0], NOW + 1);
    let mut runs = (NOW + 60..NOW + 600).step_by(60);
    let is_taken = runs.any(|now| {
        let begun = world.begin(now);
        begun.far.iter().for_each(|id| world.locate(id, now));
        let is_taken = !begun.asks.is_empty() && taken_of(&begun, std::slice::from_ref(&near)) == 1;
        if !begun.asks.is_empty() {
            (0..3).for_each(|_| drop(world.node.continue_replication(begun.round, now)));
        }
        is_taken
    });
    assert!(is_taken);
}
