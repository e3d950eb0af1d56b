//! Networks that are larger than a routing table: relays that know few of the nodes that are far from them.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use aqua_tests::{compile, Scene};
use devnet::kademlia::{neighbourhood_target, resource_point, Point};
use devnet::{NetworkConfig, PeerIndex, ScheduledRun, ServiceCall, ServiceResult};
use registry_testkit::Peer;
use serde_json::{json, Value};

const NODES: usize = 64;
const LABELS: usize = 6;

/// Of each half, quarter, … of the network a node knows so many.
fn scene_of(nodes: usize, bucket: usize) -> Scene {
    let config = NetworkConfig {
        bucket: Some(bucket),
        ..NetworkConfig::new(nodes)
    };
    Scene::with(config, compile("far.aqua", &[]))
}

fn scene() -> Scene {
    scene_of(NODES, 8)
}

/// The label whose resource lies where the first client's relay knows the fewest of its neighbours, the resource's id, and
/// how many the relay knows.
fn farthest(scene: &mut Scene) -> (String, String, usize) {
    let owner = scene.id(scene.client);
    let labels = (0..LABELS).map(|number| format!("resource {number}"));
    let resources = labels.map(|label| {
        let id = scene.call("getResourceId", &[json!(label), json!(owner)]);
        let id = id.value().as_str().unwrap().to_owned();
        let known = scene.call("knownNeighbours", &[json!(id)]);
        let neighbours = scene.neighbourhood(&id);
        let neighbours = scene.ids(&neighbours);
        let known: Vec<&Value> = known.value().as_array().unwrap().iter().collect();
        let right = known.iter().filter(|peer| neighbours.contains(peer.as_str().unwrap()));
        (label, id, right.count())
    });
    resources.min_by_key(|(_, _, known)| *known).unwrap()
}

/// A network whose first client has registered at the resource that its relay knows the fewest neighbours of.
fn with_provider() -> (Scene, String) {
    let mut scene = scene();
    let (label, id, _) = farthest(&mut scene);
    scene.create(&label);
    scene.register(scene.client, &id, "a value");
    (scene, id)
}

/// How many of a resource's neighbours hold it.
fn holding(scene: &mut Scene, id: &str) -> usize {
    let neighbours = scene.neighbourhood(id);
    let holders = scene.holders(id);
    holders.iter().filter(|(node, _)| neighbours.contains(node)).count()
}

#[test]
fn a_resource_reaches_more_of_its_neighbours_than_the_relay_knows() {
    let mut scene = scene();
    let (label, id, known) = farthest(&mut scene);
    assert!(known < 14, "the relay knows {known} of 20: this shows nothing");
    assert_eq!(scene.create(&label), id);
    let holding = holding(&mut scene, &id);
    assert!(
        holding > known + 2 && holding >= 15,
        "{holding}, of which the relay knows {known}"
    );
}

#[test]
fn a_provider_registered_through_one_relay_is_found_through_all() {
    let (mut scene, id) = with_provider();
    for node in (1..NODES).step_by(9) {
        let reader = scene.add_client(PeerIndex(node));
        let reply = scene.call_as(reader, "resolveProviders", &[json!(id), json!(2)]);
        assert_eq!(reply.providers(), [scene.id(scene.client)], "through node {node}");
    }
}

/// Peers that there are not, closer to the resource than anybody.
fn invented(resource_id: &str) -> Vec<String> {
    let target = resource_point(resource_id).unwrap();
    let peers = (0..2_000).map(|number| Peer::named(&format!("invented {number}")));
    let mut peers: Vec<_> = peers
        .map(|peer| {
            let bytes = bs58::decode(peer.id()).into_vec().unwrap();
            (target.distance(&Point::of(&bytes)), peer.id().to_owned())
        })
        .collect();
    peers.sort();
    peers.into_iter().take(20).map(|(_, id)| id).collect()
}

