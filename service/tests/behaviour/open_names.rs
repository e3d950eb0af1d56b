//! Open names: everybody makes the same key of a label, and has no right by that which others have not.

use registry_service::calls::{CallError, Plan, Published};
use registry_service::domain::data::Key;
use registry_service::domain::limits::{LABEL_LEN_MAX, NEW_KEY_SEC};
use registry_service::domain::{is_open, signing, verify_key, Extent};
use registry_testkit::{NativeNode, Origins, Peer};
use sha2::{Digest, Sha256};

use crate::support::{assert_refused, assert_text, DAY, NOW};

fn node(name: &str) -> NativeNode {
    NativeNode::new(Peer::named(name))
}

fn open_key(node: &mut NativeNode, label: &str, now: u64) -> Result<Key, CallError> {
    let origins = Origins::new(&node.host, &Peer::named("a client"), 2).time(1);
    node.call(origins, |call| call.open_key(label, now))
}

/// The owner of an open name, as anybody makes it.
fn owner(label: &str) -> Peer {
    let seed = Sha256::digest(format!("fluence-registry/open/1{label}")).to_vec();
    let pair = fluence_keypair::KeyPair::from_secret_key(seed, fluence_keypair::key_pair::KeyFormat::Ed25519);
    Peer::of(pair.unwrap())
}

fn publish(node: &mut NativeNode, published: Published, now: u64) -> Result<(), CallError> {
    let origins = Origins::new(&node.host, &Peer::named("provider"), 6).time(5);
    node.call(origins, |call| call.publish(published, &[], now))
}

fn provided(key: &Key, now: u64) -> Published {
    Published {
        keys: vec![key.clone()],
        records: vec![Peer::named("provider").own_record(&key.id, "value", now)],
        ..Published::default()
    }
}

fn is_partial(node: &mut NativeNode, key_id: &str, now: u64) -> bool {
    let origins = Origins::new(&node.host, &Peer::named("a client"), 3).time(2);
    let answer = node.call(origins, |call| call.get_answer(key_id, "", now)).unwrap();
    Extent::of_answer(&answer) == Extent::Partial
}

/// The vectors of docs/WIRE.md.
#[test]
fn the_label_alone_gives_owner_id_bytes_and_signature() {
    let vectors = [
        (
            "chat",
            "12D3KooWHBvBp8YsTk9rZk47xgDNKTiqZEZYwYU2F7S4rhsMiuFN",
            "7YAjq7JRWbhYJvJkP5U4DMzPci2zJqiWnztPnU35h9Z7",
            "4f9d9c5571ec5885743b002e0e968e6b5a05d15735b0676367c65ad7b9c48b6a",
            "c5c8027f2f6020e7572434c30319f2e52e0bf3f1fee59ff02523ed37522b482f0a46121dc0793f51b0cc7ec1c802f7584d2811c0b6b92436f3fe30b8f6e29d08",
        ),
        (
            "grüße/1",
            "12D3KooWLvnKy1iiRF2oDpwgvQjWzcGpHfy6xwmcPHMc27PGS8t7",
            "6Y5rKQ4xQ8EDtpQ51kRWcrVjJkKMW1JWQ8jGt9svcxTF",
            "81da5e19e0cad9a32878f0aee96c87443b639f8b636208b07ac1e514aa88c505",
            "04a07c517b31a021ce21d06fcf29f79d4d457ffad72af942550f8102e1a21f2ec2198071face6e0c3c626ba1e4172f5b4c72555b218f39f5cd6316752998100c",
        ),
    ];
    for (label, owner_peer_id, id, bytes, signature) in vectors {
        let key = open_key(&mut node("host"), label, NOW).unwrap();
        assert_eq!((key.owner_peer_id.as_str(), key.id.as_str()), (owner_peer_id, id));
        assert_eq!((key.label.as_str(), key.timestamp_created), (label, NOW));
        assert_eq!(hex::encode(signing::key_bytes(&key)), bytes);
        assert_eq!(hex::encode(&key.signature), signature);
        assert_eq!(owner(label).id(), owner_peer_id);
        assert!(is_open(&key));
        verify_key(key).unwrap();
    }
}

#[test]
fn two_nodes_make_the_same_key_in_the_same_second() {
    let made = open_key(&mut node("one"), "chat", NOW).unwrap();
    assert_eq!(open_key(&mut node("other"), "chat", NOW).unwrap(), made);
    assert_eq!(owner("chat").key("chat", NOW), made);
    let later = open_key(&mut node("other"), "chat", NOW + 1).unwrap();
    assert_eq!((&later.id, later == made), (&made.id, false));
}

