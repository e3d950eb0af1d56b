//! The `devnet` command.

mod common;

use std::process::{Command, Output};

use common::aqua_file;
use serde_json::{json, Value};

/// Runs the command: scripts on the published registry in two files, the demo on this project's own.
fn devnet(args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, wasm: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, wasm).unwrap();
        path.display().to_string()
    };
    let registry = file("registry.wasm", registry_distro::REGISTRY_WASM);
    let sqlite = file("sqlite3.wasm", registry_distro::SQLITE_WASM);
    let mut command = Command::new(env!("CARGO_BIN_EXE_devnet"));
    command.args(args);
    if args.first() == Some(&"run") {
        command.args(["--registry-wasm", &registry, "--sqlite-wasm", &sqlite]);
    }
    command.output().unwrap()
}

fn run(aqua: &str, call: &str, more: &[&str]) -> Output {
    let file = aqua_file(aqua).display().to_string();
    let mut args = vec!["run", &file, call];
    args.extend(more);
    devnet(&args)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_call_shows_result_and_cost() {
    let output = run("registry.aqua", r#"create_key("label")"#, &["--peers", "3"]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}{}", text(&output.stderr));
    for part in [
        "registry.register_key",
        "client",
        "200 ms of virtual time",
        "3 peers ready",
        "\"success\": true",
    ] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
}

#[test]
fn json_carries_result_stats_and_digest_and_repeats() {
    let call = || {
        let more = ["--peers", "2", "--seed", "9", "--latency", "10", "--json"];
        let output = run("registry.aqua", r#"key_id("label", "owner")"#, &more);
        let mut answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["stats"]["avm_ms"].take();
        answer
    };
    let answer = call();
    assert_eq!(answer["stats"]["latency_ms"], json!(20.0));
    assert_eq!(answer["error"], json!(null));
    assert!(answer["result"].is_string());
    assert_eq!(call()["digest"], answer["digest"]);
}

#[test]
fn a_failing_script_is_shown_and_is_a_failure() {
    let more = ["--peers", "2", "--no-trust-graph"];
    let output = run("registry.aqua", r#"create_key("label")"#, &more);
    assert!(!output.status.success());
    let shown = text(&output.stdout);
    assert!(shown.contains("trust-graph.get_weight"), "{shown}");
    assert!(shown.contains("the script failed"), "{shown}");
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    for (file, call, expected) in [
        ("broken.aqua", "broken()", "'Nobody' isn't found in scope"),
        ("basics.aqua", "no_such()", "exports no function `no_such`; it exports"),
        ("basics.aqua", "greet(1)", "1 is not string"),
        ("basics.aqua", "greet()", "takes 1 arguments, got 0"),
        (
            "basics.aqua",
            "callback(\"x\")",
            "only a program that provides a callback",
        ),
        ("basics.aqua", "greet('x')", "write it like"),
        ("none.aqua", "f()", "none.aqua"),
    ] {
        let output = run(file, call, &["--peers", "1"]);
        let shown = text(&output.stderr);
        assert!(!output.status.success(), "{file} {call}");
        assert!(shown.contains(expected), "{file} {call}: no `{expected}` in\n{shown}");
    }
}

#[test]
fn a_missing_module_is_named_with_the_way_out() {
    let file = aqua_file("basics.aqua").display().to_string();
    let output = devnet(&["run-nothing"]);
    assert!(!output.status.success());
    let output = Command::new(env!("CARGO_BIN_EXE_devnet"))
        .args(["run", &file, "nothing()", "--registry-wasm", "/no/such.wasm"])
        .output()
        .unwrap();
    let shown = text(&output.stderr);
    assert!(
        shown.contains("/no/such.wasm") && shown.contains("build it first"),
        "{shown}"
    );
}

#[test]
fn missing_node_packages_are_named_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_devnet"))
        .args(["run", &aqua_file("basics.aqua").display().to_string(), "nothing()"])
        .env(devnet::COMPILE_DIR_VARIABLE, dir.path())
        .output()
        .unwrap();
    let shown = text(&output.stderr);
    assert!(shown.contains("npm ci --prefix"), "{shown}");
}

#[test]
fn the_demo_tells_its_story_and_draws_the_ring_with_the_neighbourhood() {
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("ring.svg");
    let output = devnet(&["demo", "--peers", "25", "--picture", &picture.display().to_string()]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}{}", text(&output.stderr));
    for part in [
        "says: hello world, this is the node",
        "says: hello world, this is the client",
        "nobody is left",
    ] {
        assert!(shown.contains(part), "`{part}` is missing in: {shown}");
    }
    let svg = std::fs::read_to_string(&picture).unwrap();
    let count = |class: &str| svg.matches(&format!("class=\"{class}\" cx")).count();
    let in_legend = 1;
    // The whole neighbourhood holds the records, and nobody else does.
    assert_eq!(svg.matches("class=\"link\"").count(), 20);
    assert_eq!(count("node holds"), 20 + in_legend);
    assert_eq!(count("node near"), in_legend);
    assert_eq!(count("node"), 5);
    assert!(svg.ends_with("</svg>\n"));
}
