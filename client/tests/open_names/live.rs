//! One network in this process, and peers of it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::{within, Stage};
use registry_client::discovery::{
    Arguments, Dht, DhtError, Discovered, Discovery, Error, Failure, Handler, Metadata, Name, OpenNames, ProviderInfo,
    Selection, Transport, K, VALUE_LEN_MAX,
};
use registry_client::{KeyPair, ResourceId};
use serde_json::{json, Value};

const TTL: Duration = Duration::from_secs(300);

fn get() -> Name {
    "energy.home.get".parse().unwrap()
}

async fn peer(stage: &Stage, node: usize) -> OpenNames {
    OpenNames::new(stage.client(node).await)
}

fn discovery(network: &OpenNames) -> Discovery<OpenNames> {
    let builder = Discovery::builder(network.clone()).selection(Selection::RoundRobin);
    builder.build().unwrap()
}

fn says(words: &'static str) -> Handler {
    Handler::new(move |_| async move { Ok(json!(words)) })
}

fn info(network: &OpenNames, metadata: &Value) -> ProviderInfo {
    ProviderInfo {
        node_id: network.node_id().to_owned(),
        endpoint: network.endpoint(),
        metadata: metadata.as_object().cloned().unwrap(),
        advertised_at: unix_sec(),
    }
}

