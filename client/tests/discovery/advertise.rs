//! Staying advertised.

use std::time::Duration;

use registry_client::discovery::{
    Advertiser, Clock, Discovered, Discovery, Error, MapPeer, Metadata, Options, ProviderInfo,
};
use serde_json::json;

use crate::stage::{get, ids, metadata, name, says, settle, slow, Stage, SECOND};

async fn pass(stage: &Stage, seconds: u32) {
    stage.clock.advance(seconds * SECOND);
    settle().await;
}

async fn is_local(peer: &Discovery<MapPeer>) -> bool {
    matches!(peer.discover(&get()).await, Ok(Discovered::Local(_)))
}

fn holders(stage: &Stage, node_id: &str) -> usize {
    stage.dht.holders(&get(), node_id).len()
}

#[tokio::test]
async fn what_is_advertised_is_found_by_others_with_its_metadata() {
    let stage = Stage::new();
    let (home, asker) = (stage.peer("home"), stage.peer("asker"));
    let said = metadata(&json!({"unit": "kWh", "rooms": 4}));
    let advertiser = home.advertise(&get(), says("230 W"), said.clone()).await.unwrap();
    let state = advertiser.state();
    assert_eq!((state.times, state.published.nodes, state.is_replaced), (1, 20, false));
    let expected = ProviderInfo {
        node_id: "home".into(),
        endpoint: "map/home".into(),
        metadata: said,
        advertised_at: stage.clock.unix_sec(),
    };
    assert_eq!(asker.rediscover(&get()).await.unwrap(), [expected]);
    assert_eq!(home.local_services(), [get()]);
    assert_eq!(advertiser.name(), &get());
}

#[tokio::test]
async fn it_is_advertised_anew_60_s_before_it_would_expire_and_never_missing() {
    let stage = Stage::new();
    let home = stage.peer("home");
    let mut advertiser = home.advertise(&get(), says("x"), Metadata::new()).await.unwrap();
    let first = advertiser.state().provider.advertised_at;
    settle().await;
    pass(&stage, 239).await;
    assert_eq!(stage.dht.published(), 1);
    pass(&stage, 1).await;
    assert_eq!(stage.dht.published(), 2);
    let state = advertiser.changed().await;
    assert_eq!((state.times, state.provider.advertised_at), (2, first + 240));
    for _ in 0..3_600 {
        pass(&stage, 1).await;
        assert_eq!(holders(&stage, "home"), 20);
    }
    assert_eq!(stage.dht.published(), 2 + 15);
}

#[tokio::test]
async fn the_rest_between_two_advertisements_is_at_least_10_s() {
    let stage = Stage::new();
    for (ttl_sec, every) in [(20, 10), (65, 10), (71, 11), (3_600, 3_540)] {
        let options = Options {
            default_ttl: Duration::from_secs(ttl_sec),
            ..Options::default()
        };
        let home = stage.builder("home").options(options).build().unwrap();
        let _advertiser = home.advertise(&get(), says("x"), Metadata::new()).await.unwrap();
        settle().await;
        let before = stage.dht.published();
        pass(&stage, every - 1).await;
        assert_eq!(stage.dht.published(), before, "{ttl_sec}");
        pass(&stage, 1).await;
        assert_eq!(stage.dht.published(), before + 1, "{ttl_sec}");
    }
}

#[tokio::test]
async fn a_handler_that_is_advertised_outlives_the_time_of_local_services() {
    let stage = Stage::new();
    let options = Options {
        service_ttl: Duration::from_secs(30),
        ..Options::default()
    };
    let home = stage.builder("home").options(options).build().unwrap();
    let advertiser = home.advertise(&get(), says("x"), Metadata::new()).await.unwrap();
    for _ in 0..20 {
        pass(&stage, 61).await;
        assert!(is_local(&home).await);
    }
    drop(advertiser);
    assert!(!is_local(&home).await);
}

