//! Hostile neighbours of nodes that replicate: they answer offers with garbage, megabytes or nothing, say that they have
//! taken in what they have not, push forged bundles, and pretend to have replicated.

use std::time::Duration;

use aqua_tests::hostile::{Lie, Siege, SiegeConfig};
use aqua_tests::{artifact, Scene};
use devnet::{Behaviour, PeerIndex, ScheduledScript, ServiceRequest, ServiceRequests};
use registry_service::domain::data::Key;
use registry_service::domain::{pack_bundle, BundleItem};
use registry_testkit::Peer;
use serde_json::{json, Value};

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);
const HOSTILE: PeerIndex = PeerIndex(1);

#[test]
fn a_node_that_joins_is_given_what_belongs_to_it_although_a_third_lies() {
    let behaviours = [
        Behaviour::Pretend,
        Behaviour::Withhold,
        Behaviour::WrongType,
        Behaviour::Replay,
        Behaviour::Late,
    ];
    Siege::new(SiegeConfig::new(21).behaviours(behaviours).replications(1)).run();
}

#[test]
fn huge_answers_to_offers_end_no_round_and_requests_spoil_none() {
    let config = SiegeConfig::new(22)
        .behaviours([Behaviour::Huge, Behaviour::Silent])
        .lies([Lie::Replay])
        .requests(16)
        .replications(1);
    Siege::new(config).run();
}

/// One timed call of the hostile node; what it returned.
fn call(scene: &mut Scene, node: PeerIndex, function: &str, mut args: Vec<Value>) -> Value {
    args.push(json!(0));
    let requests = [ServiceRequest {
        function: function.to_owned(),
        args,
        timed: true,
    }];
    let requests = ServiceRequests {
        node,
        service: "registry",
        requests: &requests,
    };
    let mut served = scene.network.request(HOSTILE, &requests).unwrap();
    assert_eq!(served.failures, [] as [String; 0]);
    served.results.remove(0)
}

/// Every node but the hostile one replicates every hour, from the next one on.
fn schedule(scene: &mut Scene) {
    let script = std::fs::read_to_string(artifact("replicate_3600.air")).expect("run ./build.sh first");
    for node in scene.network.nodes() {
        if node != HOSTILE {
            let script = ScheduledScript::new(script.as_str(), HOUR).ttl_ms(60_000);
            scene.network.schedule(node, script).unwrap();
        }
    }
}

#[test]
fn who_pretends_to_have_replicated_holds_up_the_others_for_some_periods_at_most() {
    let mut scene = Scene::of(8);
    let id = scene.create("sample");
    scene.register(scene.client, &id, "value");
    let joined = scene.network.add_node().unwrap();
    schedule(&mut scene);
    scene.network.advance(HOUR - 2 * MINUTE).unwrap();
    let peers: Vec<String> = scene.network.nodes().iter().map(|node| scene.id(*node)).collect();
    let round = call(&mut scene, HOSTILE, "begin_replication", vec![json!(peers), json!(1)]);
    assert_eq!(round["success"], json!(true), "{round}");
    let digests = round["text"].clone();
    let mut periods = 0;
    while !scene.holders(&id).iter().any(|(node, _)| *node == joined) {
        periods += 1;
        assert!(periods <= 20, "nothing is replicated any more");
        for node in scene.network.nodes() {
            if node != HOSTILE && node != joined {
                let answer = call(&mut scene, node, "compare_replica", vec![digests.clone(), json!("AQ")]);
                assert_eq!(answer["success"], json!(true), "{answer}");
            }
        }
        scene.network.advance(HOUR).unwrap();
    }
}

#[test]
fn a_forged_bundle_is_not_taken_in() {
    let mut scene = Scene::of(3);
    let id = scene.create("sample");
    scene.register(scene.client, &id, "value");
    let victim = PeerIndex(2);
    let before = scene
        .holders(&id)
        .into_iter()
        .find(|(node, _)| *node == victim)
        .unwrap()
        .1;
    let genuine: Key = serde_json::from_value(before.key.clone()).unwrap();
    let mallory = Peer::named("mallory");
    let now = devnet::EPOCH_SEC;
    let mut later_key = genuine.clone();
    later_key.timestamp_created += 1;
    let mut stolen = mallory.own_record(&id, "forged", now);
    stolen.metadata.peer_id = scene.id(scene.client);
    let unsigned = {
        let mut record = mallory.own_record(&id, "forged", now);
        record.signature.clear();
        record
    };
    let elsewhere = mallory.own_record(&mallory.key("other", now).id, "elsewhere", now);
    let mut tombstone = mallory.tombstone(&id, &mallory, now + 1);
    tombstone.issued_by = scene.id(scene.client);
    tombstone.peer_id = scene.id(scene.client);
    let mut foreign_key = mallory.key("another", now);
    foreign_key.owner_peer_id = scene.id(scene.client);
    let item = |key: &Key| BundleItem::new(key.clone());
    let mut of_key = item(&genuine);
    of_key.records = vec![stolen, unsigned, elsewhere];
    of_key.tombstones = vec![tombstone];
    for items in [vec![of_key], vec![item(&later_key)], vec![item(&foreign_key)]] {
        let answer = call(
            &mut scene,
            victim,
            "take_replica",
            vec![json!(pack_bundle(&items)), json!("*"), json!([])],
        );
        // Nothing of it is held: the set of keys is empty.
        assert_eq!(
            (&answer["success"], &answer["answer"]),
            (&json!(true), &json!("")),
            "{answer}"
        );
    }
    let huge = "A".repeat(4 << 20);
    for bundle in ["", "!", "AQ", huge.as_str()] {
        let answer = call(
            &mut scene,
            victim,
            "take_replica",
            vec![json!(bundle), json!("*"), json!([])],
        );
        assert_eq!(answer["success"], json!(false), "{answer:.300}");
    }
    let after = scene
        .holders(&id)
        .into_iter()
        .find(|(node, _)| *node == victim)
        .unwrap()
        .1;
    assert_eq!(after, before);
}
