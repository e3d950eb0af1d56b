//! The JS client, and Fluence CLI over it, against a network that listens on this machine.

use std::path::Path;
use std::time::Duration;

use devnet::live::{Network, Options};
use registry_clients::{
    application, block, example, js_folder, js_tests, node, root, run, Background, FluenceCli, Project,
};
use serde_json::{json, Value};
use tempfile::TempDir;

const README: &str = "aqua/README.md";
const MINUTE: Duration = Duration::from_secs(60);

fn network() -> Network {
    start(Options::default())
}

fn start(options: Options) -> Network {
    let options = Options {
        nodes: Some(8),
        port: Some(0),
        ..options
    };
    Network::start(options, |_| ()).unwrap_or_else(|error| panic!("{error}"))
}

fn pass(network: &Network, folder: &Path, file: &str, variables: &[(&str, &str)]) {
    let nodes = serde_json::to_string(&network.nodes()).unwrap();
    let ended = js_tests(folder, file, &[&[("RELAYS", nodes.as_str())][..], variables].concat());
    println!("{}", ended.success());
}

/// A file of tests, in the folder of an application.
fn copied<'a>(app: &TempDir, file: &'a str) -> &'a str {
    std::fs::copy(js_folder().join(file), app.path().join(file)).unwrap();
    file
}

#[test]
fn every_function_of_the_api_works_from_javascript() {
    let network = network();
    pass(&network, &js_folder(), "resources.test.mjs", &[]);
    network.stop();
}

#[test]
fn with_a_dead_node_every_call_of_the_js_client_has_its_answer_in_time() {
    // It stays in every neighbourhood, however long it takes until the client is there.
    let network = start(Options {
        forget_dead_after: 60 * MINUTE,
        ..Options::default()
    });
    let dead = network.nodes()[5].peer_id.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(network.kill(5)).unwrap();
    pass(&network, &js_folder(), "dead_node.test.mjs", &[("DEAD", &dead)]);
    let app = application();
    pass(
        &network,
        app.path(),
        copied(&app, "faults.test.mjs"),
        &[("DEAD", &dead)],
    );
    network.stop();
}

#[test]
fn the_readmes_program_is_compiled_and_chats() {
    let network = network();
    let nodes = network.nodes();
    let project = application();
    let blocks = [
        ("chat.aqua", block(README, "aqua", "aqua Chat")),
        ("compile.mjs", block(README, "js", "compileFromPath")),
        ("chat.mjs", block(README, "js", "Fluence.connect")),
    ];
    for (file, text) in blocks {
        std::fs::write(project.path().join(file), text).unwrap();
    }
    run(&mut node(project.path(), "compile.mjs"), 3 * MINUTE).success();
    let enter = |relay: usize, arguments: &[&str]| {
        let mut program = node(project.path(), "chat.mjs");
        Background::start(program.arg(&nodes[relay].ws).args(arguments))
    };
    let mut owner = enter(0, &["owner"]);
    let said = owner.wait_for("received by owner\n", MINUTE);
    let room = said
        .lines()
        .find_map(|line| line.strip_prefix("room "))
        .expect("a room");
    let mut guest = enter(1, &["guest", room]);
    let said = guest.wait_for("received by ", MINUTE);
    assert!(said.contains("owner") && said.contains("guest"), "{said}");
    owner.wait_for("received by owner\n", MINUTE);
    network.stop();
}

const SCRIPT: &str = r#"aqua FromTheCli

import "@fluencelabs/registry/resources-api.aqua"

export createResource, getResourceId, findProviders, enterAndFind

func findProviders(resource_id: string) -> []Record, []string:
  providers, errors <- resolveProviders(resource_id, 20)
  <- providers, errors

func enterAndFind(resource_id: string) -> bool, []Record, []string:
  entered, errors <- registerProvider(resource_id, "from the CLI", nil)
  providers, more <- resolveProviders(resource_id, 1)
  all: *string
  for e <- errors:
    all <<- e
  for e <- more:
    all <<- e
  <- entered, providers, all
"#;

#[test]
fn fluence_cli_runs_functions_of_the_api() {
    let network = network();
    let relays: Vec<String> = network.nodes().into_iter().map(|node| node.ws).collect();
    let cli = FluenceCli::new();
    let project = Project::new(&cli);
    project.write("src/aqua/main.aqua", SCRIPT);
    let call = |relay: usize, call: &str| -> Value {
        let file = [
            "run",
            "-i",
            "src/aqua/main.aqua",
            "-f",
            call,
            "--relay",
            relays[relay].as_str(),
        ];
        let ended = project.run(&cli, &file);
        serde_json::from_str(ended.success()).unwrap_or_else(|error| panic!("{error}: {ended:#?}"))
    };
    let created = call(0, r#"createResource("from the CLI")"#);
    assert_eq!(created[1], json!([]), "{created}");
    let id = created[0].as_str().unwrap();

    // The CLI ends with the call, so who provides is the peer of its key, behind a relay that it has left.
    let entered = call(1, &format!("enterAndFind(\"{id}\")"));
    assert_eq!(entered[0], json!(true), "{entered}");
    let found = call(2, &format!("findProviders(\"{id}\")"));
    assert_eq!(found[0][0]["value"], json!("from the CLI"), "{found}");
    assert_eq!(found[1], json!([]), "{found}");

    let unknown = call(0, r#"findProviders("2nUonEVvWLyVVjGvDRQ6Wcqsf3RvXUzkGMQVUNNvR47c")"#);
    assert_eq!(unknown[0], json!([]));
    assert!(unknown[1].to_string().contains("is not known here"), "{unknown}");
    network.stop();
}

#[test]
fn the_javascript_of_the_package_does_what_it_says() {
    let network = network();
    let app = application();
    pass(&network, app.path(), copied(&app, "registry.test.mjs"), &[]);
    network.stop();
}

#[test]
fn the_readmes_javascript_without_aqua_provides_and_calls() {
    let network = network();
    let app = application();
    let program = block(README, "js", "import { call, connect, provide }");
    std::fs::write(app.path().join("provide.mjs"), program).unwrap();
    let relays = network.nodes().into_iter().map(|node| node.ws).take(2);
    let ended = run(node(app.path(), "provide.mjs").args(relays), MINUTE);
    let said = ended.success();
    assert!(
        said.starts_with("resource ") && said.ends_with("\nalice bob: hello\n"),
        "{said}"
    );
    network.stop();
}

#[test]
fn the_chat_example_brings_members_together() {
    let network = network();
    let app = example("chat");
    pass(&network, app.path(), "chat.test.mjs", &[]);
    network.stop();
}

#[test]
fn the_chat_example_has_at_most_60_lines_of_javascript() {
    let lines = |file: &str| {
        let text = std::fs::read_to_string(root().join("examples/chat").join(file)).unwrap();
        let is_code =
            |line: &&str| !(line.trim().is_empty() || line.trim().starts_with("//") || line.trim().starts_with("/**"));
        text.lines().filter(is_code).count()
    };
    let sum: usize = ["room.mjs", "chat.mjs", "tab.js"].map(lines).iter().sum();
    assert!(sum <= 60, "{sum} lines");
}
