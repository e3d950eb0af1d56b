//! docs/JAVASCRIPT.md, followed by somebody who has nothing yet, with each Node.js that the package is for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use devnet::live::{Network, Options};
use registry_clients::{block, blocks, installed, pack, run, Background};
use tempfile::TempDir;

const GUIDE: &str = "docs/JAVASCRIPT.md";
const FILES: [(&str, &str); 7] = [
    ("provider.mjs", "label: \"weather\""),
    ("caller.mjs", "of call("),
    ("watcher.mjs", "watchProviders("),
    ("open.mjs", "open: \"weather\""),
    ("alive.mjs", "resolveAlive("),
    ("one.mjs", "callOne("),
    ("through.mjs", "resolveThrough("),
];
const PATIENCE: Duration = Duration::from_secs(90);
const INSTALLED_WITHIN: Duration = Duration::from_secs(240);

/// A folder beside the checkout, with what the guide says to install, and its files.
fn project() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let artifacts = dir.path().join("registry/artifacts");
    let project = dir.path().join("weather");
    std::fs::create_dir_all(&artifacts).unwrap();
    std::fs::create_dir_all(&project).unwrap();
    let _ = pack(&artifacts);
    let commands: Vec<String> = block(GUIDE, "console", "npm install")
        .lines()
        .map(|line| line.strip_prefix("$ ").expect("a command").to_owned())
        .collect();
    let mut shell = Command::new("bash");
    shell.args(["-ec", &commands.join("\n")]).current_dir(&project);
    // What is there already is not asked for again.
    shell.env("npm_config_prefer_offline", "true");
    run(&mut shell, INSTALLED_WITHIN).success();
    for (file, part) in FILES {
        std::fs::write(project.join(file), block(GUIDE, "js", part)).unwrap();
    }
    (dir, project)
}

/// `node FILE ARGUMENTS…`, without anything else: as the guide says.
fn node(version: u8, project: &Path, file: &str, arguments: &[&str]) -> Command {
    let dir = installed("node-versions").join(format!("node_modules/node-{version}/bin/node"));
    // They are published for Linux on x64 alone; elsewhere the one on PATH has to do.
    let mut node = Command::new(if dir.is_file() { dir } else { "node".into() });
    node.arg(file).args(arguments).current_dir(project).env("NO_COLOR", "1");
    node
}

/// What the guide has on names that everybody knows.
fn follow_the_open_name(version: u8, project: &Path, relays: &[String]) {
    let mut open = Background::start(&mut node(version, project, "open.mjs", &[&relays[0]]));
    open.wait_for("\n", PATIENCE);
    for (file, arguments, expected) in [
        ("alive.mjs", &[relays[1].as_str()][..], "Rome is there\n"),
        ("one.mjs", &["Monday", &relays[2]], "Rome: sun on Monday\n"),
        ("through.mjs", &[&relays[3]], "1: Rome\n"),
    ] {
        let ended = run(&mut node(version, project, file, arguments), PATIENCE);
        assert_eq!(
            ended.success(),
            expected,
            "{file} with Node.js {version}: {}",
            ended.stderr
        );
    }
    // It says goodbye: in the next round there is one of its name, too.
    open.interrupt();
    let is_gone = || {
        let ended = run(&mut node(version, project, "through.mjs", &[&relays[3]]), PATIENCE);
        ended.success() == "0: \n"
    };
    assert!((0..10).any(|_| is_gone()), "Node.js {version}");
}

#[test]
fn whoever_follows_the_guide_has_a_provider_a_caller_and_a_watcher_in_each_node() {
    assert_eq!(blocks(GUIDE, "js").len(), FILES.len(), "a block that no test runs");
    assert_eq!(blocks(GUIDE, "console").len(), 1, "a block that no test runs");
    let options = Options {
        nodes: Some(4),
        port: Some(0),
        ..Options::default()
    };
    let network = Network::start(options, |_| ()).unwrap();
    let relays: Vec<String> = network.nodes().into_iter().map(|node| node.ws).collect();
    let (_dir, project) = project();
    for version in [20, 22, 24] {
        let mut provider = Background::start(&mut node(version, &project, "provider.mjs", &[&relays[0], &relays[1]]));
        let said = provider.wait_for("\n", PATIENCE);
        let resource = said.lines().last().expect("a line");
        let mut watcher = Background::start(&mut node(version, &project, "watcher.mjs", &[resource, &relays[2]]));
        watcher.wait_for("+ Berlin\n", PATIENCE);
        let called = run(
            &mut node(version, &project, "caller.mjs", &[resource, "Monday", &relays[3]]),
            PATIENCE,
        );
        assert_eq!(called.success(), "Berlin: rain on Monday\n", "Node.js {version}");
        provider.interrupt();
        watcher.wait_for("- Berlin\n", PATIENCE);
        follow_the_open_name(version, &project, &relays);
    }
    // An id that nobody has registered under.
    let unknown = "2nUonEVvWLyVVjGvDRQ6Wcqsf3RvXUzkGMQVUNNvR47c";
    let called = run(
        &mut node(20, &project, "caller.mjs", &[unknown, "Monday", &relays[3]]),
        PATIENCE,
    );
    assert!(called.stderr.contains("is not known here"), "{called:#?}");
    network.stop();
}