#[test]
fn a_label_that_is_none_is_refused_by_what_publishes_it() {
    for (label, words) in [
        (String::new(), ["the label is empty", "give the resource one"]),
        ("l".repeat(LABEL_LEN_MAX + 1), ["label has 513 bytes", "at most 512"]),
    ] {
        let mut node = node("host");
        let error = open_key(&mut node, &label, NOW).unwrap_err().to_string();
        assert_text(&error, &words);
        // What the export returns in its place.
        let key = Key {
            label: label.clone(),
            ..Key::default()
        };
        assert!(!is_open(&key));
        let origins = Origins::new(&node.host, &Peer::named("a client"), 8).time(7);
        let published = Published {
            keys: vec![key],
            ..Published::default()
        };
        let spread = node.call(origins, |call| {
            Ok::<Plan, CallError>(call.spread(published, &[], (Vec::new(), 1), NOW))
        });
        assert_text(&spread.unwrap().here[0].error, &words);
    }
}

#[test]
fn the_time_of_an_open_key_is_the_hosts() {
    let mut node = node("host");
    let unproved = Origins::new(&node.host, &Peer::named("a client"), 2);
    assert_refused(&mut node, &["current_timestamp_sec", "peer.timestamp_sec"], |node| {
        node.call(unproved, |call| call.open_key("chat", NOW))
    });
}

#[test]
fn of_an_open_name_that_was_only_just_made_nobody_holds_more() {
    let mut host = node("host");
    let key = open_key(&mut host, "chat", NOW).unwrap();
    publish(&mut host, provided(&key, NOW), NOW).unwrap();
    assert!(!is_partial(&mut host, &key.id, NOW));
    // An older one comes from others, who may hold more.
    let mut host = node("host");
    let now = NOW + NEW_KEY_SEC + 1;
    publish(&mut host, provided(&key, now), now).unwrap();
    assert!(is_partial(&mut host, &key.id, now));
    // A key whose owner only one peer can be is another matter.
    let mut host = node("host");
    let key = Peer::named("owner").key("chat", NOW);
    publish(&mut host, provided(&key, NOW), NOW).unwrap();
    assert!(is_partial(&mut host, &key.id, NOW));
}

/// As with `register_key`, whoever registers a key uses it.
#[test]
fn a_name_that_is_made_again_lives_on_with_the_key_that_others_know() {
    let (mut used, mut left) = (node("used"), node("left"));
    let key = open_key(&mut used, "chat", NOW).unwrap();
    let alone = Published {
        keys: vec![key.clone()],
        ..Published::default()
    };
    for node in [&mut used, &mut left] {
        publish(node, alone.clone(), NOW).unwrap();
    }
    publish(&mut used, alone, NOW + DAY - 1).unwrap();
    assert!(used.get_records(&key.id, NOW + DAY + 1).unwrap().is_empty());
    assert_refused(&mut left, &["is not known here"], |node| {
        node.get_records(&key.id, NOW + DAY + 1)
    });
}

/// Everybody can sign as the owner. That voids nothing that others have issued, and removes nothing.
#[test]
fn the_owner_of_an_open_name_has_no_right_to_what_others_registered() {
    let mut host = node("host");
    let key = open_key(&mut host, "chat", NOW).unwrap();
    publish(&mut host, provided(&key, NOW), NOW).unwrap();
    let owner = owner("chat");
    let provider = Peer::named("provider");
    host.add_tombstone(&owner.tombstone(&key.id, &provider, NOW + 10), NOW + 10)
        .unwrap();
    assert_eq!(host.get_records(&key.id, NOW + 10).unwrap().len(), 1);
    // A tombstone of the provider's that the owner signs is a forgery.
    let mut forged = provider.tombstone(&key.id, &provider, NOW + 10);
    forged.issuer_signature = owner.sign(&signing::tombstone_bytes(&forged));
    assert_refused(&mut host, &["tombstone's signature"], |node| {
        node.add_tombstone(&forged, NOW + 10)
    });
    // Another registration of the key, whatever it says, leaves the records where they are.
    let mut other = Key {
        challenge: vec![7; 1_024],
        ..owner.key("chat", NOW + 20)
    };
    other.signature = owner.sign(&signing::key_bytes(&other));
    host.republish_key(&other, NOW + 20).unwrap();
    assert_eq!(host.get_key_metadata(&key.id).unwrap(), other);
    assert_eq!(host.get_records(&key.id, NOW + 20).unwrap().len(), 1);
}
