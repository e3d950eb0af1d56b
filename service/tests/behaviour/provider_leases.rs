//! Providers that are registered for a time: they sign as if long ago, and end when their lease does.

use registry_service::calls::CallError;
use registry_service::domain::data::Record;
use registry_service::domain::limits::{LEASE_MIN_SEC, RECORDS_PER_KEY_MAX};
use registry_testkit::{NativeNode, Origins, Peer};

use crate::support::{assert_refused, cleared, scene, sorted, with_providers, Scene, DAY, HOUR, NOW};

const MINUTE: u64 = 60;

fn begin_lease(node: &mut NativeNode, client: &Peer, lease_sec: u64, now: u64) -> Result<u64, CallError> {
    let origins = Origins::new(&node.host, client, 2).time(1);
    node.call(origins, |call| call.begin_lease(lease_sec, now))
}

/// As a script makes it: issued now, and signed as long ago as the lease says.
fn leased(scene: &mut Scene, provider: &str, lease_sec: u64, now: u64) -> Record {
    let peer = Peer::named(provider);
    let created = begin_lease(&mut scene.node, &peer, lease_sec, now).unwrap();
    peer.record(peer.metadata(&scene.key_id, &peer, "value", now), created)
}

fn put(scene: &mut Scene, provider: &str, lease_sec: u64, now: u64) {
    let record = leased(scene, provider, lease_sec, now);
    scene.node.put_record(&record, now).unwrap();
}

fn ids(names: &[&str]) -> Vec<String> {
    sorted(names.iter().map(|name| Peer::named(name).id().to_owned()).collect())
}

#[test]
fn readers_see_a_provider_until_the_very_second_in_which_its_lease_ends() {
    for lease_sec in [LEASE_MIN_SEC, 10 * MINUTE, DAY - 1, DAY] {
        let mut scene = scene();
        put(&mut scene, "provider", lease_sec, NOW);
        let end = NOW + lease_sec;
        assert_eq!(scene.providers(end - 1), ids(&["provider"]), "{lease_sec}");
        scene.node.clear_expired(end - 1).unwrap();
        // Read at its last second, the key itself lives on.
        assert_eq!(scene.providers(end), Vec::<String>::new(), "{lease_sec}");
        assert_eq!(scene.node.clear_expired(end).unwrap(), cleared(0, 1, 0));
    }
}

#[test]
fn what_is_no_lease_is_refused_with_its_limits() {
    let mut scene = scene();
    let client = Peer::named("provider");
    for lease_sec in [0, LEASE_MIN_SEC - 1, DAY + 1, i64::MAX as u64] {
        assert_refused(
            &mut scene.node,
            &[
                &format!("a lease of {lease_sec} s is outside 60..=86400 s"),
                "register without",
            ],
            |node| begin_lease(node, &client, lease_sec, NOW),
        );
    }
    scene.node.set_expired_timeout(HOUR).unwrap();
    assert_refused(&mut scene.node, &["a lease of 3601 s is outside 60..=3600 s"], |node| {
        begin_lease(node, &client, HOUR + 1, NOW)
    });
    // Shorter than the shortest lease: there is none.
    scene.node.set_expired_timeout(30).unwrap();
    assert_refused(&mut scene.node, &["outside 60..=30 s"], |node| {
        begin_lease(node, &client, MINUTE, NOW)
    });
}

/// A node renews what it provides itself, and would turn the lease into a registration for ever.
#[test]
fn a_node_takes_no_lease_for_itself() {
    let mut scene = scene();
    let host = scene.host();
    assert_refused(
        &mut scene.node,
        &[host.id(), "renews its own records", "without a lease"],
        |node| begin_lease(node, &host.clone(), HOUR, NOW),
    );
}

#[test]
fn renewed_a_lease_ends_when_the_last_one_does() {
    let mut scene = scene();
    for turn in 0..10 {
        put(&mut scene, "provider", MINUTE, NOW + turn * 20);
    }
    let end = NOW + 9 * 20 + MINUTE;
    assert_eq!(scene.providers(end - 1), ids(&["provider"]));
    assert_eq!(scene.providers(end), Vec::<String>::new());
    // And it can be taken again.
    put(&mut scene, "provider", MINUTE, end + HOUR);
    assert_eq!(scene.providers(end + HOUR), ids(&["provider"]));
}

