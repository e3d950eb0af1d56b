//! What the documents tell users to write, run as it stands there.

use aqua_tests::Scene;
use devnet::{AquaCompiler, AquaProgram, NetworkConfig, PeerIndex, ServiceCall, ServiceResult};
use registry_clients::{block, blocks};
use serde_json::{json, Value};
use tempfile::TempDir;

/// A compiled block of Aqua.
fn compile(text: &str) -> AquaProgram {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("block.aqua");
    std::fs::write(&file, text).unwrap();
    let program = AquaCompiler::new()
        .compile(&file)
        .unwrap_or_else(|error| panic!("{error}\nin\n{text}"));
    assert_eq!(program.warnings(), [] as [String; 0], "{text}");
    program
}

fn scene(text: &str) -> Scene {
    Scene::with(NetworkConfig::new(20), compile(text))
}

/// Has a peer offer a service with one function, which returns a text made of its last argument.
fn offer(scene: &mut Scene, peer: PeerIndex, service: &str, function: &str, says: &str) {
    let says = says.to_owned();
    let answer = move |call: &ServiceCall| {
        let said = call.args.last().and_then(Value::as_str).unwrap_or_default();
        ServiceResult::ok(says.replace("{}", said)).into()
    };
    scene.network.define_service(peer, service, function, answer).unwrap();
}

fn sorted(values: &Value) -> Vec<String> {
    let mut texts: Vec<String> = serde_json::from_value(values.clone()).unwrap();
    texts.sort();
    texts
}

#[test]
fn every_block_of_aqua_with_a_header_compiles() {
    let mut compiled = 0;
    for document in ["aqua/README.md", "docs/INSTALL.md", "docs/OPERATIONS.md"] {
        for text in blocks(document, "aqua").iter().filter(|text| text.starts_with("aqua ")) {
            compile(text);
            compiled += 1;
        }
    }
    assert!(compiled >= 5, "{compiled} blocks");
}

#[test]
fn the_complete_program_has_rooms_that_are_opened_entered_talked_in_and_left() {
    let mut scene = scene(&block("aqua/README.md", "aqua", "aqua Chat"));
    let (owner, guest) = (scene.client, scene.add_client(PeerIndex(7)));
    for (member, name) in [(owner, "owner"), (guest, "guest")] {
        offer(&mut scene, member, "inbox", "receive", name);
    }
    let opened = scene.call_as(owner, "open", &[json!("lobby"), json!("owner")]);
    let room = opened.clean()[0].clone();
    assert_eq!(
        scene.call_as(guest, "enter", &[room.clone(), json!("guest")]).clean(),
        &json!(true)
    );
    scene.settle();
    let say = |scene: &mut Scene| scene.call_as(guest, "say", &[room.clone(), json!("hello")]);
    assert_eq!(sorted(say(&mut scene).clean()), ["guest", "owner"]);

    // Whoever is gone is told of, and the others are reached.
    scene.network.kill(owner).unwrap();
    let said = say(&mut scene);
    assert_eq!(said.value(), &json!(["guest"]));
    assert!(
        said.error_of(&scene.id(owner)).contains("no answer in time"),
        "{:?}",
        said.errors()
    );
    assert_eq!(
        scene.call_as(guest, "leave", std::slice::from_ref(&room)).clean(),
        &json!(true)
    );

    let nowhere = scene.call_as(guest, "enter", &[json!("nowhere"), json!("guest")]);
    assert_eq!(nowhere.value(), &json!(false));
    assert!(!nowhere.errors().is_empty());
}

#[test]
fn greetings_skip_a_provider_without_a_service() {
    let mut scene = scene(&block("aqua/README.md", "aqua", "aqua Greetings"));
    let registered = "aqua Register\n\nimport \"@fluencelabs/registry/resources-api.aqua\"\n\n\
         export createResource, registerProvider\n";
    let greetings = std::mem::replace(&mut scene.program, compile(registered));
    let id = scene.create("sample");
    let (with, without) = (scene.client, scene.add_client(PeerIndex(7)));
    offer(&mut scene, with, "mine", "greet", "hello, {}");
    for (peer, service) in [(with, json!("mine")), (without, Value::Null)] {
        let args = [json!(id), json!("value"), service];
        assert_eq!(scene.call_as(peer, "registerProvider", &args).clean(), &json!(true));
    }
    scene.settle();
    scene.program = greetings;
    let greeted = scene.call("greetAll", &[json!(id), json!("you")]);
    assert_eq!(greeted.clean(), &json!(["hello, you"]));
}

/// The rest of a block that is no file by itself.
fn in_a_function(body: &str, arguments: &str, results: &str) -> String {
    let indented: String = body.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "aqua Block\n\nimport \"@fluencelabs/registry/resources-api.aqua\"\n\nexport createResource, block\n\n\
         func block({arguments}) -> {results}:\n{indented}"
    )
}

#[test]
fn a_provider_registers_with_the_id_of_its_service() {
    let body = block("aqua/README.md", "aqua", "registered, errors <- registerProvider");
    let text = in_a_function(&body, "resource_id: ResourceId", "bool, []Error") + "  <- registered, errors\n";
    let mut scene = scene(&text);
    let id = scene.create("sample");
    assert_eq!(scene.call("block", &[json!(id)]).clean(), &json!(true));
    scene.settle();
    let holder = scene.holders(&id).into_iter().next().unwrap();
    let record = &holder.1.records[0];
    assert_eq!(record["metadata"]["service_id"], json!(["my-service"]), "{record}");
}

#[test]
fn a_wrong_id_is_told_apart_from_an_empty_room() {
    let mut scene = scene(&block("docs/INSTALL.md", "aqua", "func findProviders"));
    let found = scene.call(
        "findProviders",
        &[json!("2nUonEVvWLyVVjGvDRQ6Wcqsf3RvXUzkGMQVUNNvR47c")],
    );
    assert_eq!(found.value(), &json!([]));
    assert!(
        found.errors().iter().any(|error| error.contains("is not known here")),
        "{:?}",
        found.errors()
    );
    let wrong = scene.call("findProviders", &[json!("lobby")]);
    assert!(
        wrong.errors().iter().any(|error| error.contains("is malformed")),
        "{:?}",
        wrong.errors()
    );
}
