//! What travels when nodes replicate: one round between two nodes, text by text, each built here by hand from the
//! description in docs/WIRE.md and printed there as a vector.

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;
use registry_service::calls::ReplicaStep;
use registry_service::domain::data::{Key, Record, Tombstone};
use registry_service::domain::{signing, KeyId};
use registry_testkit::{NativeNode, Origins, Peer};
use sha2::{Digest, Sha256};

const WIRE: &str = include_str!("../../docs/WIRE.md");
const CREATED: u64 = 1_700_000_000;
const INTERVAL_SEC: u64 = 3_600;
const NOW: u64 = CREATED + 2 * INTERVAL_SEC;

/// A node that holds a key with a record and a tombstone.
struct Scene {
    node: NativeNode,
    key: Key,
    record: Record,
    tombstone: Tombstone,
}

fn scene() -> Scene {
    let mut node = NativeNode::new(Peer::named("host"));
    let key = Peer::named("owner").key("label", CREATED);
    let record = Peer::named("provider").own_record(&key.id, "value", CREATED);
    let tombstone = Peer::named("issuer").tombstone(&key.id, &Peer::named("gone"), CREATED);
    node.register_key(&key, CREATED).unwrap();
    node.put_record(&record, CREATED).unwrap();
    node.add_tombstone(&tombstone, CREATED).unwrap();
    Scene {
        node,
        key,
        record,
        tombstone,
    }
}

fn neighbour() -> NativeNode {
    NativeNode::new(Peer::named("neighbour"))
}

fn begin(node: &mut NativeNode) -> ReplicaStep {
    let peers = vec![Peer::named("neighbour").id().to_owned()];
    node.begin_replication(peers, INTERVAL_SEC, NOW).unwrap()
}

fn compare(node: &mut NativeNode, round: &ReplicaStep) -> String {
    node.compare_replica(&round.text, &round.asks[0].what, NOW).unwrap()
}

/// What comes next when the neighbour has answered.
fn answered(node: &mut NativeNode, round: &ReplicaStep, function: &str, text: &str) -> ReplicaStep {
    let neighbour = Peer::named("neighbour");
    let from = (neighbour.id(), function);
    node.note_replica(round.round, from, Ok(text.to_owned())).unwrap();
    node.continue_replication(round.round, NOW).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    Sha256::digest(parts.concat()).to_vec()
}

/// postcard's integer: seven bits a byte, the lowest first.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// postcard's bytes and strings: behind their length.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn record_digest(record: &Record) -> Vec<u8> {
    sha256(&[
        &signing::record_bytes(&record.metadata, record.timestamp_created),
        &record.signature,
    ])
}

fn tombstone_digest(tombstone: &Tombstone) -> Vec<u8> {
    sha256(&[&signing::tombstone_bytes(tombstone), &tombstone.issuer_signature])
}

fn key_digest(key: &Key) -> Vec<u8> {
    sha256(&[&signing::key_bytes(key), &key.signature])
}

fn fingerprint(scene: &Scene) -> Vec<u8> {
    let Scene {
        key, record, tombstone, ..
    } = scene;
    let key_id = KeyId::of(&key.label, &key.owner_peer_id);
    let mut digests = [key_digest(key), record_digest(record), tombstone_digest(tombstone)];
    digests.sort();
    sha256(&[key_id.as_bytes(), &digests.concat()])[..16].to_vec()
}

fn assert_documented(what: &str, text: &str) {
    assert!(WIRE.contains(&format!("`{text}`")), "docs/WIRE.md lacks {what}: {text}");
}

#[test]
fn the_peers_of_the_vectors_are_those_of_the_documentation() {
    for name in ["owner", "provider", "issuer", "gone"] {
        assert_documented(name, Peer::named(name).id());
    }
    assert_documented("the key's id", &scene().key.id);
}

#[test]
fn a_list_of_digests_holds_the_beginning_of_each_key_id_and_its_fingerprint() {
    let mut scene = scene();
    let round = begin(&mut scene.node);
    let key_id = KeyId::of(&scene.key.label, &scene.key.owner_peer_id);
    let by_hand = base64(&[&[1, 1], &key_id.as_bytes()[..8], &fingerprint(&scene), &[0]].concat());
    assert_eq!(round.text, by_hand);
    assert_documented("the list of digests", &by_hand);
}

#[test]
fn keys_that_do_not_belong_to_the_offering_node_stand_behind_the_digests() {
    let mut scene = scene();
    let belongs = STANDARD_NO_PAD.decode(begin(&mut scene.node).text).unwrap();
    let mut fresh = self::scene();
    // Of two hundred peers, some twenty are closer to the key than the node.
    let peers: Vec<String> = (0..200)
        .map(|number| Peer::named(&format!("peer {number}")).id().to_owned())
        .collect();
    let near = |node: &mut NativeNode| {
        let origins = Origins::new(&node.host, &node.host, 2);
        node.call(origins, |call| {
            Ok(call.get_neighbourhood(&scene.key.id, vec![peers.clone()])?)
        })
    };
    let near = near(&mut fresh.node).unwrap();
    assert!(!near.contains(&fresh.node.host.id().to_owned()));
    let round = fresh.node.begin_replication(near, INTERVAL_SEC, NOW).unwrap();
    let by_hand = [&belongs[..belongs.len() - 1], &[1, 0b1]].concat();
    assert_eq!(round.text, base64(&by_hand));
    assert_documented("the digests of an outsider", &round.text);
}

