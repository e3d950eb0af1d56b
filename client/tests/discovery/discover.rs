//! Local handler, cache, DHT: in this order.

use std::time::Duration;

use registry_client::discovery::{Builder, Dht, DhtError, Discovered, Error, MapPeer, Name, Options, K};

use crate::stage::{get, ids, provider, says, settle, slow, Stage, SECOND};

const TTL: Duration = Duration::from_secs(3_600);

async fn publish(stage: &Stage, name: &Name, node_id: &str) {
    let published = stage.dht.peer(node_id).publish(name, &provider(node_id), TTL, K).await;
    published.unwrap();
}

fn cached(discovered: &Discovered) -> Option<Vec<&str>> {
    match discovered {
        Discovered::Cached(providers) => Some(ids(providers)),
        _ => None,
    }
}

fn found(discovered: &Discovered) -> Option<Vec<&str>> {
    match discovered {
        Discovered::Found(providers) => Some(ids(providers)),
        _ => None,
    }
}

#[tokio::test]
async fn the_own_handler_comes_first_then_the_cache_then_the_dht() {
    let stage = Stage::new();
    let asker = stage.peer("asker");
    publish(&stage, &get(), "other").await;
    assert_eq!(found(&asker.discover(&get()).await.unwrap()), Some(vec!["other"]));
    assert_eq!(cached(&asker.discover(&get()).await.unwrap()), Some(vec!["other"]));
    let advertiser = asker.advertise(&get(), says("own"), Default::default()).await.unwrap();
    assert!(matches!(asker.discover(&get()).await.unwrap(), Discovered::Local(_)));
    assert_eq!(stage.dht.queries(), 1);
    drop(advertiser);
    assert_eq!(cached(&asker.discover(&get()).await.unwrap()), Some(vec!["other"]));
}

#[tokio::test]
async fn what_the_dht_said_is_cached_for_60_s() {
    let stage = Stage::new();
    let asker = stage.peer("asker");
    publish(&stage, &get(), "a").await;
    asker.discover(&get()).await.unwrap();
    publish(&stage, &get(), "b").await;
    stage.clock.advance(59 * SECOND);
    assert_eq!(cached(&asker.discover(&get()).await.unwrap()), Some(vec!["a"]));
    stage.clock.advance(SECOND);
    assert_eq!(found(&asker.discover(&get()).await.unwrap()), Some(vec!["a", "b"]));
}

#[tokio::test]
async fn a_forced_refresh_asks_the_dht_and_caches_what_it_says() {
    let stage = Stage::new();
    let asker = stage.peer("asker");
    publish(&stage, &get(), "a").await;
    asker.discover(&get()).await.unwrap();
    publish(&stage, &get(), "b").await;
    assert_eq!(ids(&asker.rediscover(&get()).await.unwrap()), ["a", "b"]);
    assert_eq!(cached(&asker.discover(&get()).await.unwrap()), Some(vec!["a", "b"]));
}

#[tokio::test]
async fn that_nobody_is_there_is_not_cached() {
    let stage = Stage::new();
    let asker = stage.peer("asker");
    assert_eq!(found(&asker.discover(&get()).await.unwrap()), Some(vec![]));
    publish(&stage, &get(), "a").await;
    assert_eq!(found(&asker.discover(&get()).await.unwrap()), Some(vec!["a"]));
}

#[tokio::test]
async fn a_cleared_cache_asks_the_dht() {
    let stage = Stage::new();
    let asker = stage.peer("asker");
    publish(&stage, &get(), "a").await;
    asker.discover(&get()).await.unwrap();
    asker.clear_subscriber_cache();
    assert!(cached(&asker.discover(&get()).await.unwrap()).is_some());
    asker.clear_cache();
    assert!(found(&asker.discover(&get()).await.unwrap()).is_some());
}

#[tokio::test]
async fn where_the_dht_is_down_the_cache_serves_until_it_expires_and_not_longer() {
    let stage = Stage::new();
    let asker = stage.peer("asker");
    publish(&stage, &get(), "a").await;
    asker.discover(&get()).await.unwrap();
    stage.dht.set_down(0..20);
    stage.clock.advance(59 * SECOND);
    assert_eq!(cached(&asker.discover(&get()).await.unwrap()), Some(vec!["a"]));
    assert!(asker.rediscover(&get()).await.is_err());
    assert!(
        cached(&asker.discover(&get()).await.unwrap()).is_some(),
        "a refresh that fails takes nothing away"
    );
    stage.clock.advance(SECOND);
    let error = asker.discover(&get()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Dht(DhtError::Unavailable(_))) && error.is_transient(),
        "{error}"
    );
    stage.dht.set_down([]);
    assert_eq!(
        found(&asker.discover(&get()).await.unwrap()),
        Some(vec!["a"]),
        "and it comes back"
    );
}

