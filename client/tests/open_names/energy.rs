//! The example `energy`, each part a process, on the network of another: `registry up`.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

#[allow(dead_code, reason = "its `main` is what `part` stands for")]
#[path = "../../examples/energy.rs"]
mod example;

/// What the example is to do, in the environment of its process.
const ARGUMENTS: &str = "ENERGY_ARGUMENTS";

/// The example's `main`, in a process that a test started.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is a part of the test below"]
async fn part() {
    let arguments = std::env::var(ARGUMENTS).expect("a test says what to do");
    example::run(arguments.split(' ').map(str::to_owned).collect())
        .await
        .unwrap();
}

/// A process, ended with the test.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let command = command.env("RUST_LIB_BACKTRACE", "0").env_remove("RUST_BACKTRACE");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The example.
    fn part(arguments: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        // With a single thread, as on a single core, the name of the test would stand before the first line.
        command.args([
            "--exact",
            "energy::part",
            "--ignored",
            "--nocapture",
            "--test-threads=2",
        ]);
        Self::start(command.env(ARGUMENTS, arguments))
    }

    /// Reads what it says until it says that.
    fn until(&mut self, part: &str) -> String {
        let mut said = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            if line.contains(part) {
                return line;
            }
            said.push(line);
        }
        panic!("it ended and has not said `{part}`: {said:?}");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `registry up`, and the addresses of its nodes.
fn up(home: &std::path::Path) -> (Process, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
    command.args(["--json", "up", "--nodes", "3", "--port", "0", "--no-trust-graph"]);
    let mut up = Process::start(command.env("REGISTRY_CONFIG_DIR", home));
    let mut addresses = Vec::new();
    for line in up.lines.by_ref() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if line["ready"] == true {
            return (up, addresses);
        }
        addresses.push(line["tcp"].as_str().unwrap().to_owned());
    }
    panic!("registry up ended: {:?}", up.child.wait());
}

#[test]
fn one_process_offers_another_calls_and_when_the_first_dies_it_goes_on_with_a_third() {
    let home = tempfile::tempdir().unwrap();
    let (_up, relays) = up(home.path());
    let mut attic = Process::part(&format!("offer attic {}", relays[0]));
    attic.until("attic is offered on 3 nodes");
    let mut asker = Process::part(&format!("ask {}", relays[2]));
    assert_eq!(asker.until("attic"), r#"{"meter":"attic","watts":230}"#);
    let mut cellar = Process::part(&format!("offer cellar {}", relays[1]));
    cellar.until("cellar is offered on 3 nodes");

    // It takes nothing back.
    attic.signal("-KILL");
    assert_eq!(asker.until("cellar"), r#"{"meter":"cellar","watts":230}"#);

    cellar.signal("-INT");
    assert!(cellar.child.wait().unwrap().success());
    // Of the two one has stopped, and the other does not answer.
    assert!(!asker.child.wait().unwrap().success());
}
