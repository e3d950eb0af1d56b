//! How much a node stores, for one owner and for all, and who goes first when it is full.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use registry_service::auth::WeightResult;
use registry_service::calls::CallError;
use registry_service::domain::data::{Key, Record};
use registry_service::domain::limits::{
    HOST_RECORDS_MAX, OWNER_BYTES_MIN, ROW_OVERHEAD_BYTES, SHRINK_BATCH_KEYS, STORAGE_BYTES_DEFAULT, STORAGE_BYTES_MIN,
    TOMBSTONES_PER_KEY_MAX,
};
use registry_service::domain::{pack_bundle, BundleItem, KeySet};
use registry_service::store::Cleared;
use registry_testkit::{check_promises, weight_of, NativeNode, Origins, Peer};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::support::{assert_refused, assert_text, dump, HOUR, NOW};

const MIB: u64 = 1 << 20;
/// On the next day by the calendar, while all of `NOW` is alive.
const NEXT_DAY: u64 = NOW + 2 * HOUR;

fn limit(node: &mut NativeNode, total_bytes: u64, owner_bytes: u64) {
    let origins = Origins::new(&node.host, &node.host, 2);
    node.call(origins, |call| call.set_storage_limits(total_bytes, owner_bytes))
        .unwrap();
}

fn limited(total_bytes: u64, owner_bytes: u64) -> NativeNode {
    let mut node = NativeNode::new(Peer::named("host"));
    limit(&mut node, total_bytes, owner_bytes);
    node
}

fn stored(node: &NativeNode) -> u64 {
    node.registry().store().stored_bytes()
}

/// What the rows in the database are charged.
fn counted(node: &NativeNode) -> u64 {
    const SUM: &str = "SELECT coalesce((SELECT sum(length(body) + 192) FROM keys), 0)
        + coalesce((SELECT sum(length(body) + 192) FROM entries), 0)";
    assert_eq!(ROW_OVERHEAD_BYTES, 192);
    let sum = node.registry().store().read_raw(SUM, &[]).unwrap();
    String::from_utf8(sum).unwrap().parse().unwrap()
}

fn holds(node: &mut NativeNode, key: &Key) -> bool {
    node.get_key_metadata(&key.id).is_ok()
}

fn key_of(owner: &str, now: u64) -> Key {
    Peer::named(owner).key("a resource", now)
}

/// A key and a record of its owner's.
fn publish(node: &mut NativeNode, owner: &str, now: u64) -> Result<Key, CallError> {
    let key = key_of(owner, now);
    node.register_key(&key, now)?;
    node.put_record(&Peer::named(owner).own_record(&key.id, "value", now), now)?;
    Ok(key)
}

/// Keys with a record each, every one of another owner; those that came in.
fn flood(node: &mut NativeNode, name: &str, count: usize, now: u64) -> Vec<Key> {
    (0..count)
        .filter_map(|number| publish(node, &format!("{name} {number}"), now).ok())
        .collect()
}

fn large_record(issuer: &str, key: &Key, now: u64) -> Record {
    Peer::named(issuer).own_record(&key.id, &"v".repeat(4096), now)
}

#[test]
fn an_owner_at_the_limit_is_refused_and_nobody_else() {
    let mut node = limited(MIB, OWNER_BYTES_MIN);
    let owner = Peer::named("owner");
    let refused = (0..1_000)
        .map(|number| owner.key(&format!("label {number}"), NOW))
        .find(|key| node.register_key(key, NOW).is_err())
        .expect("a limit");
    let bytes = node.registry().store().stored_bytes_of(owner.id());
    assert!((OWNER_BYTES_MIN - 1_000..=OWNER_BYTES_MIN).contains(&bytes), "{bytes}");
    assert_refused(&mut node, &[owner.id(), "65536", "set_storage_limits"], |node| {
        node.register_key(&refused, NOW)
    });
    let known = owner.key("label 0", NOW + 1);
    node.register_key(&known, NOW + 1).unwrap();
    publish(&mut node, "another", NOW).unwrap();
    limit(&mut node, MIB, 2 * OWNER_BYTES_MIN);
    node.register_key(&refused, NOW).unwrap();
}

