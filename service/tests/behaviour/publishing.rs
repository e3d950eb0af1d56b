//! Publishing over a neighbourhood: one call takes in key and record, here first, and says who else is to be asked.

use registry_service::calls::{Spread, Tally};
use registry_service::domain::data::{Key, Record};
use registry_service::domain::limits::PEERS_MAX;
use registry_testkit::{NativeNode, Origins, Peer};

use crate::support::{assert_refused, assert_text, NOW};

const TIME_AT: usize = 5;

fn node() -> NativeNode {
    NativeNode::new(Peer::named("host"))
}

fn key() -> Key {
    Peer::named("owner").key("resource", NOW)
}

fn record(key: &Key) -> Record {
    Peer::named("provider").own_record(&key.id, "value", NOW)
}

fn peers(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| Peer::named(&format!("peer {number}")).id().to_owned())
        .collect()
}

fn origins(node: &NativeNode) -> Origins {
    Origins::new(&node.host, &Peer::named("provider"), TIME_AT + 1).time(TIME_AT)
}

fn spread(node: &mut NativeNode, key_id: &str, peers: Vec<String>, ack: i16, key: Option<Key>) -> Spread {
    let record = record(&self::key());
    let origins = origins(node);
    let spread = node.call(origins, |call| {
        Ok(call.spread(key_id, (peers, None), ack, |call| {
            call.publish_record(key.into_iter().collect(), record, (4, &[]), (TIME_AT, NOW))
        }))
    });
    spread.unwrap()
}

#[test]
fn a_record_brings_its_key_along() {
    let mut node = node();
    let key = key();
    let spread = spread(&mut node, &key.id, peers(3), 1, Some(key.clone()));
    assert_eq!(spread.good, [node.host.id().to_owned()]);
    assert_eq!(
        (spread.ask.len(), spread.more.len()),
        (3, 0),
        "one is enough, and the others are told all the same"
    );
    assert_eq!(node.get_records(&key.id, NOW).unwrap(), [record(&key)]);
}

#[test]
fn without_the_key_it_is_refused_here_and_the_others_are_waited_for() {
    let mut node = node();
    let key = key();
    let spread = spread(&mut node, &key.id, peers(3), 2, None);
    assert_text(&spread.bad[0], &[node.host.id(), "is not known here"]);
    assert_eq!((spread.ask.len(), spread.enough, spread.hopeless), (3, 1, 1));
    assert_eq!(spread.more, [true]);
}

#[test]
fn a_key_that_is_not_the_records_is_refused_and_nothing_is_stored() {
    let key = key();
    let other = Peer::named("owner").key("other", NOW);
    let mut node = node();
    // The first call of all notes the host's names.
    node.get_key_metadata(&key.id).unwrap_err();
    let origins = origins(&node);
    assert_refused(&mut node, &[&key.id, &other.id], |node| {
        node.call(origins, |call| {
            call.publish_record(vec![other.clone()], record(&key), (4, &[]), (TIME_AT, NOW))
        })
    });
}

#[test]
fn a_node_outside_the_neighbourhood_stores_nothing_and_names_20_others() {
    let key = key();
    let all = peers(60);
    let outside = (0..).map(|number| Peer::named(&format!("host {number}")));
    let (mut node, near) = outside
        .map(|host| {
            let mut node = NativeNode::new(host);
            let origins = origins(&node);
            let near = node.call(origins, |call| call.get_neighbourhood(&key.id, all.clone()));
            (node, near.unwrap())
        })
        .find(|(node, near)| !near.contains(&node.host.id().to_owned()))
        .unwrap();
    let spread = spread(&mut node, &key.id, all, 1, Some(key.clone()));
    assert_eq!(spread.ask, near);
    assert_eq!((spread.good.len(), spread.bad.len()), (0, 0));
    assert!(node.get_key_metadata(&key.id).is_err());
}

#[test]
fn ack_is_clamped_to_the_nodes_there_are() {
    let key = key();
    for (ack, expected) in [(i16::MIN, 1), (0, 1), (1, 1), (4, 4), (5, 4), (i16::MAX, 4)] {
        let spread = spread(&mut node(), &key.id, peers(3), ack, Some(key.clone()));
        assert_eq!(spread.ack, expected, "ack {ack}");
    }
}

#[test]
fn a_malformed_key_id_or_too_many_peers_ask_nobody() {
    let key = key();
    for (key_id, count, word) in [("xx", 3, "malformed"), (key.id.as_str(), PEERS_MAX + 1, "at most 256")] {
        let spread = spread(&mut node(), key_id, peers(count), 1, Some(key.clone()));
        assert_text(&spread.bad[0], &[word]);
        assert!(spread.ask.is_empty() && spread.more.is_empty() && spread.good.is_empty());
        assert!(!Tally::of(&spread, &[], Vec::new()).unwrap().success);
    }
}

#[test]
fn the_tally_counts_this_node_and_names_who_was_silent() {
    let mut node = node();
    let key = key();
    let all = peers(3);
    let spread = spread(&mut node, &key.id, all.clone(), 3, Some(key.clone()));
    assert_eq!(spread.enough, 1, "this node is one of the three");
    let taken = Tally::of(&spread, &all[..2], Vec::new()).unwrap();
    assert!(taken.success && taken.errors.is_empty());

    let refused = format!("{}: no room", all[1]);
    let short = Tally::of(&spread, &all[..1], vec![refused.clone()]).unwrap();
    assert!(!short.success);
    let [first, silent, sum] = short.errors.as_slice() else {
        panic!("{:?}", short.errors);
    };
    assert_eq!(first, &refused);
    assert_text(silent, &[&all[2], "no answer in time"]);
    assert_text(sum, &["stored on 2 nodes, 3 are needed"]);
    assert!(Tally::of(&spread, &peers(PEERS_MAX + 1), Vec::new()).is_err());
}
