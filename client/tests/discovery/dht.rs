//! The DHT behind it, as a map.

use std::time::Duration;

use registry_client::discovery::{Dht, DhtError, Discovery, MapDht, Name, NoNetwork, ProviderInfo, K};
use serde_json::json;

use crate::stage::{get, ids, metadata, provider, says, Stage, SECOND};

const TTL: Duration = Duration::from_secs(300);

#[tokio::test]
async fn what_is_published_is_found_with_everything_that_was_said() {
    let stage = Stage::new();
    let (alice, bob) = (stage.dht.peer("alice"), stage.dht.peer("bob"));
    let said =
        json!({"unit": "kWh", "rooms": ["kitchen", "hall"], "at": {"floor": -1, "share": 0.25, "none": null}, "ü": ""});
    let info = ProviderInfo {
        metadata: metadata(&said),
        ..provider("alice")
    };
    let published = alice.publish(&get(), &info, TTL, K).await.unwrap();
    assert_eq!((published.nodes, published.errors.len()), (20, 0));
    assert_eq!(bob.query(&get(), K).await.unwrap(), [info]);
}

#[tokio::test]
async fn what_nobody_published_is_an_empty_list() {
    let stage = Stage::new();
    let found = stage.dht.peer("a").query(&get(), K).await.unwrap();
    assert_eq!(found, []);
}

#[tokio::test]
async fn several_providers_are_found_and_one_peer_once() {
    let stage = Stage::new();
    let peer = stage.dht.peer("a");
    for id in ["a", "b", "c", "b"] {
        peer.publish(&get(), &provider(id), TTL, K).await.unwrap();
    }
    let later = ProviderInfo {
        advertised_at: 8,
        ..provider("b")
    };
    stage.clock.advance(SECOND);
    peer.publish(&get(), &later, TTL, K).await.unwrap();
    let found = peer.query(&get(), K).await.unwrap();
    assert_eq!(ids(&found), ["a", "b", "c"]);
    assert_eq!(found[1], later, "what a peer publishes later stands");
}

#[tokio::test]
async fn a_provider_is_gone_when_its_time_is_over() {
    let stage = Stage::new();
    let peer = stage.dht.peer("a");
    peer.publish(&get(), &provider("a"), TTL, K).await.unwrap();
    stage.clock.advance(TTL - SECOND);
    assert_eq!(peer.query(&get(), K).await.unwrap().len(), 1);
    stage.clock.advance(SECOND);
    assert_eq!(peer.query(&get(), K).await.unwrap(), []);
}

#[tokio::test]
async fn k_nodes_hold_it_and_no_more() {
    let stage = Stage::new();
    let peer = stage.dht.peer("a");
    let published = peer.publish(&get(), &provider("a"), TTL, 3).await.unwrap();
    assert_eq!((published.nodes, stage.dht.holders(&get(), "a")), (3, vec![0, 1, 2]));
    assert!(peer.publish(&get(), &provider("a"), TTL, 0).await.is_err());
    assert!(peer.query(&get(), 0).await.is_err());
}

#[tokio::test]
async fn a_node_that_is_down_is_passed_over_and_fewer_than_k_are_counted() {
    let stage = Stage::new();
    let peer = stage.dht.peer("a");
    stage.dht.set_down(0..18);
    let published = peer.publish(&get(), &provider("a"), TTL, K).await.unwrap();
    assert_eq!((published.nodes, stage.dht.holders(&get(), "a")), (2, vec![18, 19]));
    // Whoever asks the others does not know of it, and whoever asks all does.
    stage.dht.set_down([]);
    assert_eq!(peer.query(&get(), 3).await.unwrap(), []);
    assert_eq!(peer.query(&get(), K).await.unwrap().len(), 1);
}

#[tokio::test]
async fn where_no_node_answers_every_call_says_so() {
    let stage = Stage::new();
    let peer = stage.dht.peer("a");
    stage.dht.set_down(0..20);
    let errors = [
        peer.publish(&get(), &provider("a"), TTL, K).await.unwrap_err(),
        peer.query(&get(), K).await.unwrap_err(),
        peer.remove(&get(), "a").await.unwrap_err(),
    ];
    for error in errors {
        assert!(
            matches!(&error, DhtError::Unavailable(_)) && error.is_transient(),
            "{error}"
        );
    }
}

#[tokio::test]
async fn without_a_dht_every_call_is_an_error_and_nothing_panics() {
    let errors = [
        NoNetwork.publish(&get(), &provider("a"), TTL, K).await.unwrap_err(),
        NoNetwork.query(&get(), K).await.unwrap_err(),
        NoNetwork.remove(&get(), "a").await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, DhtError::Absent) && !error.is_transient(), "{error}");
    }
    let alone = Discovery::new(NoNetwork);
    let error = alone.discover(&get()).await.unwrap_err().to_string();
    assert!(error.contains("there is no DHT"), "{error}");
    let error = alone
        .advertise(&get(), says("x"), Default::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("there is no DHT"), "{error}");
    assert!(
        alone.local_services().is_empty(),
        "what could not be advertised is not offered"
    );
}

#[tokio::test]
async fn what_is_removed_is_gone_from_every_node() {
    let stage = Stage::new();
    let peer = stage.dht.peer("a");
    for id in ["a", "b"] {
        peer.publish(&get(), &provider(id), TTL, K).await.unwrap();
    }
    peer.remove(&get(), "a").await.unwrap();
    assert_eq!(stage.dht.holders(&get(), "a"), Vec::<usize>::new());
    assert_eq!(ids(&peer.query(&get(), K).await.unwrap()), ["b"]);
}

#[tokio::test]
async fn removing_what_is_not_there_is_no_error() {
    let stage = Stage::new();
    stage.dht.peer("a").remove(&get(), "a").await.unwrap();
}

#[tokio::test]
async fn a_topic_and_a_service_share_nothing() {
    let stage = Stage::new();
    let peer = stage.dht.peer("a");
    let topic = Name::topic("energy.home.get").unwrap();
    peer.publish(&topic, &provider("a"), TTL, K).await.unwrap();
    assert_eq!(peer.query(&get(), K).await.unwrap(), []);
    peer.remove(&get(), "a").await.unwrap();
    assert_eq!(ids(&peer.query(&topic, K).await.unwrap()), ["a"]);
}

#[tokio::test]
async fn a_network_of_three_nodes_holds_it_on_three() {
    let stage = Stage::new();
    let small = MapDht::with_nodes(3, stage.clock.clone());
    let published = small.peer("a").publish(&get(), &provider("a"), TTL, K).await.unwrap();
    assert_eq!(published.nodes, 3);
}
