//! The client on a network of real sockets.

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use registry_client::{Change, Client, Error, Execute, KeyPair, Provide, ResourceId};
use serde_json::json;
use support::{within, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn every_call_does_what_its_name_says_from_any_relay() {
    let stage = Stage::start(4);
    let (alice, bob) = (stage.client(0).await, stage.client(1).await);

    let chat = alice.create_resource("chat").await.unwrap().value;
    assert_eq!(chat, ResourceId::of("chat", alice.peer_id()));
    assert_eq!(chat, alice.resource_id("chat"));
    let resource = bob.get_resource(&chat).await.unwrap().expect("it was created");
    assert_eq!(
        (resource.label.as_str(), resource.owner_peer_id.as_str()),
        ("chat", alice.peer_id())
    );

    bob.register_provider(&chat, "from bob", Some("echo")).await.unwrap();
    let node = stage.peer_id(2);
    alice
        .register_node_provider(&node, &chat, "from a node", None)
        .await
        .unwrap();
    let found = alice
        .resolve_providers(&chat, 4)
        .await
        .unwrap()
        .value
        .expect("it is known");
    let of = |peer_id: &str| found.iter().find(|p| p.peer_id == peer_id).expect("it was registered");
    let (by_bob, by_node) = (of(bob.peer_id()), of(&node));
    assert_eq!(
        (by_bob.value.as_str(), by_bob.service_id.as_deref()),
        ("from bob", Some("echo"))
    );
    assert_eq!(by_bob.relay_id, Some(stage.peer_id(1)));
    assert_eq!(
        (by_node.issuer.as_str(), by_node.relay_id.as_deref()),
        (alice.peer_id(), None)
    );
    for provider in &found {
        provider.verify().unwrap();
    }

    let nodes: BTreeSet<String> = stage.network.nodes().into_iter().map(|n| n.peer_id).collect();
    let neighbours = bob.neighbours(&chat).await.unwrap();
    assert_eq!(
        neighbours.iter().cloned().collect::<BTreeSet<_>>(),
        nodes,
        "four are all among the twenty closest"
    );
    for node in &neighbours {
        let stats = bob.node_stats(node).await.unwrap();
        assert!(stats.keys >= 1, "{stats:?}");
        let inspection = bob.inspect(node, &chat).await.unwrap();
        assert!(inspection.resource.is_some(), "{inspection:?}");
        assert!(inspection.clock_ahead_ms.abs() < 60_000, "{inspection:?}");
    }

    bob.unregister(&chat, bob.peer_id()).await.unwrap();
    alice.unregister(&chat, &node).await.unwrap();
    let left = alice.resolve_providers(&chat, 4).await.unwrap().value;
    assert_eq!(left, Some(Vec::new()));
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_not_found_and_what_nodes_refuse_is_told_in_their_words() {
    let stage = Stage::start(2);
    let client = stage.client(0).await;
    let unknown = ResourceId::of("nothing", client.peer_id());
    assert_eq!(client.get_resource(&unknown).await.unwrap(), None);
    assert_eq!(client.resolve_providers(&unknown, 1).await.unwrap().value, None);

    let refused = client.register_provider(&unknown, "x", None).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Refused { errors, .. } if !errors.is_empty()),
        "{refused}"
    );
    let too_long = client.create_resource(&"x".repeat(600)).await.unwrap_err().to_string();
    assert!(too_long.contains("600") && too_long.contains("512"), "{too_long}");
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_called_on_every_provider_and_each_has_a_result_of_its_own() {
    let stage = Stage::start(3);
    let (caller, good, bad, gone) = (
        stage.client(0).await,
        stage.client(1).await,
        stage.client(2).await,
        stage.client(2).await,
    );
    let id = caller.create_resource("calc").await.unwrap().value;
    good.serve("calc", |call| async move {
        let sum: i64 = call.arguments.iter().filter_map(serde_json::Value::as_i64).sum();
        Ok(json!({"sum": sum, "asked_by": call.init_peer_id}))
    });
    bad.serve(
        "calc",
        |call| async move { Err(format!("no `{}` today", call.function)) },
    );
    for client in [&good, &bad, &gone] {
        client.register_provider(&id, "", Some("calc")).await.unwrap();
    }
    let gone_id = gone.peer_id().to_owned();
    drop(gone);

    let add = Execute::new("add", vec![json!(1), json!(2)])
        .ack(3)
        .limit(Duration::from_secs(5));
    let executions = within(caller.execute(&id, add)).await.unwrap().value;
    assert_eq!(executions.len(), 3);
    let result = |peer_id: &str| {
        &executions
            .iter()
            .find(|e| e.provider.peer_id == peer_id)
            .unwrap()
            .result
    };
    assert_eq!(
        result(good.peer_id()).as_ref().unwrap(),
        &json!({"sum": 3, "asked_by": caller.peer_id()})
    );
    let refused = result(bad.peer_id()).as_ref().unwrap_err().to_string();
    assert!(refused.contains("no `add` today"), "{refused}");
    assert!(result(&gone_id).is_err());

    // Its own services are no further away than others'.
    good.register_provider(&id, "", Some("calc")).await.unwrap();
    let own = good
        .call_service(good.peer_id(), Some(&stage.peer_id(1)), "calc", "add", vec![json!(4)])
        .await;
    assert_eq!(own.unwrap()["sum"], json!(4));
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_or_panics_is_told_at_once_and_not_when_the_time_is_over() {
    let stage = Stage::start(2);
    let (caller, gone, panics) = (stage.client(0).await, stage.client(1).await, stage.client(1).await);
    panics.serve("calc", |call| async move {
        assert!(call.function != "panic", "as it was told to");
        Ok(json!(call.function))
    });
    let call = |peer_id: String, function: &'static str| {
        let (caller, relay) = (caller.clone(), stage.peer_id(1));
        async move { within(caller.call_service(&peer_id, Some(&relay), "calc", function, Vec::new())).await }
    };
    let began = std::time::Instant::now();
    let panicked = call(panics.peer_id().to_owned(), "panic")
        .await
        .unwrap_err()
        .to_string();
    assert!(panicked.contains("the service panicked"), "{panicked}");
    assert_eq!(
        call(panics.peer_id().to_owned(), "add").await.unwrap(),
        json!("add"),
        "and it serves on"
    );

    let gone_id = gone.peer_id().to_owned();
    drop(gone);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let error = call(gone_id.clone(), "add").await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("{gone_id} is not connected to its relay")),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_moves_to_another_relay_when_its_own_dies_and_a_watcher_sees_it() {
    let stage = Stage::start(5);
    let watcher = stage.client(0).await;
    let provider = stage.client_of(&[1, 2], KeyPair::generate_ed25519()).await;
    assert_eq!(provider.relay(), Some(stage.peer_id(1)));
    let id = provider.create_resource("moving").await.unwrap().value;
    let mut provided = provider
        .provide(&id, Provide::new("here").service("echo"))
        .await
        .unwrap();
    provider.serve("echo", |call| async move { Ok(call.arguments[0].clone()) });

    let mut changes = pin!(watcher.watch(&id, Duration::from_millis(500)));
    let first = within(changes.next()).await.unwrap().unwrap();
    assert!(
        matches!(&first, Change::Added(p) if p.relay_id == Some(stage.peer_id(1))),
        "{first:?}"
    );

    stage.network.kill(1).await.unwrap();
    let state = within(async {
        loop {
            let state = provided.changed().await.unwrap();
            if state.failure.is_none() {
                break state;
            }
        }
    })
    .await;
    assert_eq!((state.relay, state.registrations), (stage.peer_id(2), 2));
    let moved = within(async {
        loop {
            // With a node dead, single looks may fail.
            if let Ok(change) = changes.next().await.unwrap() {
                break change;
            }
        }
    })
    .await;
    assert!(
        matches!(&moved, Change::Changed { after, .. } if after.relay_id == Some(stage.peer_id(2))),
        "{moved:?}"
    );
    let echo = Execute::new("echo", vec![json!("still here")]);
    let executions = within(watcher.execute(&id, echo)).await.unwrap().value;
    assert_eq!(executions[0].result.as_ref().unwrap(), &json!("still here"));

    within(provided.close()).await.unwrap();
    let gone = within(async {
        loop {
            if let Ok(change) = changes.next().await.unwrap() {
                break change;
            }
        }
    })
    .await;
    assert!(
        matches!(&gone, Change::Gone(p) if p.peer_id == provider.peer_id()),
        "{gone:?}"
    );
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_renewed_before_it_is_old() {
    let stage = Stage::start(2);
    let client = stage.client(0).await;
    let id = client.create_resource("renewed").await.unwrap().value;
    let what = Provide::new("v").renew_every(Duration::from_secs(2));
    let mut provided = client.provide(&id, what).await.unwrap();
    let issued_at = || async { client.resolve_providers(&id, 2).await.unwrap().value.unwrap()[0].issued_at };
    let before = issued_at().await;
    let state = within(provided.changed()).await.unwrap();
    assert_eq!(state.registrations, 2, "{:?}", state.failure);
    assert!(issued_at().await > before);
    within(provided.close()).await.unwrap();
    assert_eq!(client.resolve_providers(&id, 2).await.unwrap().value, Some(Vec::new()));
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_relay_fails_calls_under_way_and_the_next_ones_wait_for_it() {
    let stage = Stage::start(2);
    let client = stage.client(0).await;
    // `peer.timeout` on the relay: a call that is under way for long.
    let asleep = {
        let (client, relay) = (client.clone(), stage.peer_id(0));
        tokio::spawn(async move {
            client
                .call_service(&relay, None, "peer", "timeout", vec![json!(15_000), json!("awake")])
                .await
        })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.network.kill(0).await.unwrap();
    let lost = within(asleep).await.unwrap().unwrap_err();
    assert!(
        matches!(&lost, Error::ConnectionLost { relay } if *relay == stage.peer_id(0)),
        "{lost}"
    );
    assert!(lost.is_transient());

    let waiting = {
        let client = client.clone();
        tokio::spawn(async move { client.create_resource("later").await })
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.network.restart(0).await.unwrap();
    within(waiting).await.unwrap().expect("the call waited for the relay");
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_one_key_at_one_node_are_each_answered_what_they_asked() {
    let stage = Stage::start(2);
    let key = KeyPair::generate_ed25519();
    let first = stage.client_of(&[0], key.clone()).await;
    let second = stage.client_of(&[0], key).await;
    let ask = |client: Client, label: &'static str| async move {
        for _ in 0..8 {
            let expected = client.resource_id(label);
            let created = client.create_resource(label).await.unwrap().value;
            assert_eq!(created, expected, "{label}");
        }
    };
    within(async { tokio::join!(ask(first.clone(), "first"), ask(second.clone(), "second")) }).await;
    // The one that came last has gone; the other one is answered still.
    drop(second);
    within(ask(first, "first")).await;
    stage.network.stop();
}

#[tokio::test]
async fn no_relay_is_an_error_that_says_why_for_each_address() {
    let peer_id = KeyPair::generate_ed25519().get_peer_id().to_base58();
    // Nobody listens on port 1.
    let addresses = [
        format!("/ip4/127.0.0.1/tcp/1/p2p/{peer_id}"),
        format!("/ip4/127.0.0.1/tcp/1/ws/p2p/{peer_id}"),
    ];
    let builder = addresses
        .iter()
        .fold(Client::builder(), |builder, address| builder.relay(address));
    let error = within(builder.connect()).await.unwrap_err();
    let Error::NotConnected(failures) = &error else {
        panic!("{error}");
    };
    assert_eq!(
        failures.iter().map(|f| f.address.clone()).collect::<Vec<_>>(),
        addresses
    );
    assert!(failures.iter().all(|f| f.reason.contains("refused")), "{error}");
    assert!(within(Client::builder().connect()).await.is_err(), "no address at all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_with_another_key_is_not_taken_for_the_one_that_is_meant() {
    let stage = Stage::start(2);
    let wrong = stage.tcp(0).replace(&stage.peer_id(0), &stage.peer_id(1));
    let error = within(Client::connect(wrong, KeyPair::generate_ed25519()))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&stage.peer_id(0)), "{error}");
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_websocket_address_is_as_good_as_the_other() {
    let stage = Stage::start(2);
    let address = stage.network.nodes()[0].ws.clone();
    let client = within(Client::connect(address, KeyPair::generate_ed25519()))
        .await
        .unwrap();
    client.create_resource("by websocket").await.unwrap();
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_answers_ends_with_its_time_to_live() {
    let stage = Stage::start(2);
    let client = stage.client(0).await.with_ttl(Duration::from_secs(2)).unwrap();
    let nobody = KeyPair::generate_ed25519().get_peer_id().to_base58();
    let began = std::time::Instant::now();
    let error = client
        .call_service(&nobody, None, "peer", "timestamp_sec", Vec::new())
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::Expired { ttl_ms: 2_000, .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(client.with_ttl(Duration::from_millis(10)).is_err());
    stage.network.stop();
}

/// Waits until the client works on nothing any more.
async fn idle(client: &Client) {
    within(async {
        while client.under_way() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_call_whose_future_is_dropped_nothing_is_left() {
    let stage = Stage::start(2);
    // Time to live is long: what is forgotten is forgotten at once.
    let client = stage.client(0).await.with_ttl(Duration::from_secs(300)).unwrap();
    let id = client.create_resource("cancelled").await.unwrap().value;
    let relay = stage.peer_id(0);
    let sleep = || client.call_service(&relay, None, "peer", "timeout", vec![json!(200_000), json!("awake")]);
    for _ in 0..100 {
        tokio::time::timeout(Duration::from_millis(5), sleep())
            .await
            .unwrap_err();
    }
    // Dropped before they began, and while they are under way.
    drop(client.resolve_providers(&id, 2));
    tokio::time::timeout(Duration::from_millis(1), client.resolve_providers(&id, 2))
        .await
        .ok();
    let asleep = tokio::spawn({
        let (client, relay) = (client.clone(), relay.clone());
        async move {
            let arguments = vec![json!(200_000), json!("awake")];
            client.call_service(&relay, None, "peer", "timeout", arguments).await
        }
    });
    within(async {
        while client.under_way() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    asleep.abort();
    idle(&client).await;

    // Of a handler that its caller does not wait for neither: it may go on until it has ended, and no longer than the particle.
    let provider = stage.client(1).await;
    provider.serve("slow", |_| async {
        tokio::time::sleep(Duration::from_secs(600)).await;
        Ok(json!("never"))
    });
    let caller = client.with_ttl(Duration::from_secs(3)).unwrap();
    let provider_relay = stage.peer_id(1);
    let call = caller.call_service(provider.peer_id(), Some(&provider_relay), "slow", "f", Vec::new());
    tokio::time::timeout(Duration::from_millis(700), call)
        .await
        .unwrap_err();
    assert_eq!(provider.under_way(), 1, "it has come");
    idle(&provider).await;
    idle(&client).await;
    client.resolve_providers(&id, 2).await.unwrap();
    stage.network.stop();
}

/// `examples/load.rs` makes 10,000 by hand and shows the memory of the process.
#[tokio::test(flavor = "multi_thread")]
async fn after_many_calls_nothing_is_left_of_them() {
    const CALLS: usize = 2_000;
    const AT_ONCE: usize = 16;
    let stage = Stage::start(2);
    let client = stage.client(0).await;
    let relay = stage.peer_id(0);
    let calls = futures_util::stream::iter(0..CALLS).map(|_| async {
        let answer = client.call_service(&relay, None, "peer", "timestamp_sec", Vec::new());
        answer.await.unwrap();
        assert!(client.under_way() <= AT_ONCE);
    });
    calls.buffer_unordered(AT_ONCE).for_each(|()| async {}).await;
    idle(&client).await;
    stage.network.stop();
}
