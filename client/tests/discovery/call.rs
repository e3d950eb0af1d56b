//! Calls, with failover.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use registry_client::discovery::{
    Advertiser, Arguments, Discovery, Error, Failure, Handler, MapPeer, Metadata, Selection,
};
use serde_json::{json, Value};

use crate::stage::{get, hangs, metadata, panics, says, settle, Stage, SECOND};

async fn offer(stage: &Stage, node_id: &str, handler: Handler) -> (Discovery<MapPeer>, Advertiser<MapPeer>) {
    let peer = stage.peer(node_id);
    let advertiser = peer.advertise(&get(), handler, Metadata::new()).await.unwrap();
    (peer, advertiser)
}

fn first(stage: &Stage) -> Discovery<MapPeer> {
    stage.builder("asker").selection(Selection::First).build().unwrap()
}

fn tries(error: &Error) -> Vec<(&str, &Failure)> {
    match error {
        Error::Failed { tries, .. } => tries.iter().map(|one| (one.node_id.as_str(), &one.failure)).collect(),
        other => panic!("{other}"),
    }
}

async fn call(asker: &Discovery<MapPeer>) -> Result<Value, Error> {
    asker.call(&get(), Arguments::new()).await
}

#[tokio::test]
async fn a_provider_is_called_with_the_arguments_and_its_value_comes_back() {
    let stage = Stage::new();
    let echo = Handler::new(|arguments| async move { Ok(json!({"was": arguments})) });
    let _home = offer(&stage, "home", echo).await;
    let arguments = metadata(&json!({"room": "kitchen", "at": [1, null, 2.5]}));
    let answer = stage.peer("asker").call(&get(), arguments.clone()).await.unwrap();
    assert_eq!(answer, json!({"was": arguments}));
}

#[tokio::test]
async fn the_own_handler_is_called_without_asking_anybody() {
    let stage = Stage::new();
    let _other = offer(&stage, "other", says("other")).await;
    let (home, _advertiser) = offer(&stage, "home", says("own")).await;
    stage.dht.set_down(0..20);
    assert_eq!(call(&home).await.unwrap(), json!("own"));
    assert_eq!(stage.dht.queries(), 0);
}

#[tokio::test]
async fn nobody_to_call_is_an_error_of_its_own() {
    let stage = Stage::new();
    let error = call(&stage.peer("asker")).await.unwrap_err();
    assert!(matches!(&error, Error::NotFound { name } if *name == get()), "{error}");
    stage.dht.set_down(0..20);
    let error = call(&stage.peer("asker")).await.unwrap_err();
    assert!(matches!(&error, Error::Dht(_)), "{error}");
}

