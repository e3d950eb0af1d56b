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
fn the_answer_comes_first_and_alone() {
    let output = run("registry.aqua", r#"key_id("label", "owner")"#, &["--peers", "1"]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}{}", text(&output.stderr));
    let id: Value = serde_json::from_str(&shown).unwrap_or_else(|e| panic!("{e}: {shown}"));
    assert!(id.is_string(), "{shown}");
}

#[test]
fn costs_are_shown_after_the_answer_where_they_are_asked_for() {
    let output = run("registry.aqua", r#"create_key("label")"#, &["--peers", "3", "--costs"]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}{}", text(&output.stderr));
    let (answer, costs) = shown.split_once("\n\n").expect("an empty line between the two");
    assert!(answer.contains("\"success\": true"), "{answer}");
    for part in ["registry.register_key", "client", "200 ms of virtual time", "seed 1"] {
        assert!(costs.contains(part), "no `{part}` in\n{costs}");
    }
}

#[test]
fn several_values_stand_one_below_the_other_and_bytes_are_in_hexadecimal() {
    let output = run("basics.aqua", "two_values()", &["--peers", "1"]);
    let shown = text(&output.stdout);
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    assert!(lines[0].starts_with("\"12D3KooW"), "{shown}");
    let output = run("bytes.aqua", r#"bytes_of("abc")"#, &["--peers", "1"]);
    assert_eq!(text(&output.stdout), "\"0x616263\"\n", "{}", text(&output.stderr));
}

#[test]
fn long_steps_are_announced_on_stderr() {
    let output = run("basics.aqua", "two_values()", &["--peers", "1"]);
    let told = text(&output.stderr);
    for step in ["compiling", "starting 1 nodes", "calling two_values"] {
        assert!(told.contains(step), "no `{step}` in\n{told}");
    }
}

#[test]
fn without_a_call_the_functions_are_listed() {
    let file = aqua_file("basics.aqua").display().to_string();
    let output = devnet(&["run", &file]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(shown.contains("maybe(text: ?string) -> ?string\n"), "{shown}");
    assert_eq!(shown.lines().count(), 12, "{shown}");
}

#[test]
fn a_constant_is_overridden_and_an_unknown_one_is_an_error() {
    let constant = |definition| {
        let output = run("constants.aqua", "limit()", &["--peers", "1", "--const", definition]);
        (text(&output.stdout), text(&output.stderr))
    };
    for definition in ["LIMIT = 7", "LIMIT=7"] {
        assert_eq!(
            constant(definition).0,
            "7\n",
            "{definition}: {}",
            constant(definition).1
        );
    }
    let (shown, told) = constant("LIMITS=7");
    assert_eq!(shown, "");
    assert!(
        told.contains("knows no constant `LIMITS`; did you mean `LIMIT`?"),
        "{told}"
    );
    assert!(constant("LIMIT").1.contains("write it like  NAME = value"));
}

#[test]
fn a_kept_network_goes_on_in_time_and_refuses_another_seed() {
    let dir = tempfile::tempdir().unwrap();
    let storage = dir.path().display().to_string();
    let now = |seed: &str| {
        let more = ["--peers", "1", "--storage", &storage, "--seed", seed, "--json"];
        let output = run("basics.aqua", "two_values()", &more);
        let result = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        (result["result"].clone(), text(&output.stderr))
    };
    let (first, told) = now("4");
    let (second, _) = now("4");
    assert_eq!(first[0], second[0], "the same node: {told}");
    assert!(first[1].as_u64() < second[1].as_u64(), "{first} {second}");
    let (other, told) = now("5");
    assert_eq!(other, Value::Null);
    assert!(told.contains("belongs to a network of seed 4, not 5"), "{told}");
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
    let more = ["--peers", "2", "--no-trust-graph", "--costs"];
    let output = run("registry.aqua", r#"create_key("label")"#, &more);
    assert!(!output.status.success());
    let (shown, told) = (text(&output.stdout), text(&output.stderr));
    assert!(shown.contains("trust-graph.get_weight"), "{shown}");
    assert!(told.contains("the script failed"), "{told}");
    assert!(!told.contains("ret_code"), "{told}");
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    for (file, call, expected) in [
        ("broken.aqua", "broken()", "'Nobody' isn't found in scope"),
        (
            "basics.aqua",
            "no_such()",
            "exports no function `no_such`; it exports callback, caught, clock_of, first_or_timeout, greet and 7 more",
        ),
        (
            "basics.aqua",
            "first_or_timout(\"x\", 1)",
            "did you mean\n  first_or_timeout(peer: string, ms: u64) -> string",
        ),
        (
            ".",
            "f()",
            "is a directory, not an Aqua file; in it there are basics.aqua",
        ),
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