#[tokio::test]
async fn an_advertiser_that_stops_takes_its_service_out_of_the_dht() {
    let stage = Stage::new();
    let (home, asker) = (stage.peer("home"), stage.peer("asker"));
    let advertiser = home.advertise(&get(), says("x"), Metadata::new()).await.unwrap();
    advertiser.stop().await.unwrap();
    assert_eq!(holders(&stage, "home"), 0);
    assert!(home.local_services().is_empty());
    assert!(asker.rediscover(&get()).await.unwrap().is_empty());
    pass(&stage, 600).await;
    assert_eq!(stage.dht.published(), 1);
}

#[tokio::test]
async fn an_advertiser_that_is_dropped_stops_and_its_advertisement_expires() {
    let stage = Stage::new();
    let home = stage.peer("home");
    let advertiser = home.advertise(&get(), says("x"), Metadata::new()).await.unwrap();
    drop(advertiser);
    assert!(home.local_services().is_empty());
    assert_eq!(holders(&stage, "home"), 20);
    pass(&stage, 300).await;
    assert_eq!((holders(&stage, "home"), stage.dht.published()), (0, 1));
}

#[tokio::test]
async fn an_advertiser_outlives_the_discovery_that_it_came_from() {
    let stage = Stage::new();
    let home = stage.peer("home");
    let _advertiser = home.advertise(&get(), says("x"), Metadata::new()).await.unwrap();
    drop(home);
    settle().await;
    pass(&stage, 240).await;
    assert_eq!(stage.dht.published(), 2);
    let answer = stage.peer("asker").call(&get(), Default::default()).await.unwrap();
    assert_eq!(answer, json!("x"));
}

#[tokio::test]
async fn where_nobody_takes_the_first_advertisement_in_nothing_is_left_behind() {
    let stage = Stage::new();
    let home = stage.peer("home");
    stage.dht.set_down(0..20);
    let error = home.advertise(&get(), says("x"), Metadata::new()).await.unwrap_err();
    assert!(matches!(&error, Error::Dht(_)) && error.is_transient(), "{error}");
    assert!(home.local_services().is_empty());
    stage.dht.set_down([]);
    pass(&stage, 600).await;
    assert_eq!(stage.dht.published(), 1);
}

#[tokio::test]
async fn a_publication_on_fewer_nodes_than_wanted_says_on_how_many_and_the_next_one_mends_it() {
    let stage = Stage::new();
    let home = stage.peer("home");
    stage.dht.set_down(3..20);
    let mut advertiser = home.advertise(&get(), says("x"), Metadata::new()).await.unwrap();
    assert_eq!(advertiser.state().published.nodes, 3);
    stage.dht.set_down([]);
    settle().await;
    pass(&stage, 240).await;
    assert_eq!(advertiser.changed().await.published.nodes, 20);
    assert_eq!(holders(&stage, "home"), 20);
}

#[tokio::test]
async fn a_failure_is_told_and_tried_again_after_1_2_4_seconds() {
    let stage = Stage::new();
    let home = stage.peer("home");
    let mut advertiser = home.advertise(&get(), says("x"), Metadata::new()).await.unwrap();
    settle().await;
    stage.dht.set_down(0..20);
    pass(&stage, 240).await;
    assert!(advertiser.changed().await.failure.is_some());
    for (seconds, times) in [(1, 3), (1, 3), (1, 4), (3, 4), (1, 5)] {
        pass(&stage, seconds).await;
        assert_eq!(stage.dht.published(), times);
    }
    assert!(is_local(&home).await, "its handler is there all the same");
    stage.dht.set_down([]);
    pass(&stage, 8).await;
    let state = advertiser.changed().await;
    assert!(state.failure.is_none() && state.times == 2, "{state:?}");
    // As long as ever after that.
    pass(&stage, 239).await;
    assert_eq!(stage.dht.published(), 6);
    pass(&stage, 1).await;
    assert_eq!(stage.dht.published(), 7);
}