#[tokio::test]
async fn subscribers_of_a_topic_are_found_and_cached_apart_from_services() {
    let stage = Stage::new();
    let (asker, subscriber) = (stage.peer("asker"), stage.peer("subscriber"));
    let prices = Name::topic("energy.home.get").unwrap();
    publish(&stage, &get(), "service").await;
    let subscription = subscriber
        .advertise(&prices, says("thanks"), Default::default())
        .await
        .unwrap();
    assert_eq!(ids(&asker.subscribers(&prices).await.unwrap()), ["subscriber"]);
    assert_eq!(found(&asker.discover(&get()).await.unwrap()), Some(vec!["service"]));
    subscription.stop().await.unwrap();
    assert_eq!(
        ids(&asker.subscribers(&prices).await.unwrap()),
        ["subscriber"],
        "cached"
    );
    asker.clear_cache();
    assert_eq!(
        asker.subscribers(&prices).await.unwrap().len(),
        1,
        "and not with services"
    );
    asker.clear_subscriber_cache();
    assert!(asker.subscribers(&prices).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_cache_time_of_0_asks_the_dht_each_time() {
    let stage = Stage::new();
    let options = Options {
        cache_ttl: Duration::ZERO,
        ..Options::default()
    };
    let asker = stage.builder("asker").options(options).build().unwrap();
    publish(&stage, &get(), "a").await;
    for _ in 0..3 {
        assert!(found(&asker.discover(&get()).await.unwrap()).is_some());
    }
    assert_eq!(stage.dht.queries(), 3);
}

#[tokio::test]
async fn settings_that_are_impossible_are_refused_by_name() {
    let stage = Stage::new();
    let refused = |builder: Builder<MapPeer>, named: &str| {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(named), "{error}");
    };
    refused(stage.builder("a").k(0), "k `0`");
    refused(stage.builder("a").k(21), "k `21`");
    refused(stage.builder("a").query_k(0), "query_k `0`");
    refused(stage.builder("a").tries(0), "tries `0`");
    refused(stage.builder("a").try_limit(Duration::ZERO), "try_limit `0ns`");
    let options = Options {
        default_ttl: SECOND,
        ..Options::default()
    };
    refused(stage.builder("a").options(options), "default_ttl `1s`");
}

#[tokio::test]
async fn many_who_look_for_the_same_at_once_are_one_look_up() {
    let stage = Stage::new();
    publish(&stage, &get(), "a").await;
    let asker = slow(&stage);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let asker = asker.clone();
        tasks.spawn(async move { asker.discover(&get()).await.map(|found| found_len(&found)) });
    }
    settle().await;
    asker.network().gate.add_permits(1);
    while let Some(found) = tasks.join_next().await {
        assert_eq!(found.unwrap().unwrap(), 1);
    }
    assert_eq!(stage.dht.queries(), 1);
}

fn found_len(discovered: &Discovered) -> usize {
    match discovered {
        Discovered::Cached(providers) | Discovered::Found(providers) => providers.len(),
        _ => 0,
    }
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_the_look_up_to_those_who_wait() {
    let stage = Stage::new();
    publish(&stage, &get(), "a").await;
    let asker = slow(&stage);
    let wait = || {
        let asker = asker.clone();
        tokio::spawn(async move { asker.discover(&get()).await })
    };
    let (first, second) = (wait(), wait());
    settle().await;
    first.abort();
    settle().await;
    asker.network().gate.add_permits(1);
    assert_eq!(found(&second.await.unwrap().unwrap()), Some(vec!["a"]));
}

#[tokio::test]
async fn a_look_up_that_nobody_waits_for_is_dropped_and_the_next_begins_anew() {
    let stage = Stage::new();
    publish(&stage, &get(), "a").await;
    let asker = slow(&stage);
    let given_up = {
        let asker = asker.clone();
        tokio::spawn(async move { asker.discover(&get()).await })
    };
    settle().await;
    given_up.abort();
    settle().await;
    asker.network().gate.add_permits(1);
    settle().await;
    assert_eq!(stage.dht.queries(), 0, "nobody takes the permit");
    assert_eq!(found(&asker.discover(&get()).await.unwrap()), Some(vec!["a"]));
}

#[tokio::test]
async fn a_forced_refresh_does_not_join_a_look_up_that_began_before() {
    let stage = Stage::new();
    publish(&stage, &get(), "a").await;
    let asker = slow(&stage);
    let before = {
        let asker = asker.clone();
        tokio::spawn(async move { asker.discover(&get()).await })
    };
    settle().await;
    asker.network().gate.add_permits(2);
    asker.rediscover(&get()).await.unwrap();
    before.await.unwrap().unwrap();
    assert_eq!(stage.dht.queries(), 2);
}