#[test]
fn a_short_lease_is_not_the_first_to_go_of_33() {
    let names: Vec<String> = (0..RECORDS_PER_KEY_MAX).map(|n| format!("provider {n}")).collect();
    let mut scene = scene();
    put(&mut scene, "leased", MINUTE, NOW + 5);
    for name in &names[1..] {
        let record = scene.record(name, NOW);
        scene.node.put_record(&record, NOW + 5).unwrap();
    }
    let record = scene.record(&names[0], NOW + 10);
    scene.node.put_record(&record, NOW + 10).unwrap();
    let found = scene.providers(NOW + 10);
    assert_eq!(found.len(), RECORDS_PER_KEY_MAX);
    assert!(
        found.contains(&Peer::named("leased").id().to_owned()),
        "it was issued later than 31 others"
    );
    // Nor can it stay for ever: the next ones outrank it.
    for (turn, name) in names[1..].iter().enumerate() {
        let record = scene.record(&format!("newer {name}"), NOW + 11 + turn as u64);
        scene.node.put_record(&record, NOW + 50).unwrap();
    }
    let record = scene.record("last", NOW + 50);
    scene.node.put_record(&record, NOW + 50).unwrap();
    assert!(!scene
        .providers(NOW + 50)
        .contains(&Peer::named("leased").id().to_owned()));
}

#[test]
fn a_tombstone_voids_a_lease_and_a_later_lease_stands_again() {
    let mut scene = scene();
    let provider = Peer::named("provider");
    put(&mut scene, "provider", HOUR, NOW);
    let tombstone = provider.tombstone(&scene.key_id, &provider, NOW + 1);
    scene.node.add_tombstone(&tombstone, NOW + 1).unwrap();
    assert_eq!(scene.providers(NOW + 1), Vec::<String>::new());
    let record = leased(&mut scene, "provider", HOUR, NOW);
    assert_refused(&mut scene.node, &["tombstone", "already stands"], |node| {
        node.put_record(&record, NOW + 1)
    });
    put(&mut scene, "provider", MINUTE, NOW + 2);
    assert_eq!(scene.providers(NOW + 2), ids(&["provider"]));
}

#[test]
fn neighbours_take_a_lease_over_and_see_it_end_in_the_same_second() {
    let mut scene = scene();
    let record = leased(&mut scene, "provider", 10 * MINUTE, NOW);
    let mut other = NativeNode::new(Peer::named("other"));
    other.register_key(&scene.key, NOW).unwrap();
    assert_eq!(
        other
            .republish_records(&[record.clone()], NOW + 9 * MINUTE)
            .unwrap()
            .updated,
        1
    );
    let end = NOW + 10 * MINUTE;
    assert_eq!(other.get_records(&scene.key_id, end - 1).unwrap(), [record.clone()]);
    assert_eq!(other.get_records(&scene.key_id, end).unwrap(), []);
    assert_refused(&mut other, &["expired", "sign it again"], |node| {
        let republished = node.republish_records(&[record.clone()], end)?;
        Err::<(), _>(republished.refused.into_iter().next().expect("to be refused").1)
    });
}

/// The times of a record that ends are reckoned with the `expired_timeout` of the relay; every node applies its own.
#[test]
fn where_nodes_let_records_live_for_different_times_a_lease_ends_so_much_earlier_or_later() {
    let mut scene = scene();
    let record = leased(&mut scene, "provider", HOUR, NOW);
    let mut longer = NativeNode::new(Peer::named("longer"));
    longer.set_expired_timeout(DAY + HOUR).unwrap();
    longer.register_key(&scene.key, NOW).unwrap();
    longer.put_record(&record, NOW).unwrap();
    assert_eq!(longer.get_records(&scene.key_id, NOW + 2 * HOUR - 1).unwrap().len(), 1);
    assert_eq!(longer.get_records(&scene.key_id, NOW + 2 * HOUR).unwrap().len(), 0);
    let mut shorter = NativeNode::new(Peer::named("shorter"));
    shorter.set_expired_timeout(DAY - HOUR).unwrap();
    shorter.register_key(&scene.key, NOW).unwrap();
    assert_refused(&mut shorter, &["expired"], |node| node.put_record(&record, NOW));
}

/// What an issuer said before it takes a lease lives on where the lease did not arrive: who means to end earlier than that
/// voids it first.
#[test]
fn a_tombstone_before_a_lease_ends_what_was_said_before_everywhere() {
    let provider = Peer::named("provider");
    let mut scene = with_providers(&["provider"]);
    let mut missed = NativeNode::new(Peer::named("missed"));
    missed.register_key(&scene.key, NOW).unwrap();
    let before = scene.record("provider", NOW);
    missed.put_record(&before, NOW).unwrap();
    let tombstone = provider.tombstone(&scene.key_id, &provider, NOW + 1);
    scene.node.add_tombstone(&tombstone, NOW + 1).unwrap();
    put(&mut scene, "provider", MINUTE, NOW + 2);
    let end = NOW + 2 + MINUTE;
    scene.node.clear_expired(end).unwrap();
    assert_eq!(scene.node.republish_records(&[before], end).unwrap().updated, 0);
    assert_eq!(scene.providers(end), Vec::<String>::new());
    let told = scene.node.get_tombstones(&scene.key_id, end).unwrap();
    missed.republish_tombstones(&told, end).unwrap();
    assert_eq!(missed.get_records(&scene.key_id, end).unwrap(), []);
}