fn unix_sec() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn ids(providers: &[ProviderInfo]) -> Vec<&str> {
    let mut ids: Vec<&str> = providers.iter().map(|provider| provider.node_id.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_found_through_every_relay_and_removed_from_every_node() {
    let stage = Stage::start(4);
    let (home, asker) = (peer(&stage, 0).await, peer(&stage, 1).await);
    assert_eq!(
        asker.query(&get(), K).await.unwrap(),
        [],
        "a name that nobody knows has nobody"
    );
    home.remove(&get(), home.node_id()).await.unwrap();

    let said = json!({"unit": "kWh", "rooms": ["kitchen", 2, null, 0.25], "at": {"floor": -1}, "ü": ""});
    let first = info(&home, &said);
    let published = home.publish(&get(), &first, TTL, K).await.unwrap();
    assert_eq!((published.nodes, published.errors.len()), (4, 0), "{published:?}");
    assert_eq!(asker.query(&get(), K).await.unwrap(), std::slice::from_ref(&first));

    // The same peer again, and another.
    let later = info(&home, &json!({"unit": "W"}));
    home.publish(&get(), &later, TTL, K).await.unwrap();
    asker.publish(&get(), &info(&asker, &json!({})), TTL, K).await.unwrap();
    let found = home.query(&get(), K).await.unwrap();
    let mut both = [home.node_id(), asker.node_id()];
    both.sort_unstable();
    assert_eq!(ids(&found), both);
    assert!(found.contains(&later), "{found:?}");

    home.remove(&get(), home.node_id()).await.unwrap();
    for node in 0..4 {
        let found = peer(&stage, node).await.query(&get(), 1).await.unwrap();
        assert_eq!(ids(&found), [asker.node_id()], "node {node}");
    }
    home.remove(&get(), home.node_id()).await.unwrap();
    home.publish(&get(), &later, TTL, 1).await.unwrap();
    assert_eq!(asker.query(&get(), K).await.unwrap().len(), 2, "and it may come again");
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published_is_refused_with_what_to_do() {
    let stage = Stage::start(2);
    let (home, other) = (peer(&stage, 0).await, peer(&stage, 1).await);
    let error = |info: ProviderInfo, ttl: Duration| {
        let home = home.clone();
        async move { home.publish(&get(), &info, ttl, K).await.unwrap_err().to_string() }
    };
    let long = "x".repeat(VALUE_LEN_MAX);
    let text = error(info(&home, &json!({"long": long})), TTL).await;
    assert!(text.contains("at most 4096 are possible") && text.len() < 400, "{text}");
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let text = error(info(&home, &json!({"deep": deep})), TTL).await;
    assert!(text.contains("nested too deeply"), "{text}");
    let text = error(info(&other, &json!({})), TTL).await;
    assert!(text.contains("signs for itself only"), "{text}");
    let text = error(info(&home, &json!({})), Duration::from_secs(59)).await;
    assert!(text.contains("59") && text.contains("60"), "{text}");
    let text = home.remove(&get(), other.node_id()).await.unwrap_err().to_string();
    assert!(text.contains("signs for itself only"), "{text}");

    // As large as possible goes.
    let room = VALUE_LEN_MAX
        - json!({"metadata": {"x": ""}, "advertised_at": unix_sec()})
            .to_string()
            .len();
    let largest = info(&home, &json!({"x": "x".repeat(room)}));
    home.publish(&get(), &largest, TTL, K).await.unwrap();
    assert_eq!(other.query(&get(), K).await.unwrap(), [largest]);
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_no_discovery_wrote_are_passed_over_and_those_of_other_tools_count() {
    let stage = Stage::start(2);
    let (js, home) = (stage.client(0).await, peer(&stage, 1).await);
    let id = js.create_open_resource("energy.home.get").await.unwrap().value;
    assert_eq!(id, ResourceId::open("energy.home.get"));
    js.register_provider(&id, "hello", Some("energy.home.get"))
        .await
        .unwrap();
    js.register_provider(&id, "{}", Some("other")).await.unwrap();
    js.register_provider(&id, "{}", None).await.unwrap();
    assert_eq!(home.query(&get(), 2).await.unwrap(), []);

    // What anybody can write by hand.
    js.register_provider(&id, r#"{"metadata": {"unit": "W"}}"#, Some("energy.home.get"))
        .await
        .unwrap();
    let found = home.query(&get(), 2).await.unwrap();
    assert_eq!(
        (ids(&found), &found[0].metadata["unit"]),
        (vec![js.peer_id()], &json!("W"))
    );
    js.serve("energy.home.get", |call| async move {
        Ok(json!({"success": true, "error": "", "value": {"called": call.function, "with": call.arguments[0]}}))
    });
    let arguments = json!({"room": 1}).as_object().cloned().unwrap();
    let answer = discovery(&home).call(&get(), arguments).await.unwrap();
    assert_eq!(answer, json!({"called": "call", "with": {"room": 1}}));
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_found_called_cached_and_stopped() {
    let stage = Stage::start(3);
    let (home, city) = (peer(&stage, 0).await, peer(&stage, 1).await);
    let (home, city) = (discovery(&home), discovery(&city));
    let handler = Handler::new(|arguments| async move {
        match arguments.get("room").and_then(Value::as_str) {
            Some("bomb") => panic!("out of paper"),
            Some(room) => Ok(json!({"room": room, "watts": 230})),
            None => Err("which room?".to_owned()),
        }
    });
    let advertiser = within(home.advertise(&get(), handler, Metadata::new())).await.unwrap();
    assert_eq!(advertiser.state().published.nodes, 3);

    let of = |room: &str| json!({"room": room}).as_object().cloned().unwrap();
    let answer = within(city.call(&get(), of("kitchen"))).await.unwrap();
    assert_eq!(answer, json!({"room": "kitchen", "watts": 230}));
    assert!(matches!(city.discover(&get()).await.unwrap(), Discovered::Cached(found) if found.len() == 1));
    assert!(matches!(home.discover(&get()).await.unwrap(), Discovered::Local(_)));

    let refused = within(city.call(&get(), Arguments::new())).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Refused { text, .. } if text == "which room?"),
        "{refused}"
    );
    let failed = within(city.call(&get(), of("bomb"))).await.unwrap_err();
    let told = matches!(&failed, Error::Failed { tries, .. } if tries.len() == 1);
    assert!(
        told && failed.to_string().contains("the handler panicked: out of paper"),
        "{failed}"
    );

    advertiser.stop().await.unwrap();
    assert!(matches!(city.rediscover(&get()).await, Ok(found) if found.is_empty()));
    city.clear_cache();
    let gone = within(city.call(&get(), of("kitchen"))).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_dies_is_told_by_its_relay_and_costs_no_time() {
    let stage = Stage::start(3);
    let (first, second, city) = (peer(&stage, 0).await, peer(&stage, 1).await, peer(&stage, 2).await);
    let city = discovery(&city);
    let mut offered = Vec::new();
    for (network, words) in [(first, "first"), (second, "second")] {
        let advertiser = discovery(&network)
            .advertise(&get(), says(words), Metadata::new())
            .await
            .unwrap();
        offered.push((network, advertiser));
    }
    let mut answers = vec![
        city.call(&get(), Arguments::new()).await.unwrap(),
        city.call(&get(), Arguments::new()).await.unwrap(),
    ];
    answers.sort_by_key(Value::to_string);
    assert_eq!(answers, [json!("first"), json!("second")]);

    // As a process that is killed: nothing is taken back.
    let (network, advertiser) = offered.remove(0);
    drop((network, advertiser));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    for _ in 0..4 {
        assert_eq!(
            within(city.call(&get(), Arguments::new())).await.unwrap(),
            json!("second")
        );
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_moves_with_its_relay_and_is_found_there() {
    let stage = Stage::start(4);
    let network = OpenNames::new(stage.client_of(&[1, 2], KeyPair::generate_ed25519()).await);
    let (home, city) = (discovery(&network), discovery(&peer(&stage, 0).await));
    let mut advertiser = home.advertise(&get(), says("here"), Metadata::new()).await.unwrap();
    city.call(&get(), Arguments::new()).await.unwrap();
    stage.network.kill(1).await.unwrap();
    let state = within(async {
        loop {
            let state = advertiser.changed().await;
            if state.failure.is_none() {
                break state;
            }
        }
    })
    .await;
    assert!(state.provider.endpoint.contains(&stage.peer_id(2)), "{state:?}");
    // The cache still has the old place; when nobody answers there the DHT is asked.
    assert_eq!(
        within(city.call(&get(), Arguments::new())).await.unwrap(),
        json!("here")
    );
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_node_is_dead_fewer_hold_it_and_where_the_relay_is_gone_the_cache_serves() {
    let stage = Stage::start(4);
    let network = peer(&stage, 0).await;
    let home = discovery(&network);
    stage.network.kill(3).await.unwrap();
    let published = within(network.publish(&get(), &info(&network, &json!({})), TTL, K))
        .await
        .unwrap();
    assert_eq!(published.nodes, 3, "{published:?}");
    assert!(
        published.errors.iter().any(|error| error.contains(&stage.peer_id(3))),
        "{published:?}"
    );

    assert!(matches!(home.discover(&get()).await.unwrap(), Discovered::Found(found) if found.len() == 1));
    stage.network.kill(0).await.unwrap();
    assert!(matches!(home.discover(&get()).await.unwrap(), Discovered::Cached(_)));
    let error = within(home.rediscover(&get())).await.unwrap_err();
    assert!(
        matches!(&error, Error::Dht(DhtError::Client(_))) && error.is_transient(),
        "{error}"
    );
    assert!(matches!(home.discover(&get()).await.unwrap(), Discovered::Cached(_)));
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertisement_that_nobody_renews_is_over_when_its_lease_ends() {
    let stage = Stage::start(2);
    let (home, city) = (peer(&stage, 0).await, peer(&stage, 1).await);
    let lease = Duration::from_secs(60);
    home.publish(&get(), &info(&home, &json!({})), lease, K).await.unwrap();
    assert_eq!(city.query(&get(), 2).await.unwrap().len(), 1);
    tokio::time::sleep(lease + Duration::from_secs(2)).await;
    assert_eq!(city.query(&get(), 2).await.unwrap(), []);
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_who_does_not_answer_ends_in_its_time() {
    let stage = Stage::start(2);
    let (home, city) = (peer(&stage, 0).await, peer(&stage, 1).await);
    let home = discovery(&home);
    let hangs = Handler::new(|_| std::future::pending());
    let _advertiser = home.advertise(&get(), hangs, Metadata::new()).await.unwrap();
    let city = Discovery::builder(city)
        .try_limit(Duration::from_secs(1))
        .build()
        .unwrap();
    let began = Instant::now();
    let error = within(city.call(&get(), Arguments::new())).await.unwrap_err();
    assert!(
        matches!(&error, Error::Failed { tries, .. } if tries[0].failure == Failure::Silent(Duration::from_secs(1))),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    stage.network.stop();
}