#[test]
fn an_issuer_at_the_limit_renews_and_voids_but_adds_nothing() {
    let mut node = limited(MIB, OWNER_BYTES_MIN);
    let keys: Vec<Key> = (0..30).map(|number| key_of(&format!("owner {number}"), NOW)).collect();
    let mut taken = 0;
    for key in &keys {
        node.register_key(key, NOW).unwrap();
        taken += usize::from(node.put_record(&large_record("issuer", key, NOW), NOW).is_ok());
    }
    assert!((12..16).contains(&taken), "{taken}");
    assert_refused(&mut node, &[Peer::named("issuer").id(), "for one owner"], |node| {
        node.put_record(&large_record("issuer", &keys[29], NOW), NOW)
    });
    node.put_record(&large_record("issuer", &keys[0], NOW + 1), NOW + 1)
        .unwrap();
    let issuer = Peer::named("issuer");
    node.add_tombstone(&issuer.tombstone(&keys[0].id, &issuer, NOW + 2), NOW + 2)
        .unwrap();
    node.put_record(&large_record("issuer", &keys[29], NOW + 2), NOW + 2)
        .unwrap();
    assert_eq!(stored(&node), counted(&node));
}

#[test]
fn of_a_batch_what_fits_comes_in() {
    let mut node = limited(MIB, OWNER_BYTES_MIN);
    let keys: Vec<Key> = (0..20).map(|number| key_of(&format!("owner {number}"), NOW)).collect();
    for key in &keys {
        node.register_key(key, NOW).unwrap();
        let _ = node.put_record(&large_record("full", key, NOW), NOW);
    }
    let batch = ["first", "full", "second"].map(|issuer| large_record(issuer, &keys[19], NOW));
    let republished = node.republish_records(&batch, NOW).unwrap();
    assert_eq!(republished.updated, 2);
    assert_text(&republished.error(), &["1 refused", "item 1: ", "for one owner"]);
    assert_eq!(node.get_records(&keys[19].id, NOW).unwrap().len(), 2);
    assert_eq!(stored(&node), counted(&node));
}

#[test]
fn what_does_not_fit_is_not_acknowledged_to_a_neighbour() {
    let mut node = limited(MIB, OWNER_BYTES_MIN);
    let owner = Peer::named("owner");
    for number in 0..1_000 {
        let _ = node.register_key(&owner.key(&format!("label {number}"), NOW), NOW);
    }
    let keys = [owner.key("one more", NOW), key_of("another", NOW)];
    let items: Vec<BundleItem> = keys.iter().map(|key| BundleItem::new(key.clone())).collect();
    let receipt = node.take_replica(&pack_bundle(&items), &[], NOW).unwrap();
    let settled = KeySet::parse(&receipt).unwrap();
    assert_eq!((settled.contains(0), settled.contains(1)), (false, true));
    assert_eq!((holds(&mut node, &keys[0]), holds(&mut node, &keys[1])), (false, true));
}

#[test]
fn a_flood_of_fresh_identities_leaves_what_came_on_earlier_days() {
    let mut node = limited(MIB, OWNER_BYTES_MIN);
    let honest = flood(&mut node, "honest", 100, NOW);
    let came_in = flood(&mut node, "flood", 2_000, NEXT_DAY);
    assert!(came_in.len() > 500, "{}", came_in.len());
    assert!(
        stored(&node) <= MIB && stored(&node) > MIB - MIB / 10,
        "{}",
        stored(&node)
    );
    for key in &honest {
        assert!(holds(&mut node, key));
        assert_eq!(node.get_records(&key.id, NEXT_DAY).unwrap().len(), 1);
    }
    // They renew as before.
    let renewed = Peer::named("honest 0").own_record(&honest[0].id, "value", NEXT_DAY);
    node.put_record(&renewed, NEXT_DAY).unwrap();
}

#[test]
fn of_one_day_the_keys_closest_to_the_node_stay() {
    let mut node = limited(MIB, MIB);
    let owners: Vec<Peer> = (0..8).map(|number| Peer::named(&format!("owner {number}"))).collect();
    let long = "x".repeat(450);
    let mut keys: Vec<Key> = (0..2_500)
        .map(|number| owners[number % owners.len()].key(&format!("{number} {long}"), NOW))
        .collect();
    for key in &keys {
        let _ = node.register_key(key, NOW);
    }
    let place = Sha256::digest(bs58::decode(node.host.id()).into_vec().unwrap());
    let distance = |key: &Key| -> Vec<u8> {
        let target = Sha256::digest([&[0x12, key.id.len() as u8], key.id.as_bytes()].concat());
        target
            .iter()
            .zip(&place)
            .map(|(target, place)| target ^ place)
            .collect()
    };
    keys.sort_by_key(distance);
    let held: Vec<bool> = keys.iter().map(|key| holds(&mut node, key)).collect();
    let count = held.iter().filter(|held| **held).count();
    assert!((1_000..2_000).contains(&count), "{count}");
    assert!(held[..count * 9 / 10].iter().all(|held| *held), "a close key is gone");
}