#[tokio::test]
async fn a_peer_that_moves_is_advertised_at_its_new_place_at_once() {
    let stage = Stage::new();
    let (home, asker) = (stage.peer("home"), stage.peer("asker"));
    let mut advertiser = home.advertise(&get(), says("x"), Metadata::new()).await.unwrap();
    settle().await;
    home.network().move_to("map/elsewhere");
    let state = advertiser.changed().await;
    assert_eq!((state.times, state.provider.endpoint.as_str()), (2, "map/elsewhere"));
    assert_eq!(asker.rediscover(&get()).await.unwrap()[0].endpoint, "map/elsewhere");
    settle().await;
    assert_eq!(stage.dht.published(), 2, "once");

    // Where that fails, it is tried again when its rest is over, and not at once.
    stage.dht.set_down(0..20);
    home.network().move_to("map/home");
    settle().await;
    assert_eq!(stage.dht.published(), 3);
    stage.dht.set_down([]);
    pass(&stage, 1).await;
    assert_eq!(asker.rediscover(&get()).await.unwrap()[0].endpoint, "map/home");
}

#[tokio::test]
async fn of_two_instances_on_one_peer_the_later_takes_over() {
    let stage = Stage::new();
    let (home, asker) = (stage.peer("home"), stage.peer("asker"));
    let of = |instance: u8| metadata(&json!({"instance": instance}));
    let first = home.advertise(&get(), says("first"), of(1)).await.unwrap();
    settle().await;
    let second = home.advertise(&get(), says("second"), of(2)).await.unwrap();
    assert!(first.state().is_replaced && !second.state().is_replaced);
    settle().await;
    pass(&stage, 240).await;
    assert_eq!(stage.dht.published(), 3, "the first does not advertise any more");

    let found = asker.rediscover(&get()).await.unwrap();
    assert_eq!((ids(&found), &found[0].metadata["instance"]), (vec!["home"], &json!(2)));
    assert_eq!(asker.call(&get(), Default::default()).await.unwrap(), json!("second"));
    first.stop().await.unwrap();
    assert_eq!(
        holders(&stage, "home"),
        20,
        "the first takes nothing of the second away"
    );
    assert_eq!(home.call(&get(), Default::default()).await.unwrap(), json!("second"));
    assert_eq!(asker.call(&get(), Default::default()).await.unwrap(), json!("second"));
    second.stop().await.unwrap();
    assert_eq!(holders(&stage, "home"), 0);
}

#[tokio::test]
async fn several_services_of_one_peer_come_and_go_by_themselves() {
    let stage = Stage::new();
    let home = stage.peer("home");
    let set = name("energy.home.set");
    let getter = home.advertise(&get(), says("get"), Metadata::new()).await.unwrap();
    let _setter = home.advertise(&set, says("set"), Metadata::new()).await.unwrap();
    getter.stop().await.unwrap();
    assert_eq!(home.local_services(), std::slice::from_ref(&set));
    let asker = stage.peer("asker");
    assert_eq!(asker.call(&set, Default::default()).await.unwrap(), json!("set"));
    assert!(matches!(
        asker.call(&get(), Default::default()).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn an_advertising_that_is_cancelled_leaves_no_handler() {
    let stage = Stage::new();
    let home = slow(&stage);
    let advertising = {
        let home = home.clone();
        tokio::spawn(async move { home.advertise(&get(), says("x"), Metadata::new()).await.map(drop) })
    };
    settle().await;
    assert_eq!(
        home.local_services(),
        [get()],
        "it answers as soon as others may find it"
    );
    advertising.abort();
    settle().await;
    assert!(home.local_services().is_empty());
}

#[tokio::test]
async fn a_stop_without_the_dht_is_told_and_the_handler_is_gone_all_the_same() {
    let stage = Stage::new();
    let home = stage.peer("home");
    let advertiser: Advertiser<MapPeer> = home.advertise(&get(), says("x"), Metadata::new()).await.unwrap();
    stage.dht.set_down(0..20);
    let error = advertiser.stop().await.unwrap_err();
    assert!(matches!(&error, Error::Dht(_)), "{error}");
    assert!(home.local_services().is_empty());
}
