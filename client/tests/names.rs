//! Names without an owner, providers for a time, those who are there, and more than 32, on real sockets.

#[path = "support/directory.rs"]
mod directory;
#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::future::pending;
use std::time::{Duration, Instant};

use directory::listed;
use registry_client::{Client, Error, Execute, KeyPair, Provide, Provider, ResourceId, ResourceName, DIRECTORY};
use serde_json::{json, Value};
use support::{within, Stage};

const MINUTE: Duration = Duration::from_secs(60);

fn peers(providers: &[Provider]) -> BTreeSet<&str> {
    providers.iter().map(|provider| provider.peer_id.as_str()).collect()
}

async fn resolve(client: &Client, id: &ResourceId) -> Vec<Provider> {
    let found = within(client.resolve_providers(id, 3)).await.unwrap();
    found.value.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_name_is_found_by_its_label_and_left_again() {
    let stage = Stage::start(3);
    let (alice, bob) = (stage.client(0).await, stage.client(1).await);
    let id = ResourceId::open("chat");
    assert!(within(alice.resolve_providers(&id, 3)).await.unwrap().value.is_none());
    let open = || ResourceName::open("chat");
    within(alice.register_provider(open(), "alice", None)).await.unwrap();
    let provided = within(bob.provide(open(), Provide::new("bob").lease(MINUTE)))
        .await
        .unwrap();
    assert_eq!(provided.resource_id(), &id);
    let node = stage.peer_id(2);
    within(alice.register_node_provider(&node, open(), "a node", None))
        .await
        .unwrap();
    let found = resolve(&bob, &id).await;
    assert_eq!(peers(&found), [alice.peer_id(), bob.peer_id(), &node].into());
    for provider in &found {
        provider.verify().unwrap();
    }
    within(provided.close()).await.unwrap();
    within(alice.unregister(&id, &node)).await.unwrap();
    assert_eq!(peers(&resolve(&bob, &id).await), [alice.peer_id()].into());
    assert_eq!(within(bob.create_open_resource("chat")).await.unwrap().value, id);
    let refused = within(bob.create_open_resource("")).await.unwrap_err();
    assert!(refused.to_string().contains("the label is empty"), "{refused}");
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_and_its_limits_are_told() {
    let stage = Stage::start(2);
    let client = stage.client(0).await;
    let id = client.create_resource("brief").await.unwrap().value;
    let what = Provide::new("v").lease(MINUTE).renew_every(Duration::from_secs(1));
    let mut provided = within(client.provide(&id, what)).await.unwrap();
    let state = within(provided.changed()).await.unwrap();
    assert!(state.registrations >= 2 && state.failure.is_none(), "{state:?}");
    assert_eq!(resolve(&client, &id).await.len(), 1);
    for lease in [Duration::from_secs(59), Duration::from_secs(86_401)] {
        let refused = within(client.register_provider_for(&id, "v", None, lease))
            .await
            .unwrap_err();
        let expected = format!("a lease of {} s is outside 60..=86400 s", lease.as_secs());
        assert!(refused.to_string().contains(&expected), "{refused}");
    }
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_there_are_found_and_the_others_named() {
    let stage = Stage::start(4);
    let client = stage.client(0).await;
    let id = client.create_resource("sample").await.unwrap().value;
    let (here, left) = (stage.client(1).await, stage.client(1).await);
    for provider in [&here, &left] {
        within(provider.register_provider(&id, "v", None)).await.unwrap();
    }
    let (node, dead) = (stage.peer_id(2), stage.peer_id(3));
    within(client.register_node_provider(&node, &id, "v", Some("registry")))
        .await
        .unwrap();
    within(client.register_node_provider(&dead, &id, "v", None))
        .await
        .unwrap();
    let left_id = left.peer_id().to_owned();
    drop(left);
    stage.network.kill(3).await.unwrap();
    // The relay notices in its own time that a client has gone.
    let found = within(async {
        loop {
            let found = client.resolve_alive(&id, 1).await.unwrap();
            if found.value.as_ref().is_some_and(|alive| alive.len() == 2) {
                break found;
            }
        }
    })
    .await;
    assert_eq!(peers(&found.value.unwrap()), [here.peer_id(), &node].into());
    let said = |peer: &str| {
        let of = found.errors.iter().find(|error| error.to_string().contains(peer));
        of.unwrap_or_else(|| panic!("{:?}", found.errors)).text.clone()
    };
    assert!(said(&left_id).contains("not connected to its relay"));
    assert!(said(&dead).contains("no answer in time"));
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_nobody_knows_is_told_from_one_without_providers() {
    let stage = Stage::start(2);
    let client = stage.client(0).await;
    let empty = client.create_resource("empty").await.unwrap().value;
    let unknown = ResourceId::of("nothing", client.peer_id());
    for (id, expected) in [(&empty, Some(Vec::new())), (&unknown, None)] {
        let alive = within(client.resolve_alive(id, 1)).await.unwrap();
        let through = within(client.resolve_through(id, 1)).await.unwrap();
        for found in [alive, through] {
            assert_eq!(found.value, expected, "{:?}", found.errors);
            let says = |error: &registry_client::NodeError| error.text.contains("is not known here");
            assert_eq!(found.errors.iter().any(says), expected.is_none(), "{:?}", found.errors);
        }
    }
    let call = || Execute::new("add", Vec::new());
    let failed = within(client.execute_one(&empty, call())).await.unwrap_err();
    assert!(matches!(failed, Error::NoProviders { .. }), "{failed}");
    let failed = within(client.execute_one(&unknown, call())).await.unwrap_err();
    assert!(matches!(failed, Error::NotFound { .. }), "{failed}");
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_provider_is_called_and_the_next_where_it_fails_or_hangs() {
    let stage = Stage::start(3);
    let caller = stage.client(0).await;
    let id = caller.create_resource("calc").await.unwrap().value;
    let (good, bad, hangs) = (stage.client(1).await, stage.client(1).await, stage.client(2).await);
    good.serve("calc", |call| async move { Ok(call.arguments[0].clone()) });
    bad.serve("calc", |_| async { Err("no mood".to_owned()) });
    hangs.serve("calc", |_| async { pending::<Result<Value, String>>().await });
    for provider in [&good, &bad, &hangs] {
        within(provider.register_provider(&id, "", Some("calc"))).await.unwrap();
    }
    let add = || Execute::new("add", vec![json!(7)]).ack(3).limit(Duration::from_secs(2));
    for _ in 0..3 {
        let done = within(caller.execute_one(&id, add())).await.unwrap();
        assert_eq!(done.value.provider.peer_id, good.peer_id());
        assert_eq!(done.value.result.unwrap(), json!(7));
        let bad_ones = [bad.peer_id(), hangs.peer_id()];
        assert!(done
            .errors
            .iter()
            .all(|error| bad_ones.contains(&error.peer_id.as_deref().unwrap())));
    }
    within(caller.unregister(&id, good.peer_id())).await.unwrap();
    within(good.unregister(&id, good.peer_id())).await.unwrap();
    let failed = within(caller.execute_one(&id, add())).await.unwrap_err();
    assert!(
        matches!(&failed, Error::Refused { errors, .. } if errors.len() == 2),
        "{failed}"
    );
    assert!(
        failed.to_string().contains("no mood") && failed.to_string().contains("no answer within"),
        "{failed}"
    );
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_three_hang_the_call_of_one_ends_within_the_time_to_live_and_names_them() {
    let stage = Stage::start(3);
    let id = ResourceId::open("hangs");
    let mut hanging = Vec::new();
    for node in 0..3 {
        let client = stage.client(node).await;
        client.serve("calc", |_| async { pending::<Result<Value, String>>().await });
        within(client.register_provider(ResourceName::open("hangs"), "", Some("calc")))
            .await
            .unwrap();
        hanging.push(client);
    }
    let caller = Client::connect(stage.tcp(0), KeyPair::generate_ed25519())
        .await
        .unwrap();
    assert_eq!(caller.ttl(), Duration::from_secs(7));
    let begun = Instant::now();
    let failed = within(caller.execute_one(&id, Execute::new("add", Vec::new()).ack(3)))
        .await
        .unwrap_err();
    let took = begun.elapsed();
    assert!(took < caller.ttl() + Duration::from_secs(1), "{took:?}: {failed}");
    let Error::Refused { errors, .. } = &failed else {
        panic!("{failed}");
    };
    let named: BTreeSet<&str> = errors.iter().filter_map(|error| error.peer_id.as_deref()).collect();
    assert_eq!(named, hanging.iter().map(Client::peer_id).collect(), "{failed}");
    assert!(
        errors.iter().all(|error| error.text.contains("no answer within")),
        "{failed}"
    );
    stage.network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_providers_of_an_open_name_are_called() {
    let stage = Stage::start(3);
    let caller = stage.client(0).await;
    let id = ResourceId::open("greeters");
    let mut greeters = Vec::new();
    for node in 1..3 {
        let client = stage.client(node).await;
        let me = client.peer_id().to_owned();
        client.serve("greeter", move |call| {
            let greeting = json!([me, call.arguments[0]]);
            async move { Ok(greeting) }
        });
        within(client.register_provider(ResourceName::open("greeters"), "", Some("greeter")))
            .await
            .unwrap();
        greeters.push(client);
    }
    let greet = Execute::new("greet", vec![json!("Ada")]).ack(3);
    let called = within(caller.execute(&id, greet)).await.unwrap().value;
    let greetings: BTreeSet<String> = called
        .iter()
        .map(|one| one.result.as_ref().unwrap().to_string())
        .collect();
    let expected = greeters
        .iter()
        .map(|client| json!([client.peer_id(), "Ada"]).to_string());
    assert_eq!(greetings, expected.collect());
    stage.network.stop();
}

const DIRECTORIES: usize = 4;
const LISTED: usize = 250;

/// A client that is a directory of these records.
async fn directory(stage: &Stage, node: usize, id: &ResourceId, records: Vec<Value>) -> Client {
    let client = stage.client(node).await;
    within(directory::offer(&client, id, records)).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_providers_in_four_directories_are_found_and_what_is_missing_is_said() {
    let stage = Stage::start(6);
    let client = stage.client(0).await;
    let id = client.create_resource("crowded").await.unwrap().value;
    within(client.register_provider(&id, "beside them", None))
        .await
        .unwrap();
    let mut directories = Vec::new();
    for number in 0..DIRECTORIES {
        let range = number * LISTED..(number + 1) * LISTED;
        let mut records: Vec<Value> = range.map(|number| listed(&id, number)).collect();
        if number == 1 {
            // One that nobody has signed, one of another resource, and a directory.
            records[0]["value"] = json!("forged");
            records[1] = listed(&ResourceId::open("another"), 0);
            records[2]["value"] = json!(DIRECTORY);
        }
        directories.push(directory(&stage, number + 1, &id, records).await);
    }
    let found = within(client.resolve_through(&id, 3)).await.unwrap();
    let providers = found.value.unwrap();
    assert_eq!(providers.len(), DIRECTORIES * LISTED - 3 + 1, "{:?}", found.errors);
    let said: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    assert!(
        said.iter()
            .any(|text| text.starts_with("2 listed providers are left out that their issuers")),
        "{said:?}"
    );
    assert!(
        said.iter()
            .any(|text| text.starts_with("1 listed providers are left out that are directories")),
        "{said:?}"
    );

    stage.network.kill(4).await.unwrap();
    let dead = directories.pop().unwrap().peer_id().to_owned();
    let found = within(client.resolve_through(&id, 3)).await.unwrap();
    assert_eq!(found.value.unwrap().len(), (DIRECTORIES - 1) * LISTED - 3 + 1);
    let said: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    assert!(
        said.iter()
            .any(|text| text.contains(&dead) && text.contains("no answer in time")),
        "{said:?}"
    );
    stage.network.stop();
}