#[test]
fn a_flood_takes_a_quarter_of_a_full_node_a_day_and_no_more() {
    let mut node = limited(MIB, OWNER_BYTES_MIN);
    let before = flood(&mut node, "before", 3_000, NOW);
    let before: Vec<Key> = before.into_iter().filter(|key| holds(&mut node, key)).collect();
    let came_in = flood(&mut node, "flood", 1_500, NEXT_DAY);
    assert!(came_in.len() > 100, "newcomers find no place");
    let left = before.iter().filter(|key| holds(&mut node, key)).count();
    assert!(left * 100 >= before.len() * 70, "{left} of {}", before.len());
    assert!(left < before.len());
}

#[test]
fn a_newcomer_that_would_go_first_is_refused_and_told_so() {
    let mut node = limited(MIB, OWNER_BYTES_MIN);
    flood(&mut node, "before", 3_000, NOW);
    let refused = (0..1_000)
        .map(|number| key_of(&format!("late {number}"), NOW))
        .find(|key| node.register_key(key, NOW).is_err())
        .expect("some are far");
    assert_refused(
        &mut node,
        &["full", &refused.id, "1048576", "set_storage_limits"],
        |node| node.register_key(&refused, NOW),
    );
}

#[test]
fn a_key_of_proved_weight_finds_a_place_on_a_full_node() {
    let mut node = limited(MIB, OWNER_BYTES_MIN);
    flood(&mut node, "before", 3_000, NOW);
    for number in 0..50 {
        let key = key_of(&format!("late {number}"), NOW);
        let owner = Peer::named(&format!("late {number}"));
        let weight: WeightResult = weight_of(owner.id(), 1);
        let origins = Origins::new(&node.host, &owner, 8).time(7).weight(6);
        let ids = vec![owner.id().to_owned()];
        node.call(origins, |call| call.register_key(ids, key.clone(), &weight, NOW))
            .unwrap();
        assert!(holds(&mut node, &key));
    }
}

#[test]
fn dead_keys_go_before_all_others() {
    let mut node = limited(MIB, OWNER_BYTES_MIN);
    flood(&mut node, "before", 3_000, NOW);
    let later = NOW + 25 * HOUR;
    let came_in = flood(&mut node, "later", 500, later);
    assert_eq!(came_in.len(), 500);
    for key in &came_in {
        assert!(holds(&mut node, key));
    }
}

#[test]
fn records_of_this_very_node_stay_whatever_comes() {
    let mut node = limited(MIB, OWNER_BYTES_MIN);
    let key = key_of("owner", NOW);
    node.register_key(&key, NOW).unwrap();
    let metadata = Peer::named("issuer").metadata(&key.id, &node.host, "value", NOW);
    node.put_host_record(&metadata, NOW).unwrap();
    node.put_record(&Peer::named("other").own_record(&key.id, "value", NOW), NOW)
        .unwrap();
    for day in 0..6 {
        flood(&mut node, &format!("flood {day}"), 1_500, NEXT_DAY + day * 24 * HOUR);
    }
    let now = NEXT_DAY + 5 * 24 * HOUR;
    let peers = node.get_records(&key.id, now).unwrap();
    assert_eq!(peers.len(), 1);
    assert_eq!(peers[0].metadata.peer_id, node.host.id());
    assert_eq!(stored(&node), counted(&node));
}

