//! What travels when nodes replicate: one round between two nodes, text by text, each built here by hand from the
//! description in docs/WIRE.md and printed there as a vector.

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;
use registry_service::calls::{Answer, ReplicaAnswer, ReplicaParcel, ReplicaRound};
use registry_service::domain::data::{Key, Record, Tombstone};
use registry_service::domain::{signing, KeyId};
use registry_testkit::{NativeNode, Origins, Peer};
use sha2::{Digest, Sha256};

const WIRE: &str = include_str!("../../docs/WIRE.md");
const CREATED: u64 = 1_700_000_000;
const STALE_SEC: u64 = 3_600;
const NOW: u64 = CREATED + STALE_SEC;

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

fn begin(node: &mut NativeNode) -> ReplicaRound {
    let peers = vec![vec![Peer::named("neighbour").id().to_owned()]];
    let origins = Origins::new(&node.host, &node.host, 3).time(2);
    node.call(origins, |call| call.begin_replication(peers, STALE_SEC, NOW))
        .unwrap()
}

fn compare(node: &mut NativeNode, round: &ReplicaRound) -> String {
    let origins = Origins::new(&node.host, &Peer::named("host"), 3).time(2);
    let keys = &round.offers[0].keys;
    node.call(origins, |call| call.compare_replica(&round.digests, keys, NOW))
        .unwrap()
}

fn pack(node: &mut NativeNode, round: &ReplicaRound, answer: &str) -> ReplicaParcel {
    let origins = Origins::new(&node.host, &node.host, 3).time(2);
    let answers = [answered(answer)];
    node.call(origins, |call| call.pack_replica(round, &answers, NOW))
        .unwrap()
}

fn take(node: &mut NativeNode, bundle: &str) -> String {
    node.take_replica(bundle, &[], NOW).unwrap()
}