#[test]
fn a_node_that_invents_closer_ones_hides_no_provider() {
    let (mut scene, id) = with_provider();
    let asked = scene.call("knownNeighbours", &[json!(id)]);
    let liar = asked.value()[0].as_str().unwrap().to_owned();
    let liar = (0..NODES).map(PeerIndex).find(|node| scene.id(*node) == liar).unwrap();
    let lie = json!(invented(&id));
    let answer = move |_: &ServiceCall| ServiceResult::ok(lie.clone()).into();
    scene
        .network
        .define_service(liar, "kad", "neighborhood", answer)
        .unwrap();
    let reply = scene.resolve(&id, 2);
    assert_eq!(reply.providers(), [scene.id(scene.client)]);
    let other = scene.call("registerProvider", &[json!(id), json!("another value"), json!(null)]);
    assert_eq!(other.value(), &json!(true));
}

/// Of a resource's neighbours, those that hold a record of it that its provider has signed.
fn holding_signed(scene: &mut Scene, id: &str) -> usize {
    let neighbours = scene.neighbourhood(id);
    let is_signed = |record: &Value| !record["signature"].as_array().unwrap().is_empty();
    let holders = scene.holders(id);
    let holding = holders
        .iter()
        .filter(|(node, held)| neighbours.contains(node) && held.records.iter().any(is_signed));
    holding.count()
}

#[test]
fn the_routing_table_that_a_nodes_script_takes_lies_around_the_node() {
    let mut scene = Scene::of(3);
    let node = PeerIndex(0);
    let own = bs58::decode(scene.id(node)).into_vec().unwrap();
    let targets = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&targets);
    // As nox reads it: a peer id is a multihash already.
    let answer = move |call: &ServiceCall| {
        let key = bs58::decode(call.args[0].as_str().unwrap()).into_vec().unwrap();
        let hashed = call.args[1] == json!([true]);
        seen.borrow_mut().push(neighbourhood_target(&key, hashed).unwrap());
        ServiceResult::ok(json!([])).into()
    };
    scene
        .network
        .define_service(node, "kad", "neighborhood", answer)
        .unwrap();
    scene.install_spell(node);
    scene.network.advance(Duration::from_secs(90)).unwrap();
    let targets = targets.borrow();
    assert!(!targets.is_empty() && targets.iter().all(|target| *target == Point::of(&own)));
}

#[test]
fn what_a_far_node_signs_anew_reaches_the_neighbours_of_its_resource() {
    // Its routing table shows that the network is larger.
    let mut scene = scene_of(120, 20);
    let provider = PeerIndex(0);
    let (label, id, known) = farthest(&mut scene);
    assert!(known < 8, "the provider knows {known} of them by itself");
    scene.create(&label);
    let args = [json!(scene.id(provider)), json!(id), json!("a value"), json!(null)];
    assert_eq!(scene.call("registerNodeProvider", &args).value(), &json!(true));
    assert_eq!(holding_signed(&mut scene, &id), 0, "a client cannot sign for it");

    let spell = scene.install_spell(provider);
    scene.network.advance(Duration::from_secs(150)).unwrap();
    let signed = holding_signed(&mut scene, &id);
    assert!(
        signed >= 14,
        "{signed} of its neighbours hold what the provider has signed"
    );
    // Looked up in one run, exchanged in the next: no script carries the one to all whom the other visits.
    let runs: Vec<Vec<String>> = scene.network.scheduled_runs(spell).map(jobs).collect();
    assert_eq!(runs[0], ["renew", "renew", "replicate", "replicate", "clear"]);
    assert_eq!(runs[1], ["renew", "replicate", "replicate", "clear"]);
}

/// What a run of the spell has done, all of it with success.
fn jobs(run: &ScheduledRun) -> Vec<String> {
    let report = &run.result.as_ref().unwrap()[0];
    let runs = report["runs"].as_array().unwrap();
    runs.iter()
        .map(|ran| {
            assert_eq!(ran["success"], json!(true), "{report}");
            ran["job"].as_str().unwrap().to_owned()
        })
        .collect()
}