/// Hosting must not be a way to keep what others put there.
#[test]
fn what_others_put_under_a_hosted_key_makes_room_like_everything_else() {
    let mut node = limited(MIB, 2 * OWNER_BYTES_MIN);
    let mut keys = Vec::new();
    for number in 0..30 {
        let key = key_of(&format!("owner {number}"), NOW);
        node.register_key(&key, NOW).unwrap();
        let metadata = Peer::named("issuer").metadata(&key.id, &node.host, "value", NOW);
        node.put_host_record(&metadata, NOW).unwrap();
        for provider in 0..8 {
            let _ = node.put_record(&large_record(&format!("{number} {provider}"), &key, NOW), NOW);
        }
        keys.push(key);
    }
    let weighed: usize = (0..200)
        .filter(|number| {
            let owner = Peer::named(&format!("weighed {number}"));
            let key = owner.key("a resource", NOW);
            let origins = Origins::new(&node.host, &owner, 8).time(7).weight(6);
            let ids = vec![owner.id().to_owned()];
            node.call(origins, |call| {
                call.register_key(ids, key, &weight_of(owner.id(), 1), NOW)
            })
            .is_ok()
        })
        .count();
    assert_eq!(weighed, 200);
    for key in &keys {
        let hosted = node.get_records(&key.id, NOW).unwrap();
        assert!(hosted.iter().any(|record| record.metadata.peer_id == node.host.id()));
    }
    assert_eq!(stored(&node), counted(&node));
}

#[test]
fn a_lower_limit_is_reached_in_bounded_batches() {
    let mut node = limited(4 * MIB, OWNER_BYTES_MIN);
    flood(&mut node, "before", 3_500, NOW);
    let before = stored(&node);
    assert!(before > 2 * MIB);
    limit(&mut node, MIB, OWNER_BYTES_MIN);
    assert_eq!(stored(&node), before);
    let first = node.clear_expired(NOW).unwrap();
    assert!(
        (1..=SHRINK_BATCH_KEYS as u64 + 16).contains(&first.keys),
        "{}",
        first.keys
    );
    while node.clear_expired(NOW).unwrap().keys > 0 {}
    assert!(stored(&node) <= MIB && stored(&node) > MIB / 2);
    check_promises(node.registry().store());
}

#[test]
fn clearing_is_not_done_before_a_lower_limit_is_reached() {
    let mut node = limited(4 * MIB, OWNER_BYTES_MIN);
    flood(&mut node, "before", 3_500, NOW);
    limit(&mut node, MIB, OWNER_BYTES_MIN);
    let mut runs = 0;
    while stored(&node) > MIB {
        assert!(clear_every(&mut node, 24 * HOUR, NOW + runs).keys > 0);
        runs += 1;
    }
    assert!(runs > 1);
    flood(&mut node, "after", 10, NOW);
    limit(&mut node, STORAGE_BYTES_MIN, OWNER_BYTES_MIN);
    assert_eq!(clear_every(&mut node, 24 * HOUR, NOW + runs).keys, 0);
}

/// As the spell does it.
fn clear_every(node: &mut NativeNode, interval_sec: u64, now: u64) -> Cleared {
    let origins = Origins::new(&node.host, &node.host, 2).time(1);
    node.call(origins, |call| call.clear_expired_every(interval_sec, now))
        .unwrap()
}

#[test]
fn limits_and_sums_survive_a_restart() {
    let mut node = limited(MIB, OWNER_BYTES_MIN);
    let owner = Peer::named("honest 7");
    flood(&mut node, "honest", 100, NOW);
    let of = |node: &NativeNode| node.registry().store().stored_bytes_of(owner.id());
    let (sum, limits) = (stored(&node), node.registry().store().storage_limits());
    assert!(of(&node) > 0);
    node = node.restart(|_| ()).unwrap();
    assert_eq!((stored(&node), node.registry().store().storage_limits()), (sum, limits));
    assert!(of(&node) > 0);
}

#[test]
fn only_the_host_and_the_creator_set_limits_and_only_sensible_ones() {
    let mut node = NativeNode::new(Peer::named("host"));
    publish(&mut node, "owner", NOW).unwrap();
    let origins = |node: &NativeNode, peer: &Peer| Origins::new(&node.host, peer, 2);
    let anybody = Peer::named("anybody");
    assert_refused(&mut node, &["set_storage_limits", anybody.id()], |node| {
        node.call(origins(node, &anybody), |call| {
            call.set_storage_limits(MIB, OWNER_BYTES_MIN)
        })
    });
    let host = node.host.clone();
    for (total, owner, word) in [
        (STORAGE_BYTES_MIN - 1, OWNER_BYTES_MIN, "total_bytes 1048575"),
        (u64::MAX, OWNER_BYTES_MIN, "total_bytes"),
        (MIB, OWNER_BYTES_MIN - 1, "owner_bytes 65535"),
        (MIB, MIB + 1, "owner_bytes 1048577"),
    ] {
        assert_refused(&mut node, &[word, "outside"], |node| {
            node.call(origins(node, &host), |call| call.set_storage_limits(total, owner))
        });
    }
    assert_eq!(
        node.registry().store().storage_limits().total_bytes,
        STORAGE_BYTES_DEFAULT
    );
    let stats = node.get_stats(NOW).unwrap();
    assert_eq!(
        (stats.stored_bytes, stats.limits.total_bytes),
        (counted(&node), STORAGE_BYTES_DEFAULT)
    );
}

