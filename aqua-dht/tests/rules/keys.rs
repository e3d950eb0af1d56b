use super::*;

fn key_of(owner: &Peer, created: u64) -> DhtKey {
    DhtKey {
        key: "topic".to_owned(),
        peer_id: owner.id().to_owned(),
        timestamp_created: created,
        pinned: false,
        weight: 0,
    }
}

fn republish(node: &mut Node, key: DhtKey, now: u64) -> Result<(), CallError> {
    node.call(&Peer::named("a neighbour"), 1).republish_key(key, now)
}

fn owner_of(node: &mut Node, now: u64) -> DhtKey {
    node.call(&Peer::named("a reader"), 1)
        .get_key_metadata("topic", now)
        .unwrap()
}

#[test]
fn who_registers_a_key_first_owns_it() {
    let mut node = Node::new();
    let (first, second) = (Peer::named("first"), Peer::named("second"));
    node.register(&first, "topic", NOW).unwrap();
    assert_refused(
        node.register(&second, "topic", NOW + 1),
        "key already exists with different peer_id",
    );
    assert_eq!(owner_of(&mut node, NOW + 2).peer_id, first.id());
}

#[test]
fn the_owner_registers_again_and_the_later_time_stands() {
    let mut node = Node::new();
    let owner = Peer::named("owner");
    node.register(&owner, "topic", NOW).unwrap();
    node.register(&owner, "topic", NOW + 5).unwrap();
    assert_eq!(owner_of(&mut node, NOW + 6).timestamp_created, NOW + 5);
    // The clock was set back.
    node.register(&owner, "topic", NOW + 1).unwrap();
    assert_eq!(owner_of(&mut node, NOW + 6).timestamp_created, NOW + 5);
}

#[test]
fn an_expired_key_can_be_taken_by_another() {
    let mut node = Node::new();
    let (first, second) = (Peer::named("first"), Peer::named("second"));
    node.register(&first, "topic", NOW).unwrap();
    node.put(&first, "topic", "old", 0, NOW).unwrap();
    node.register(&second, "topic", NOW + DAY).unwrap();
    assert_eq!(owner_of(&mut node, NOW + DAY).peer_id, second.id());
    assert_eq!(node.texts("topic", NOW + DAY), [""; 0]);
}

#[test]
fn of_two_owners_the_older_registration_stays_in_whatever_order_they_come() {
    let (older, younger) = (Peer::named("older"), Peer::named("younger"));
    for order in [[0, 1], [1, 0]] {
        let mut node = Node::new();
        for which in order {
            let key = [key_of(&older, NOW - 10), key_of(&younger, NOW)][which].clone();
            republish(&mut node, key, NOW).unwrap();
        }
        assert_eq!(owner_of(&mut node, NOW).peer_id, older.id());
    }
}

#[test]
fn of_two_registrations_of_one_second_the_same_one_stays_everywhere() {
    let peers = [Peer::named("one"), Peer::named("two")];
    let owners = [[0, 1], [1, 0]].map(|order| {
        let mut node = Node::new();
        for which in order {
            republish(&mut node, key_of(&peers[which], NOW), NOW).unwrap();
        }
        owner_of(&mut node, NOW).peer_id
    });
    assert_eq!(owners[0], owners[1]);
}

#[test]
fn a_pin_is_not_passed_on_and_survives_republication() {
    let owner = Peer::named("owner");
    let mut node = Node::new();
    let pinned = DhtKey {
        pinned: true,
        ..key_of(&owner, NOW)
    };
    republish(&mut node, pinned, NOW).unwrap();
    assert!(!owner_of(&mut node, NOW).pinned);

    node.call(&owner, 1).pin_key("topic", NOW, true).unwrap();
    republish(&mut node, key_of(&owner, NOW + 20), NOW + 20).unwrap();
    node.register(&owner, "topic", NOW + 21).unwrap();
    assert!(owner_of(&mut node, NOW + 21).pinned);
}

#[test]
fn the_owner_and_the_node_pin_a_key_nobody_else() {
    let (owner, stranger) = (Peer::named("owner"), Peer::named("stranger"));
    let mut node = Node::new();
    node.register(&owner, "topic", NOW).unwrap();
    assert_refused(node.call(&stranger, 1).pin_key("topic", NOW, true), stranger.id());
    let host = node.host.clone();
    node.call(&host, 1).pin_key("topic", NOW, true).unwrap();
    assert!(owner_of(&mut node, NOW).pinned);
    node.call(&owner, 1).pin_key("topic", NOW, false).unwrap();
    assert!(!owner_of(&mut node, NOW).pinned);
}

#[test]
fn an_unknown_key_is_not_found() {
    let mut node = Node::new();
    let client = Peer::named("client");
    assert_refused(node.call(&client, 1).get_key_metadata("topic", NOW), "not found");
    assert_refused(node.values("topic", NOW), "not found");
    assert_refused(node.put(&client, "topic", "value", 0, NOW), "not found");
    assert_refused(node.republish("topic", vec![], NOW), "not found");
}

#[test]
fn a_key_that_has_expired_or_is_dated_ahead_is_not_taken_in() {
    let owner = Peer::named("owner");
    let mut node = Node::new();
    assert_refused(republish(&mut node, key_of(&owner, NOW - DAY), NOW), "expired");
    assert_refused(republish(&mut node, key_of(&owner, NOW + 31), NOW), "31 s ahead");
    republish(&mut node, key_of(&owner, NOW + 30), NOW).unwrap();
}
