//! The example of a resource with more than 32 providers: directories, each a Marine service of its own.

use aqua_tests::artifact;
use devnet::{AquaCompiler, Network, NetworkConfig, PeerIndex, ServiceSpec};
use serde_json::{json, Value};

const DIRECTORIES: [PeerIndex; 2] = [PeerIndex(1), PeerIndex(3)];
const PROVIDERS: usize = 40;

#[test]
fn forty_providers_are_gathered_from_two_directories() {
    let script = aqua_tests::aqua_file("../../examples/records-directory/directories.aqua");
    let program = AquaCompiler::new().compile(script).unwrap();
    let mut network = Network::start(NetworkConfig::new(5)).unwrap();
    for node in DIRECTORIES {
        let directory = |dir: &std::path::Path| {
            ServiceSpec::new("directory", dir).module("records-directory", artifact("records-directory.wasm"))
        };
        network.deploy(node, "directory", directory).unwrap();
    }
    let owner = network.add_client(PeerIndex(0)).unwrap();
    let call = |network: &mut Network, peer, function: &str, arguments: &[Value]| {
        network
            .call(peer, program.function(function).unwrap(), arguments)
            .unwrap()
            .value()
            .unwrap()
    };
    let created = call(&mut network, owner, "createResource", &[json!("crowded")]);
    let resource_id = created[0][0].clone();
    for node in DIRECTORIES {
        let node_id = json!(network.peers()[node.0].id());
        let arguments = [node_id, resource_id.clone(), json!("a directory"), json!(["directory"])];
        assert_eq!(
            call(&mut network, owner, "registerNodeProvider", &arguments)[0],
            json!(true)
        );
    }

    let mut enlisted = Vec::new();
    for n in 0..PROVIDERS {
        let provider = network.add_client(PeerIndex(n % 5)).unwrap();
        let directory = json!(network.peers()[DIRECTORIES[n % 2].0].id());
        let arguments = [
            directory,
            json!("directory"),
            resource_id.clone(),
            json!(format!("provider {n}")),
        ];
        let answer = call(&mut network, provider, "enlist", &arguments);
        assert_eq!(answer[0]["success"], json!(true), "{answer}");
        enlisted.push(network.peers()[provider.0].id().to_owned());
    }

    let gathered = call(&mut network, owner, "gather", &[resource_id, json!(3)]);
    let lists = gathered[0].as_array().unwrap();
    let records = lists.iter().flat_map(|list| list.as_array().unwrap());
    let mut found: Vec<String> = records
        .map(|record| record["peer_id"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    enlisted.sort();
    assert_eq!(found, enlisted);
    assert_eq!(gathered[1], json!([]));
}