#[test]
fn rows_of_version_1_are_charged_to_their_owners_and_stay_longest() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("registry.sqlite");
    let sql = include_str!("fixtures/version_1.sql");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let mut node = NativeNode::at(Peer::named("host"), &path).unwrap();
    let before = dump(&node);
    assert_eq!(stored(&node), counted(&node));
    for peer in ["owner", "provider", "issuer"] {
        assert!(
            node.registry().store().stored_bytes_of(Peer::named(peer).id()) > 200,
            "{peer}"
        );
    }
    limit(&mut node, MIB, OWNER_BYTES_MIN);
    flood(&mut node, "flood", 2_000, NOW);
    let after = dump(&node);
    for row in before.lines().filter(|line| !line.starts_with("setting ")) {
        assert!(after.contains(row), "{row} is gone");
    }
    assert_eq!(stored(&node), counted(&node));
}

#[test]
fn a_flood_of_one_issuers_tombstones_pushes_out_none_but_its_own() {
    let mut node = NativeNode::new(Peer::named("host"));
    let key = key_of("owner", NOW);
    node.register_key(&key, NOW).unwrap();
    let genuine = Peer::named("genuine");
    let voided = genuine.tombstone(&key.id, &genuine, NOW - HOUR);
    node.add_tombstone(&voided, NOW).unwrap();
    let flooder = Peer::named("flooder");
    for number in 0..TOMBSTONES_PER_KEY_MAX + 50 {
        let peer = Peer::named(&format!("peer {number}"));
        node.add_tombstone(&flooder.tombstone(&key.id, &peer, NOW), NOW).ok();
    }
    let held = node.get_tombstones(&key.id, NOW).unwrap();
    assert_eq!(held.len(), TOMBSTONES_PER_KEY_MAX);
    assert!(held.contains(&voided));
}

#[test]
fn a_host_takes_a_bounded_number_of_records_for_itself_that_nobody_has_weighed() {
    let mut node = NativeNode::new(Peer::named("host"));
    let key = key_of("owner", NOW);
    node.register_key(&key, NOW).unwrap();
    // However many records of weighed issuers there are, they close the node to nobody.
    let fill = |node: &mut NativeNode, weight: u32| {
        node.run_raw(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {HOST_RECORDS_MAX})
             INSERT INTO entries SELECT randomblob(32), randomblob(21), 0, dated, body, issuer, provider, signed, {weight}
             FROM n, (SELECT * FROM entries WHERE provider <> 0 LIMIT 1)"
        ))
        .unwrap();
    };
    let first = Peer::named("first").metadata(&key.id, &node.host, "value", NOW);
    node.put_host_record(&first, NOW).unwrap();
    fill(&mut node, 1);
    let early = Peer::named("early").metadata(&key.id, &node.host, "value", NOW);
    node.put_host_record(&early, NOW).unwrap();
    fill(&mut node, 0);
    let issuer = Peer::named("issuer");
    let metadata = issuer.metadata(&key.id, &node.host, "value", NOW);
    assert_refused(&mut node, &["10000 records", "weight"], |node| {
        node.put_host_record(&metadata, NOW)
    });
    let origins = Origins::new(&node.host, &issuer, 3).time(2).weight(1);
    let weight = weight_of(issuer.id(), 1);
    node.call(origins, |call| call.put_host_record(metadata, &[weight], NOW))
        .unwrap();
}

