//! Providers for a time.

use aqua_tests::Scene;
use devnet::PeerIndex;
use serde_json::json;

use crate::{cost, in_time, none, pass, scene_of};

fn register(scene: &mut Scene, client: PeerIndex, id: &str, lease_sec: u64) {
    let args = [json!(id), json!("value"), none(), json!(lease_sec)];
    let reply = scene.call_as(client, "registerProviderFor", &args);
    assert_eq!(reply.clean(), &json!(true));
    cost("registerProviderFor", &reply);
}

#[test]
fn readers_stop_seeing_a_provider_when_its_lease_ends_and_a_renewed_one_stays() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    let (brief, longer) = (scene.add_client(PeerIndex(3)), scene.add_client(PeerIndex(14)));
    register(&mut scene, brief, &id, 60);
    register(&mut scene, longer, &id, 60);
    pass(&mut scene, 30);
    assert_eq!(scene.resolve(&id, 20).providers().len(), 2);
    register(&mut scene, longer, &id, 60);
    pass(&mut scene, 35);
    for ack in [1, 20] {
        assert_eq!(scene.resolve(&id, ack).providers(), [scene.id(longer)], "ack {ack}");
    }
    pass(&mut scene, 30);
    assert_eq!(scene.resolve(&id, 20).providers(), [] as [String; 0]);
    register(&mut scene, brief, &id, 600);
    scene.settle();
    assert_eq!(scene.resolve(&id, 20).providers(), [scene.id(brief)]);
}

#[test]
fn a_lease_on_an_open_name_ends_as_well() {
    let mut scene = scene_of(20);
    let args = [json!("chat"), json!("value"), none(), json!(90)];
    let reply = scene.call("registerOpenProviderFor", &args);
    assert_eq!(reply.clean(), &json!(true));
    cost("registerOpenProviderFor", &reply);
    pass(&mut scene, 80);
    let found = |scene: &mut Scene| {
        scene
            .call("resolveOpenProviders", &[json!("chat"), json!(20)])
            .providers()
            .len()
    };
    assert_eq!(found(&mut scene), 1);
    pass(&mut scene, 11);
    assert_eq!(found(&mut scene), 0);
}

#[test]
fn what_was_unregistered_within_its_lease_is_gone_at_once() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    let me = scene.client;
    register(&mut scene, me, &id, 3_600);
    scene.settle();
    let args = [json!(id), json!(scene.id(me))];
    assert_eq!(scene.call("unregisterService", &args).clean(), &json!(true));
    scene.settle();
    assert_eq!(scene.resolve(&id, 20).providers(), [] as [String; 0]);
    register(&mut scene, me, &id, 60);
    scene.settle();
    assert_eq!(scene.resolve(&id, 20).providers(), [scene.id(me)]);
}

#[test]
fn what_is_no_lease_is_refused_by_the_relay_alone() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    for lease_sec in [0, 59, 86_401] {
        for (function, resource) in [
            ("registerProviderFor", &id),
            ("registerOpenProviderFor", &"chat".to_owned()),
        ] {
            let reply = scene.call(function, &[json!(resource), json!("v"), none(), json!(lease_sec)]);
            assert_eq!(reply.value(), &json!(false));
            let expected = format!("a lease of {lease_sec} s is outside 60..=86400 s");
            assert!(reply.errors()[0].contains(&expected), "{:?}", reply.errors());
            assert!(
                reply.errors()[0].starts_with(&scene.id(PeerIndex(0))),
                "{:?}",
                reply.errors()
            );
            assert_eq!(reply.outcome.stats.calls_of("registry", "publish"), 0);
        }
    }
    let unknown = scene.call(
        "registerProviderFor",
        &[json!("1".repeat(32)), json!("v"), none(), json!(60)],
    );
    assert_eq!(unknown.value(), &json!(false));
    assert!(
        unknown.errors()[0].contains("is not known here"),
        "{:?}",
        unknown.errors()
    );
}

#[test]
fn with_dead_nodes_a_lease_is_taken_in_time() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    for node in 10..20 {
        scene.network.kill(PeerIndex(node)).unwrap();
    }
    let args = [json!(id), json!("v"), none(), json!(600)];
    for reply in in_time(&mut scene, "registerProviderFor", &args) {
        assert_eq!(reply.value(), &json!(true), "{:?}", reply.errors());
    }
    assert_eq!(scene.resolve(&id, 5).providers(), [scene.id(scene.client)]);
}

/// The relay is a neighbour, so it holds the lease itself.
#[test]
fn with_all_nodes_dead_but_the_relay_a_lease_is_taken_there_in_time() {
    let mut scene = scene_of(20);
    let id = scene.create("sample");
    for node in 1..20 {
        scene.network.kill(PeerIndex(node)).unwrap();
    }
    let args = [json!(id), json!("v"), none(), json!(600)];
    for reply in in_time(&mut scene, "registerProviderFor", &args) {
        assert_eq!(reply.value(), &json!(true), "{:?}", reply.errors());
    }
    assert_eq!(scene.resolve(&id, 1).providers(), [scene.id(scene.client)]);
    pass(&mut scene, 601);
    assert_eq!(scene.resolve(&id, 1).providers(), [] as [String; 0]);
}