fn answered(text: &str) -> ReplicaAnswer {
    let answer = Answer {
        good: vec![text.to_owned()],
        bad: Vec::new(),
    };
    ReplicaAnswer::of(Peer::named("neighbour").id(), answer)
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

/// Of a key with these entries, in the order of their issuers.
fn fingerprint_of(key: &Key, entries: &[Vec<u8>]) -> Vec<u8> {
    let key_id = KeyId::of(&key.label, &key.owner_peer_id);
    let hash = sha256(&[
        key_id.as_bytes(),
        &signing::key_bytes(key),
        &sha256(&[&key.signature]),
        &entries.concat(),
    ]);
    hash[..16].to_vec()
}

fn fingerprint(scene: &Scene) -> Vec<u8> {
    let Scene {
        key, record, tombstone, ..
    } = scene;
    let mut entries = [
        (&record.metadata.issued_by, record_digest(record)),
        (&tombstone.issued_by, tombstone_digest(tombstone)),
    ];
    entries.sort();
    fingerprint_of(key, &entries.map(|(_, digest)| digest))
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
    let by_hand = base64(&[&[1], &key_id.as_bytes()[..8], &fingerprint(&scene)].concat());
    assert_eq!(round.digests, by_hand);
    assert_documented("the list of digests", &by_hand);
}

#[test]
fn keys_that_do_not_belong_to_the_offering_node_stand_behind_a_dot() {
    let mut scene = scene();
    let belongs = begin(&mut scene.node).digests;
    let mut fresh = self::scene();
    // Of two hundred peers, some twenty are closer to the key than the node.
    let peers: Vec<String> = (0..200)
        .map(|number| Peer::named(&format!("peer {number}")).id().to_owned())
        .collect();
    let origins = Origins::new(&fresh.node.host, &fresh.node.host, 3).time(2);
    let near = |node: &mut NativeNode| {
        let origins = Origins::new(&node.host, &node.host, 2);
        node.call(origins, |call| {
            Ok(call.get_neighbourhood(&scene.key.id, vec![peers.clone()])?)
        })
    };
    let near = near(&mut fresh.node).unwrap();
    assert!(!near.contains(&fresh.node.host.id().to_owned()));
    let round = fresh
        .node
        .call(origins, |call| call.begin_replication(vec![near], STALE_SEC, NOW))
        .unwrap();
    assert_eq!(round.digests, format!("{belongs}.{}", base64(&[0b1])));
    assert_documented("the digests of an outsider", &round.digests);
}

#[test]
fn a_key_set_has_a_bit_for_each_position_the_lowest_first() {
    let mut scene = scene();
    let round = begin(&mut scene.node);
    assert_eq!(round.offers[0].keys, "*", "all keys of the round");
    let both = [3, 9]
        .into_iter()
        .collect::<registry_service::domain::KeySet>()
        .encode();
    assert_eq!(both, base64(&[0b1000, 0b10]));
    for set in [&round.offers[0].keys, &base64(&[0b1]), &both] {
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

    let mut newcomer = self::neighbour();
    newcomer.republish_key(&scene.key, NOW).unwrap();
    newcomer.republish_records(&[scene.record.clone()], NOW).unwrap();
    assert_eq!(compare(&mut newcomer, &round), nothing, "a partial key");

    neighbour.republish_key(&scene.key, CREATED).unwrap();
    neighbour.republish_records(&[scene.record.clone()], NOW).unwrap();
    let part = compare(&mut neighbour, &round);
    let mut record_tag = record_digest(&scene.record);
    record_tag.truncate(8);
    record_tag[7] &= 0xfe;
    assert_eq!(part, base64(&[&[1, 0, 1, 0, 1], &record_tag[..]].concat()));

    neighbour.republish_tombstones(&[scene.tombstone.clone()], NOW).unwrap();
    let same = compare(&mut neighbour, &round);
    assert_eq!(same, base64(&[1, 1, 0b1, 0]));

    let mut informed = self::neighbour();
    informed.republish_key(&scene.key, CREATED).unwrap();
    informed.republish_tombstones(&[scene.tombstone.clone()], NOW).unwrap();
    let deleted = compare(&mut informed, &round);
    let Tombstone { issued_by, peer_id, .. } = &scene.tombstone;
    let identity = sha256(&[
        &(issued_by.len() as u64).to_le_bytes(),
        issued_by.as_bytes(),
        peer_id.as_bytes(),
    ]);
    let digest = tombstone_digest(&scene.tombstone);
    let issued_at = 1_700_000_000_u32.to_be_bytes();
    let tombstone_tag = [&identity[..2], &issued_at, &[digest[0], digest[1] | 1]].concat();
    assert_eq!(deleted, base64(&[&[1, 0, 1, 0, 1], &tombstone_tag[..]].concat()));
    for answer in [&nothing, &part, &same, &deleted] {
        assert_documented("an answer", answer);
    }
}

#[test]
fn a_bundle_holds_each_string_once_and_keys_with_what_is_lacking() {
    let mut scene = scene();
    let round = begin(&mut scene.node);
    let parcel = pack(&mut scene.node, &round, &base64(&[1, 0, 1, 0, 0]));
    let Scene {
        key, record, tombstone, ..
    } = &scene;
    let strings = [
        &key.id,
        &key.owner_peer_id,
        &record.metadata.issued_by,
        &record.metadata.value,
        &tombstone.issued_by,
        &tombstone.peer_id,
    ];
    let [id, owner, provider, value, issuer, gone] = [0, 1, 2, 3, 4, 5].map(varint);
    let mut bytes = [varint(1), varint(strings.len() as u64)].concat();
    strings.iter().for_each(|text| bytes.extend(sized(text.as_bytes())));
    // One key, and what its owner signed.
    bytes.extend([varint(1), fingerprint(&scene), id.clone()].concat());
    bytes.extend([sized(b"label"), owner, varint(CREATED), sized(b""), sized(b"")].concat());
    bytes.extend(sized(&key.signature));
    // One record: no solution, relay or service.
    bytes.extend([varint(1), id.clone(), provider.clone(), provider, varint(CREATED)].concat());
    bytes.extend([sized(b""), value, varint(0), varint(0)].concat());
    bytes.extend(sized(&record.metadata.issuer_signature));
    bytes.extend([varint(CREATED), sized(&record.signature)].concat());
    // One tombstone.
    bytes.extend([varint(1), id, issuer, gone, varint(CREATED), sized(b"")].concat());
    bytes.extend(sized(&tombstone.issuer_signature));
    assert_eq!(parcel.bundle, base64(&bytes));
    assert_documented("the sha256 of the bundle", &hex::encode(Sha256::digest(&parcel.bundle)));
}

#[test]
fn a_receipt_is_the_set_of_the_bundles_keys_that_are_settled() {
    let mut scene = scene();
    let round = begin(&mut scene.node);
    let mut neighbour = neighbour();
    let answer = compare(&mut neighbour, &round);
    let parcel = pack(&mut scene.node, &round, &answer);
    let receipt = take(&mut neighbour, &parcel.bundle);
    assert_eq!(receipt, base64(&[0b1]));
    assert_eq!(compare(&mut neighbour, &round), base64(&[1, 1, 0b1, 0]));

    let origins = Origins::new(&scene.node.host, &scene.node.host, 5).time(4);
    let (answers, sent, receipts) = ([answered(&answer)], [parcel.keys], [answered(&receipt)]);
    let report = scene
        .node
        .call(origins, |call| {
            call.end_replication(&round, &answers, &sent, &receipts, NOW)
        })
        .unwrap();
    assert_eq!((report.offered, report.settled, report.dropped), (1, 1, 0));
}

#[test]
fn a_receipt_brings_back_the_tombstones_that_void_what_was_sent() {
    let mut scene = scene();
    let round = begin(&mut scene.node);
    let provider = Peer::named("provider");
    let voiding = provider.tombstone(&scene.key.id, &provider, CREATED + 1);
    let mut neighbour = neighbour();
    neighbour.republish_key(&scene.key, NOW).unwrap();
    let too_early = compare(&mut neighbour, &round);
    neighbour
        .republish_tombstones(std::slice::from_ref(&voiding), NOW)
        .unwrap();
    let parcel = pack(&mut scene.node, &round, &too_early);
    let receipt = take(&mut neighbour, &parcel.bundle);

    let key = &scene.key;
    let strings = [&key.id, &key.owner_peer_id, &voiding.issued_by];
    let [id, owner, issuer] = [0, 1, 2].map(varint);
    let mut bytes = [varint(1), varint(strings.len() as u64)].concat();
    strings.iter().for_each(|text| bytes.extend(sized(text.as_bytes())));
    let fingerprint = fingerprint_of(key, &[tombstone_digest(&voiding)]);
    bytes.extend([varint(1), fingerprint, id.clone()].concat());
    bytes.extend([sized(b"label"), owner, varint(CREATED), sized(b""), sized(b"")].concat());
    bytes.extend([sized(&key.signature), varint(0)].concat());
    bytes.extend([varint(1), id, issuer.clone(), issuer, varint(CREATED + 1), sized(b"")].concat());
    bytes.extend(sized(&voiding.issuer_signature));
    assert_eq!(receipt, format!("{}.{}", base64(&[0b1]), base64(&bytes)));
    assert_documented("the sha256 of the receipt", &hex::encode(Sha256::digest(&receipt)));

    let in_time = compare(&mut neighbour, &round);
    let question = pack(&mut scene.node, &round, &in_time);
    let items = registry_service::domain::unpack_bundle(&question.bundle).unwrap();
    assert_eq!((items[0].fingerprint, items[0].entry_count()), ([0; 16], 0));
    let told = take(&mut neighbour, &question.bundle);
    let (_, news) = told.split_once('.').unwrap();
    let told = registry_service::domain::unpack_bundle(news).unwrap();
    assert!(told[0].tombstones.contains(&voiding));

    let origins = Origins::new(&scene.node.host, &scene.node.host, 5).time(4);
    let (answers, sent, receipts) = ([answered(&too_early)], [parcel.keys], [answered(&receipt)]);
    scene
        .node
        .call(origins, |call| {
            call.end_replication(&round, &answers, &sent, &receipts, NOW)
        })
        .unwrap();
    assert_eq!(scene.node.get_records(&scene.key.id, NOW).unwrap(), []);
    assert!(scene
        .node
        .get_tombstones(&scene.key.id, NOW)
        .unwrap()
        .contains(&voiding));
}