#[test]
fn a_key_set_has_a_bit_for_each_position_the_lowest_first() {
    let mut scene = scene();
    let round = begin(&mut scene.node);
    assert_eq!(round.asks[0].what, "*", "all keys of the round");
    let both = [3, 9]
        .into_iter()
        .collect::<registry_service::domain::KeySet>()
        .encode();
    assert_eq!(both, base64(&[0b1000, 0b10]));
    for set in [&round.asks[0].what, &base64(&[0b1]), &both] {
        assert_documented("a key set", set);
    }
}

#[test]
fn an_answer_names_what_is_the_same_and_what_is_held_of_the_rest() {
    let mut scene = scene();
    let round = begin(&mut scene.node);
    let mut neighbour = neighbour();
    let nothing = compare(&mut neighbour, &round);
    assert_eq!(nothing, base64(&[1, 0, 1, 0, 0]));

    neighbour.republish_key(&scene.key, CREATED).unwrap();
    neighbour.republish_records(&[scene.record.clone()], NOW).unwrap();
    let part = compare(&mut neighbour, &round);
    let mut tags = [&key_digest(&scene.key)[..8], &record_digest(&scene.record)[..8]].map(<[u8]>::to_vec);
    tags.sort();
    assert_eq!(part, base64(&[&[1, 0, 1, 0, 2], &tags.concat()[..]].concat()));

    neighbour.republish_tombstones(&[scene.tombstone.clone()], NOW).unwrap();
    let same = compare(&mut neighbour, &round);
    assert_eq!(same, base64(&[1, 1, 0b1, 0]));
    for answer in [&nothing, &part, &same] {
        assert_documented("an answer", answer);
    }
}

#[test]
fn what_is_wanted_are_keys_with_the_tags_that_others_have_named() {
    let mut scene = scene();
    let mut newcomer = neighbour();
    newcomer.republish_key(&scene.key, NOW).unwrap();
    let peers = vec![scene.node.host.id().to_owned()];
    let round = newcomer.begin_replication(peers, INTERVAL_SEC, NOW).unwrap();
    let held = compare(&mut scene.node, &round);
    let from = (scene.node.host.id(), "compare_replica");
    newcomer.note_replica(round.round, from, Ok(held)).unwrap();
    let fetch = newcomer.continue_replication(round.round, NOW).unwrap();
    let key_id = KeyId::of(&scene.key.label, &scene.key.owner_peer_id);
    let mut tags =
        [record_digest(&scene.record), tombstone_digest(&scene.tombstone)].map(|digest| digest[..8].to_vec());
    tags.sort();
    let by_hand = [&[1, 1], &key_id.as_bytes()[..8], &[2], &tags.concat()].concat();
    assert_eq!(fetch.asks[0].what, base64(&by_hand));
    assert_documented("what is wanted", &fetch.asks[0].what);
    let bundle = scene.node.fetch_replica(&fetch.asks[0].what, NOW).unwrap();
    assert_documented("the sha256 of the bundle", &hex::encode(Sha256::digest(&bundle)));
}

#[test]
fn a_bundle_holds_keys_with_what_is_lacking() {
    let mut scene = scene();
    let round = begin(&mut scene.node);
    answered(&mut scene.node, &round, "compare_replica", &base64(&[1, 0, 1, 0, 0]));
    let give = scene.node.continue_replication(round.round, NOW).unwrap();
    let Scene {
        key, record, tombstone, ..
    } = &scene;
    let text = |text: &String| sized(text.as_bytes());
    let id = text(&key.id);
    // One key, and what its owner signed.
    let mut bytes = [vec![1, 1], id.clone(), sized(b"label"), text(&key.owner_peer_id)].concat();
    bytes.extend([varint(CREATED), sized(b""), sized(b""), sized(&key.signature)].concat());
    // One record: no solution, relay or service.
    let Record { metadata, .. } = record;
    bytes.extend([vec![1], id.clone(), text(&metadata.issued_by), text(&metadata.peer_id)].concat());
    bytes.extend([varint(CREATED), sized(b""), text(&metadata.value), vec![0, 0]].concat());
    bytes.extend(
        [
            sized(&metadata.issuer_signature),
            varint(CREATED),
            sized(&record.signature),
        ]
        .concat(),
    );
    // One tombstone.
    bytes.extend([vec![1], id, text(&tombstone.issued_by), text(&tombstone.peer_id)].concat());
    bytes.extend([varint(CREATED), sized(b""), sized(&tombstone.issuer_signature)].concat());
    assert_eq!(give.text, base64(&bytes));
    assert_documented("the sha256 of the bundle", &hex::encode(Sha256::digest(&give.text)));
}

#[test]
fn a_receipt_is_the_set_of_the_bundles_keys_that_are_held_now() {
    let mut scene = scene();
    let round = begin(&mut scene.node);
    let mut neighbour = neighbour();
    let answer = compare(&mut neighbour, &round);
    answered(&mut scene.node, &round, "compare_replica", &answer);
    let give = scene.node.continue_replication(round.round, NOW).unwrap();
    let receipt = neighbour.take_replica(&give.text, &[], NOW).unwrap();
    assert_eq!(receipt, base64(&[0b1]));
    assert_eq!(compare(&mut neighbour, &round), base64(&[1, 1, 0b1, 0]));
    let end = answered(&mut scene.node, &round, "take_replica", &receipt);
    assert_eq!((end.taken, end.exchanged, end.dropped), (1, 1, 0));
}
