//! Weights of what neighbours pass on.

use std::collections::BTreeSet;

use registry_service::calls::get_replica_issuers;
use registry_service::domain::limits::BUNDLE_ISSUERS_MAX;
use registry_service::domain::{pack_bundle, BundleItem, Entry, KeyId, KeySet};
use registry_testkit::{check_promises, weight_of, NativeNode, Origins, Peer};

use crate::support::NOW;

/// Keys of so many owners, with a record of another issuer each.
fn bundle(keys: usize) -> String {
    let items: Vec<BundleItem> = (0..keys)
        .map(|number| {
            let key = Peer::named(&format!("owner {number}")).key("resource", NOW);
            let record = Peer::named(&format!("issuer {number}")).own_record(&key.id, "value", NOW);
            let mut item = BundleItem::new(key);
            item.records.push(record);
            item
        })
        .collect();
    pack_bundle(&items)
}

/// The positions of a bundle that are in, with the weights that the node's trust-graph gives when the node asks.
fn take(node: &mut NativeNode, bundle: &str, weight: impl Fn(&str) -> Option<u32>) -> usize {
    let asked = get_replica_issuers(bundle, "*").unwrap();
    let weights: Vec<_> = asked
        .iter()
        .map(|peer_id| match weight(peer_id) {
            Some(weight) => weight_of(peer_id, weight),
            None => registry_testkit::no_weight(),
        })
        .collect();
    let receipt = node.take_replica(bundle, &weights, NOW).unwrap();
    let settled = KeySet::parse(&receipt).unwrap();
    (0..200).filter(|position| settled.contains(*position)).count()
}

fn weights(node: &NativeNode, keys: usize) -> BTreeSet<(u32, u32)> {
    let weights = (0..keys).map(|number| {
        let owner = Peer::named(&format!("owner {number}"));
        let state = node
            .registry()
            .store()
            .stored(&KeyId::of("resource", owner.id()))
            .unwrap()
            .unwrap();
        let record = state.entries().find_map(|entry| match entry {
            Entry::Record(held) => Some(held.weight),
            Entry::Tombstone(_) => None,
        });
        (state.priority().weight(), record.unwrap())
    });
    weights.collect()
}

#[test]
fn a_bundle_of_as_many_peers_as_are_weighed_comes_in_and_one_of_more_does_not() {
    const KEYS: usize = BUNDLE_ISSUERS_MAX / 2;
    let mut node = NativeNode::new(Peer::named("host"));
    assert_eq!(take(&mut node, &bundle(KEYS), |_| Some(5)), KEYS);
    // Of the owner and of the issuer.
    assert_eq!(weights(&node, KEYS), BTreeSet::from([(5, 5)]));
    let error = node.take_replica(&bundle(KEYS + 1), &[], NOW).unwrap_err();
    assert!(error.to_string().contains("66 owners and issuers"), "{error}");
}

#[test]
fn without_a_trust_graph_a_bundle_comes_in_without_weights() {
    const KEYS: usize = 10;
    let mut node = NativeNode::new(Peer::named("host"));
    assert_eq!(take(&mut node, &bundle(KEYS), |_| None), KEYS);
    assert_eq!(weights(&node, KEYS), BTreeSet::from([(0, 0)]));
}

#[test]
fn the_owners_of_keys_are_weighed_on_the_way() {
    let (bundle, mut node) = (bundle(1), NativeNode::new(Peer::named("host")));
    let owner = Peer::named("owner 0");
    assert!(get_replica_issuers(&bundle, "*")
        .unwrap()
        .contains(&owner.id().to_owned()));
    take(&mut node, &bundle, |peer_id| {
        Some(if peer_id == owner.id() { 7 } else { 0 })
    });
    assert_eq!(weights(&node, 1), BTreeSet::from([(7, 0)]));
}

/// A key under which this node's own records alone lie goes with them, whatever weight its owner has: nothing of it is written.
#[test]
fn a_weight_that_changes_nothing_is_forgotten_with_its_call() {
    let mut node = NativeNode::new(Peer::named("host"));
    let owner = Peer::named("owner");
    let key = owner.key("resource", NOW);
    node.register_key(&key, NOW).unwrap();
    let metadata = Peer::named("issuer").metadata(&key.id, &node.host, "value", NOW);
    node.put_host_record(&metadata, NOW).unwrap();
    let origins = Origins::new(&node.host, &owner, 8).time(7).weight(6);
    let weight = weight_of(owner.id(), 1);
    node.call(origins, |call| call.register_key(vec![], key.clone(), &weight, NOW))
        .unwrap();
    check_promises(node.registry().store());
}