/// What the records of a batch come to that a limit cuts is seen by the next reader, and charged once.
#[test]
fn a_batch_that_a_limit_cuts_is_read_as_it_lies_in_the_file() {
    let mut node = limited(4 * MIB, OWNER_BYTES_MIN);
    for number in 0..20 {
        let key = key_of(&format!("owner {number}"), NOW);
        node.register_key(&key, NOW).unwrap();
        let _ = node.put_record(&large_record("full", &key, NOW), NOW);
    }
    let key = key_of("owner", NOW);
    node.register_key(&key, NOW).unwrap();
    // The same again, later than it came.
    node.republish_key(&key, NOW + 5).unwrap();
    let batch = ["full", "fits"].map(|issuer| large_record(issuer, &key, NOW));
    let mut sums = Vec::new();
    for _ in 0..3 {
        let republished = node.republish_records(&batch, NOW + 6).unwrap();
        assert_eq!(republished.refused.len(), 1);
        assert_eq!(node.get_records(&key.id, NOW + 6).unwrap(), batch[1..]);
        check_promises(node.registry().store());
        sums.push(stored(&node));
    }
    assert_eq!(sums, [sums[0]; 3]);
}

/// Many keys and peers under limits that are always met: whatever comes, what is in memory is what lies in the file, what is
/// charged are its rows, and a node that is started anew answers the same.
#[test]
fn memory_file_and_sums_agree_after_any_history() {
    let mut keys_cleared = 0;
    for seed in 0..12 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut node = limited(MIB, OWNER_BYTES_MIN * random.gen_range(1..3));
        let clear_batch = random.gen_range(2..8);
        node.set_clear_batch(clear_batch);
        let mut now = NOW;
        let mut keys: Vec<Key> = Vec::new();
        for step in 0..250 {
            let peers = |random: &mut StdRng| Peer::named(&format!("peer {}", random.gen_range(0..10)));
            let (peer, other) = (peers(&mut random), peers(&mut random));
            let new_key = other.key(&format!("label {}", random.gen_range(0..6)), now);
            let known = (!keys.is_empty()).then(|| keys[random.gen_range(0..keys.len())].clone());
            // Mostly a key that is here, as it came.
            let key = known.filter(|_| random.gen_ratio(3, 4)).unwrap_or(new_key);
            let value = "v".repeat(random.gen_range(0..4_096));
            match random.gen_range(0..16) {
                0..=1 => drop(node.register_key(&key, now)),
                2..=3 => drop(node.republish_key(&key, now)),
                4..=6 => drop(node.put_record(&peer.own_record(&key.id, &value, now), now)),
                7 => drop(node.add_tombstone(&peer.tombstone(&key.id, &peer, now), now)),
                8..=9 => {
                    let records: Vec<Record> = (0..random.gen_range(1..40))
                        .map(|_| peers(&mut random).own_record(&key.id, &value, now))
                        .collect();
                    drop(node.republish_records(&records, now));
                }
                10 => drop(node.put_host_record(&peer.metadata(&key.id, &node.host, &value, now), now)),
                11 if random.gen() => keys_cleared += node.clear_expired(now).unwrap().keys,
                11 => {
                    let mut cleared = clear_every(&mut node, 1, now);
                    while cleared != Cleared::default() {
                        check_promises(node.registry().store());
                        keys_cleared += cleared.keys;
                        cleared = clear_every(&mut node, 1, now);
                    }
                    assert_eq!(node.clear_expired(now), Ok(Cleared::default()), "it counts as done");
                }
                12 => drop(node.get_records(&key.id, now)),
                13 => drop(node.evict_stale(now)),
                14 => now += random.gen_range(0..30),
                _ => now += random.gen_range(0..10) * HOUR,
            }
            keys.push(key.clone());
            println!("seed {seed}, step {step}");
            check_promises(node.registry().store());
            assert!(stored(&node) <= MIB);
            if step % 25 == 0 {
                // A few: reading is a use, and others are to end.
                let read = |node: &mut NativeNode| {
                    let lists = keys.iter().rev().take(3).map(|key| node.get_records(&key.id, now).ok());
                    lists.collect::<Vec<_>>()
                };
                let (answers, sum) = (read(&mut node), stored(&node));
                node = node.restart(|_| ()).unwrap();
                node.set_clear_batch(clear_batch);
                assert_eq!(stored(&node), sum);
                assert!(read(&mut node) == answers, "after a restart it answers otherwise");
            }
        }
    }
    assert!(keys_cleared > 10, "{keys_cleared} keys cleared");
}
