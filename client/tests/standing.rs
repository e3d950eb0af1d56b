//! What lasts: data over a restart of the whole network; and what the network tells of what is done.

mod support;

use std::time::Duration;

use devnet::live::{Cost, Deed, Event, Network, Options, What};
use registry_client::{Client, KeyPair, ResourceId};
use support::{within, Stage};
use tokio::sync::broadcast::Receiver;

fn options(dir: &std::path::Path) -> Options {
    Options {
        nodes: Some(3),
        port: Some(0),
        storage: Some(dir.to_owned()),
        trust_graph: false,
        ..Options::default()
    }
}

async fn client(network: &Network, key: KeyPair) -> Client {
    let builder = Client::builder().key_pair(key).ttl(Duration::from_secs(20));
    let builder = builder.relay(network.nodes()[0].tcp.clone());
    builder.connect().await.expect("the relay answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_registered_is_there_when_the_network_comes_up_again() {
    let dir = tempfile::tempdir().unwrap();
    let network = Network::start(options(dir.path()), |_| {}).unwrap();
    let nodes = network.nodes();
    let owner = client(&network, KeyPair::generate_ed25519()).await;
    let id = owner.create_resource("lasting").await.unwrap().value;
    owner.register_provider(&id, "still here", None).await.unwrap();
    network.stop();

    let network = Network::start(options(dir.path()), |_| {}).unwrap();
    let peer_ids = |nodes: Vec<devnet::live::Node>| nodes.into_iter().map(|node| node.peer_id).collect::<Vec<_>>();
    assert_eq!(peer_ids(network.nodes()), peer_ids(nodes));
    let reader = client(&network, KeyPair::generate_ed25519()).await;
    let found = reader.resolve_providers(&id, 2).await.unwrap().value.unwrap();
    assert_eq!(found[0].value, "still here");
    let view = network.resource(id.as_str()).await.unwrap();
    assert_eq!((view.neighbours.len(), view.holders.len()), (3, 3));
    network.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_tells_what_is_done_and_what_it_costs() {
    let stage = Stage::start(3);
    let mut events = stage.network.events();
    let client = stage.client(0).await;
    assert_eq!(client.relay(), Some(stage.peer_id(0)));
    let id = client.create_resource("told").await.unwrap().value;
    let created = next(&mut events, &id, Deed::Created).await;
    client.register_provider(&id, "x", None).await.unwrap();
    let registered = next(&mut events, &id, Deed::Registered).await;
    client.resolve_providers(&id, 2).await.unwrap();
    let resolved = next(&mut events, &id, Deed::Resolved).await;
    client.unregister(&id, client.peer_id()).await.unwrap();
    let deleted = next(&mut events, &id, Deed::Deleted).await;
    for cost in [created, registered, resolved, deleted] {
        assert!(cost.messages > 0 && cost.bytes > 1_000 && cost.avm_ms > 0.0, "{cost:?}");
    }
    assert!(resolved.bytes < registered.bytes, "{resolved:?} {registered:?}");
    stage.network.stop();
}

/// What the next such deed of a resource cost.
async fn next(events: &mut Receiver<Event>, id: &ResourceId, expected: Deed) -> Cost {
    within(async {
        loop {
            if let What::Done { deed, keys, cost, .. } = events.recv().await.unwrap().what {
                if deed == expected && keys.contains(&id.to_string()) {
                    return cost;
                }
            }
        }
    })
    .await
}
