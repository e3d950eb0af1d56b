//! What is for browsers, in headless Chromium: the page of `registry up`, and the examples. The scripts lie in `qa/clients/browser`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use registry_clients::{example, installed, js_tests, root, run};
use serde_json::{json, Value};
use tempfile::TempDir;

/// `registry up`, as a user starts it who has no key yet. Killed at the end.
struct Up {
    child: Child,
    _home: TempDir,
    /// The address of the page.
    page: String,
    /// A JSON list of its nodes.
    relays: String,
}

impl Up {
    fn start(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let cache = PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache/marine-host");
        let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
        // Clients have time, because the machine may not.
        command
            .args(["--json", "--ttl", "15s", "up", "--port", "0", "--no-trust-graph"])
            .args(arguments)
            .env("HOME", home.path())
            .env("RUST_LIB_BACKTRACE", "0")
            // Compiled modules stay where all tests find them.
            .env("MARINE_HOST_CACHE_DIR", cache);
        for name in [
            "XDG_CONFIG_HOME",
            "REGISTRY_CONFIG_DIR",
            "REGISTRY_RELAY",
            "REGISTRY_KEY",
            "FLUENCE_USER_DIR",
        ] {
            command.env_remove(name);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut nodes = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line["ready"] == json!(true) {
                return Self {
                    child,
                    _home: home,
                    page: format!("{}/", line["http"].as_str().expect("it serves HTTP")),
                    relays: Value::from(nodes).to_string(),
                };
            }
            nodes.push(line);
        }
        panic!("registry up ended: {:?}", child.wait());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a file of tests in Chromium. What it measures is printed.
fn pass(file: &str, variables: &[(&str, &str)]) {
    let ended = js_tests(&installed("browser"), file, variables);
    println!("{}", ended.success());
}

#[test]
fn the_page_creates_provides_loses_the_relay_and_is_for_everybody() {
    let up = Up::start(&["--nodes", "8"]);
    let screenshot = std::env::var("SCREENSHOT").unwrap_or_default();
    pass("page.test.mjs", &[("PAGE", &up.page), ("SCREENSHOT", &screenshot)]);
    pass("everybody.test.mjs", &[("PAGE", &up.page)]);
}

#[test]
fn the_page_shows_50_nodes_and_1000_records_live() {
    pass("load.test.mjs", &[]);
}

#[test]
fn pages_and_clients_in_node_find_and_call_each_other() {
    let up = Up::start(&["--nodes", "4"]);
    let (browser, chat) = (example("browser"), example("chat"));
    let variables = [
        ("REGISTRY", up.page.as_str()),
        ("RELAYS", up.relays.as_str()),
        ("BROWSER", path(&browser)),
        ("CHAT", path(&chat)),
    ];
    pass("examples.test.mjs", &variables);
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().expect("a path in Unicode")
}

#[test]
fn the_page_that_is_embedded_is_what_its_sources_make_and_its_rules_hold() {
    let page = root().join("devnet/page");
    assert!(
        page.join("node_modules").is_dir(),
        "npm packages are not installed: npm ci --prefix devnet/page"
    );
    let limit = Duration::from_secs(120);
    run(node(&page).args(["build.mjs", "--check"]), limit).success();
    run(node(&page).args(["--test", "tests/rules.test.mjs"]), limit).success();
}

fn node(folder: &Path) -> Command {
    let mut node = Command::new("node");
    node.current_dir(folder).env("NO_COLOR", "1");
    node
}