#[tokio::test]
async fn an_error_of_the_handler_is_the_answer_and_no_other_is_called() {
    let stage = Stage::new();
    let refuses = Handler::new(|_| async { Err("which room?".to_owned()) });
    let _a = offer(&stage, "a", refuses).await;
    let _b = offer(&stage, "b", says("b")).await;
    let asker = first(&stage);
    for _ in 0..2 {
        let error = call(&asker).await.unwrap_err();
        assert!(matches!(&error, Error::Refused { node_id, text, .. } if node_id == "a" && text == "which room?"));
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn a_provider_that_died_costs_its_time_once_and_the_next_answers() {
    let stage = Stage::new();
    let (a, _a) = offer(&stage, "a", says("a")).await;
    let _b = offer(&stage, "b", says("b")).await;
    let asker = first(&stage);
    assert_eq!(call(&asker).await.unwrap(), json!("a"));
    a.network().vanish();
    let began = stage.now();
    assert_eq!(stage.in_time(call(&asker)).await.unwrap(), json!("b"));
    assert_eq!((stage.now() - began).as_secs(), 5);
    let began = stage.now();
    assert_eq!(call(&asker).await.unwrap(), json!("b"));
    assert_eq!(stage.now(), began, "the dead one is not in the cache any more");
}

#[tokio::test]
async fn a_provider_that_moved_is_found_anew_when_all_that_were_cached_are_silent() {
    let stage = Stage::new();
    let (a, mut advertiser) = offer(&stage, "a", says("a")).await;
    settle().await;
    let asker = first(&stage);
    call(&asker).await.unwrap();
    a.network().move_to("map/elsewhere");
    advertiser.changed().await;
    assert_eq!(stage.in_time(call(&asker)).await.unwrap(), json!("a"));
}

#[tokio::test]
async fn who_came_after_the_cache_is_found_when_all_that_were_cached_are_silent() {
    let stage = Stage::new();
    let (a, _a) = offer(&stage, "a", says("a")).await;
    let asker = first(&stage);
    call(&asker).await.unwrap();
    let _b = offer(&stage, "b", says("b")).await;
    a.network().vanish();
    assert_eq!(stage.in_time(call(&asker)).await.unwrap(), json!("b"));
}

#[tokio::test]
async fn three_are_tried_and_each_says_why_it_did_not_answer() {
    let stage = Stage::new();
    let (a, _a) = offer(&stage, "a", says("a")).await;
    let _b = offer(&stage, "b", hangs()).await;
    let _c = offer(&stage, "c", panics()).await;
    let _d = offer(&stage, "d", says("d")).await;
    let asker = first(&stage);
    asker.rediscover(&get()).await.unwrap();
    a.network().vanish();
    let error = stage.in_time(call(&asker)).await.unwrap_err();
    let silent = Failure::Silent(5 * SECOND);
    let panicked = Failure::Panicked("out of paper".to_owned());
    assert_eq!(tries(&error), [("a", &silent), ("b", &silent), ("c", &panicked)]);
    assert!(error.is_transient());
    let text = error.to_string();
    assert!(
        text.contains("energy.home.get") && text.contains("c: the handler panicked: out of paper"),
        "{text}"
    );
    assert_eq!(
        call(&asker).await.unwrap(),
        json!("d"),
        "the next call begins with who is left"
    );
}

#[tokio::test]
async fn fewer_than_three_are_tried_once_each() {
    let stage = Stage::new();
    let (a, _a) = offer(&stage, "a", says("a")).await;
    let (b, _b) = offer(&stage, "b", says("b")).await;
    let asker = stage.peer("asker");
    asker.rediscover(&get()).await.unwrap();
    [a, b].iter().for_each(|peer| peer.network().vanish());
    let error = stage.in_time(call(&asker)).await.unwrap_err();
    let mut tried: Vec<&str> = tries(&error).into_iter().map(|(node_id, _)| node_id).collect();
    tried.sort_unstable();
    assert_eq!(tried, ["a", "b"], "also when the DHT names them again");
}

#[tokio::test]
async fn how_many_are_tried_and_how_long_each_has_is_set() {
    let stage = Stage::new();
    let (a, _a) = offer(&stage, "a", says("a")).await;
    let _b = offer(&stage, "b", says("b")).await;
    let asker = stage.builder("asker").selection(Selection::First).tries(1);
    let asker = asker.try_limit(2 * SECOND).build().unwrap();
    a.network().vanish();
    let began = stage.now();
    let error = stage.in_time(call(&asker)).await.unwrap_err();
    assert_eq!(tries(&error), [("a", &Failure::Silent(2 * SECOND))]);
    assert_eq!((stage.now() - began).as_secs(), 2);
}

#[tokio::test]
async fn an_own_handler_that_panics_or_hangs_fails_over_to_others_and_not_to_itself() {
    let stage = Stage::new();
    for handler in [panics(), hangs()] {
        let (home, _home) = offer(&stage, "home", handler).await;
        let error = stage.in_time(call(&home)).await.unwrap_err();
        assert_eq!(tries(&error).len(), 1, "{error}");
        let (_, other) = offer(&stage, "other", says("other")).await;
        home.rediscover(&get()).await.unwrap();
        assert_eq!(stage.in_time(call(&home)).await.unwrap(), json!("other"));
        other.stop().await.unwrap();
        home.clear_cache();
    }
}

#[tokio::test]
async fn a_dht_that_fails_when_others_are_looked_for_is_told_beside_those_who_were_tried() {
    let stage = Stage::new();
    let (a, _a) = offer(&stage, "a", says("a")).await;
    let asker = first(&stage);
    call(&asker).await.unwrap();
    a.network().vanish();
    stage.dht.set_down(0..20);
    let error = stage.in_time(call(&asker)).await.unwrap_err();
    assert!(
        matches!(&error, Error::Failed { dht: Some(_), tries, .. } if tries.len() == 1),
        "{error}"
    );
}

#[tokio::test]
async fn a_provider_whose_service_is_gone_is_told_from_one_that_is_silent() {
    let stage = Stage::new();
    let (_a, advertiser) = offer(&stage, "a", says("a")).await;
    let asker = first(&stage);
    asker.rediscover(&get()).await.unwrap();
    drop(advertiser);
    let error = call(&asker).await.unwrap_err();
    assert!(matches!(tries(&error)[..], [("a", Failure::Unreached(_))]), "{error}");
}

#[tokio::test]
async fn what_expires_while_a_call_is_under_way_does_not_end_it() {
    let stage = Stage::new();
    let clock = stage.clock.clone();
    // 4 s pass in the handler, and with them the cache's time and the advertisement's.
    let slow = Handler::new(move |_| {
        let clock = clock.clone();
        async move {
            use registry_client::discovery::Clock;
            clock.sleep_until(clock.now() + 4 * SECOND).await;
            Ok(json!("late"))
        }
    });
    let (_home, advertiser) = offer(&stage, "home", slow).await;
    let asker = first(&stage);
    asker.rediscover(&get()).await.unwrap();
    stage.clock.advance(58 * SECOND);
    let calling = {
        let asker = asker.clone();
        tokio::spawn(async move { call(&asker).await })
    };
    settle().await;
    advertiser.stop().await.unwrap();
    stage.clock.advance(4 * SECOND);
    assert_eq!(calling.await.unwrap().unwrap(), json!("late"));
    stage.clock.advance(Duration::from_secs(60));
    assert!(matches!(call(&asker).await, Err(Error::NotFound { .. })));
}

/// Counts how many of its calls run.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_or_takes_too_long_ends_its_handler() {
    let stage = Stage::new();
    let running = Arc::new(AtomicUsize::new(0));
    let handler = {
        let running = running.clone();
        Handler::new(move |_| {
            let running = running.clone();
            async move {
                running.fetch_add(1, Ordering::SeqCst);
                let _running = Running(running);
                std::future::pending().await
            }
        })
    };
    let (home, _home) = offer(&stage, "home", handler).await;
    let calling = {
        let home = home.clone();
        tokio::spawn(async move { call(&home).await })
    };
    settle().await;
    assert_eq!(running.load(Ordering::SeqCst), 1);
    calling.abort();
    settle().await;
    assert_eq!(running.load(Ordering::SeqCst), 0, "dropped");
    stage.in_time(call(&stage.peer("asker"))).await.unwrap_err();
    settle().await;
    assert_eq!(running.load(Ordering::SeqCst), 0, "too long");
}

#[tokio::test]
async fn round_robin_gives_each_provider_its_turn() {
    let stage = Stage::new();
    let mut offered = Vec::new();
    for id in ["a", "b", "c"] {
        offered.push(offer(&stage, id, says(id)).await);
    }
    let asker = stage.builder("asker").selection(Selection::RoundRobin).build().unwrap();
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(call(&asker).await.unwrap());
    }
    assert_eq!(answers, ["a", "b", "c", "a", "b", "c"].map(|id| json!(id)));
    // One dies: its turn goes to the next, whose own comes after the others'.
    offered[1].0.network().vanish();
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(stage.in_time(call(&asker)).await.unwrap());
    }
    assert_eq!(answers, ["a", "c", "a", "c", "a", "c"].map(|id| json!(id)));
}
