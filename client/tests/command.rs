//! The command, as people and scripts use it.

#[path = "support/directory.rs"]
mod directory;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use registry_client::{Client, ResourceId};
use serde_json::{json, Value};

/// A user with an empty home.
struct User {
    home: tempfile::TempDir,
}

impl User {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
        command
            .args(arguments)
            .env("HOME", self.home.path())
            .env("RUST_LIB_BACKTRACE", "0")
            // Compiled modules stay where all tests find them.
            .env("MARINE_HOST_CACHE_DIR", marine_host_cache())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("REGISTRY_CONFIG_DIR")
            .env_remove("REGISTRY_RELAY")
            .env_remove("REGISTRY_KEY")
            .env_remove("FLUENCE_USER_DIR");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Stdout of a command that succeeds.
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(
            output.status.success(),
            "{arguments:?}: {:?}\n{stdout}\n{stderr}",
            output.status
        );
        stdout.trim().to_owned()
    }

    /// Each line of stdout as JSON.
    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments = [&["--json"], arguments].concat();
        let lines = self.text(&arguments);
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// Exit code and stderr of a command that fails.
    fn failure(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        (output.status.code().expect("it ends by itself"), text(&output.stderr))
    }

    fn config(&self) -> PathBuf {
        self.home.path().join(".config/registry")
    }
}

fn marine_host_cache() -> PathBuf {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_else(std::env::temp_dir);
    home.join(".cache/marine-host")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `registry up`, ended with the test.
struct Up {
    child: Child,
    nodes: Vec<Value>,
}

impl Up {
    fn start(user: &User, arguments: &[&str]) -> Self {
        let arguments = [&["--json", "up", "--port", "0", "--no-trust-graph"], arguments].concat();
        let mut child = user.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut nodes = Vec::new();
        for line in lines {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line["ready"] == json!(true) {
                return Self { child, nodes };
            }
            nodes.push(line);
        }
        panic!("registry up ended: {:?}", child.wait());
    }

    /// As Ctrl-C does.
    fn interrupt(mut self) -> std::process::ExitStatus {
        interrupt(&self.child);
        self.child.wait().unwrap()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn on_a_laptop_nothing_needs_to_be_said_but_what_is_wanted() {
    let user = User::new();
    let up = Up::start(&user, &["--nodes", "3"]);
    assert_eq!(up.nodes.len(), 3);
    for node in &up.nodes {
        let ws = node["ws"].as_str().expect("an address for pages");
        let ending = format!("/ws/p2p/{}", node["peer_id"].as_str().unwrap());
        assert!(ws.starts_with("/ip4/127.0.0.1/tcp/") && ws.ends_with(&ending), "{node}");
    }

    let id = user.text(&["create", "chat"]);
    assert_eq!(id, user.text(&["id", "chat"]));
    user.text(&[
        "provide",
        "chat@me",
        "--value",
        "hello",
        "--service",
        "greeter",
        "--once",
    ]);
    let found = user.json(&["resolve", "chat@me", "--verify", "--ack", "3"]);
    assert_eq!(
        (found.len(), &found[0]["value"], &found[0]["service_id"]),
        (1, &json!("hello"), &json!("greeter"))
    );
    let table = user.text(&["resolve", &id]);
    assert!(
        table.starts_with("PROVIDER") && table.contains("hello") && !table.contains('\u{1b}'),
        "{table}"
    );

    let alice = user.text(&["key", "new", "alice"]);
    user.text(&[
        "--key",
        "alice",
        "provide",
        &id,
        "--value",
        "registers and leaves",
        "--once",
    ]);
    let node = up.nodes[0]["peer_id"].as_str().unwrap();
    user.text(&["provide", "chat@me", "--value", "a node", "--node", node]);
    let advice = user.json(&["doctor", "chat@me"]);
    assert_eq!(
        advice.iter().filter(|line| !line["node"].is_null()).count(),
        3,
        "{advice:?}"
    );
    let answers = |peer: &str| {
        let of = advice.iter().find(|line| line["provider"]["peer_id"] == json!(peer));
        of.unwrap()["answers"].as_bool().unwrap()
    };
    assert!(answers(node) && !answers(&alice), "{advice:?}");
    let says = advice.last().unwrap()["advice"].to_string();
    assert!(says.contains(&alice) && says.contains("does not answer"), "{says}");

    let stats = user.json(&["stats"]);
    assert_eq!(stats.len(), 3);
    assert!(stats.iter().all(|stats| stats["keys"].as_u64() >= Some(1)), "{stats:?}");

    user.text(&["unregister", "chat@me", node]);
    user.text(&["unregister", "chat@me"]);
    user.text(&["--key", "alice", "unregister", &id]);
    assert_eq!(user.json(&["resolve", "chat@me", "--ack", "3"]), Vec::<Value>::new());

    assert!(user.config().join("network.json").exists());
    assert!(up.interrupt().success());
    assert!(!user.config().join("network.json").exists());
    let (code, stderr) = user.failure(&["resolve", "chat@me"]);
    assert!(code == 4 && stderr.contains("registry up"), "{code}: {stderr}");
}

#[test]
fn people_are_shown_the_address_of_each_node_for_fluence_connect() {
    let user = User::new();
    let arguments = ["up", "--port", "0", "--no-trust-graph", "--nodes", "2"];
    let mut child = user.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let up = Up {
        child,
        nodes: Vec::new(),
    };
    let mut shown = Vec::new();
    for line in lines.map_while(Result::ok) {
        shown.push(line);
        if shown.last().is_some_and(|line| line.ends_with("resolve chat@me")) {
            break;
        }
    }
    let running = std::fs::read_to_string(user.config().join("network.json")).unwrap();
    let running: Value = serde_json::from_str(&running).unwrap();
    let nodes = running["nodes"].as_array().unwrap();
    assert!(nodes.len() == 2 && shown[0].contains("Fluence.connect"), "{shown:?}");
    for (node, line) in nodes.iter().zip(&shown[1..]) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let expected = [&node["peer_id"], &node["ws"]].map(|text| text.as_str().unwrap());
        assert_eq!(words, expected, "{shown:?}");
    }
    drop(up);
}

#[test]
fn a_relay_that_is_dead_is_passed_over() {
    let user = User::new();
    let up = Up::start(&user, &["--nodes", "2"]);
    let living = up.nodes[1]["tcp"].as_str().unwrap();
    // Nobody listens on this port.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let peer_id = up.nodes[0]["peer_id"].as_str().unwrap();
    let dead = format!("/ip4/127.0.0.1/tcp/{free}/p2p/{peer_id}");
    // Another home: what `registry up` has written does not count.
    let other = User::new();
    let id = other.text(&["--relay", &dead, "--relay", living, "create", "chat"]);
    let mut by_variable = other.command(&["resolve", &id]);
    let output = by_variable
        .env("REGISTRY_RELAY", format!("{dead} {living}"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (code, stderr) = other.failure(&["--relay", &dead, "resolve", &id]);
    assert!(code == 4 && stderr.contains(&dead), "{code}: {stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_directories_list_is_shown_and_a_dead_directory_is_named() {
    const LISTED: usize = 40;
    let user = User::new();
    let up = Up::start(&user, &["--nodes", "3"]);
    let id: ResourceId = user.text(&["create", "crowded"]).parse().unwrap();
    user.text(&["provide", "crowded@me", "--value", "beside them", "--once"]);
    let client = |node: usize| {
        let address = up.nodes[node]["tcp"].as_str().unwrap();
        Client::builder().relay(address).ttl(Duration::from_secs(20)).connect()
    };
    let (here, gone) = (client(0).await.unwrap(), client(1).await.unwrap());
    let records = (0..LISTED).map(|number| directory::listed(&id, number)).collect();
    directory::offer(&here, &id, records).await;
    directory::offer(&gone, &id, vec![directory::listed(&id, LISTED)]).await;
    let resolve = ["--ttl", "20s", "resolve", "crowded@me", "--through", "--ack", "3"];
    assert_eq!(user.json(&resolve).len(), LISTED + 2);

    let dead = gone.peer_id().to_owned();
    drop(gone);
    let output = user.run(&resolve);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stdout.lines().count(), 1 + LISTED + 1, "{stdout}");
    for number in 0..LISTED {
        assert!(stdout.contains(&format!("provider {number} ")), "{number}: {stdout}");
    }
    assert!(
        stdout.contains("beside them") && stderr.contains(&dead),
        "{stdout}\n{stderr}"
    );
}

#[test]
fn who_provides_stays_until_ctrl_c_and_is_gone_then() {
    let user = User::new();
    let _up = Up::start(&user, &["--nodes", "2"]);
    let provide = ["--json", "provide", "chat@me", "--value", "v"];
    let mut child = user.command(&provide).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.contains("\"registered\":true"), "{first}");
    assert_eq!(user.json(&["resolve", "chat@me"]).len(), 1);
    interrupt(&child);
    assert!(child.wait().unwrap().success());
    assert_eq!(user.json(&["resolve", "chat@me"]).len(), 0);

    // What is issued in the second of a removal is void with it.
    std::thread::sleep(Duration::from_millis(1_100));
    user.text(&["provide", "chat@me", "--value", "v", "--for", "1s"]);
    assert_eq!(user.json(&["resolve", "chat@me"]).len(), 0);
}

/// A client that offers the service `greeter`, beside the command.
async fn greeter(address: &Value, name: &'static str) -> Client {
    let builder = Client::builder()
        .relay(address.as_str().unwrap())
        .ttl(Duration::from_secs(20));
    let client = builder.connect().await.unwrap();
    client.serve("greeter", move |call| async move {
        match (call.function.as_str(), call.arguments.as_slice()) {
            ("greet", [who]) => Ok(json!(format!("Hello, {who}, from {name}"))),
            (other, arguments) => Err(format!("no function `{other}` of {} arguments", arguments.len())),
        }
    });
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_called_on_every_provider_and_who_does_not_answer_is_named() {
    let user = User::new();
    let up = Up::start(&user, &["--nodes", "3"]);
    let is = |arguments: &[&str], code: i32, part: &str| {
        let (was, stderr) = user.failure(arguments);
        assert!(was == code && stderr.contains(part), "{arguments:?}: {was}\n{stderr}");
    };
    is(
        &["call", "chat@me", "greeter", "greet", "Ada"],
        3,
        "no node knows the resource",
    );
    let id = user.text(&["create", "chat"]);
    is(&["call", "chat@me", "greeter", "greet", "Ada"], 3, "no providers");
    let (alice, bob) = (
        greeter(&up.nodes[0]["tcp"], "alice").await,
        greeter(&up.nodes[1]["tcp"], "bob").await,
    );
    for client in [&alice, &bob] {
        let chat: registry_client::ResourceId = id.parse().unwrap();
        client.register_provider(&chat, "", Some("greeter")).await.unwrap();
    }
    let called = |arguments: &[&str]| -> Vec<(String, String)> {
        let lines = user
            .json(&[&["call", "chat@me", "greeter"], arguments].concat())
            .into_iter();
        let lines = lines.map(|line| (line["peer_id"].as_str().unwrap().to_owned(), line["result"].to_string()));
        let mut lines: Vec<_> = lines.collect();
        lines.sort();
        lines
    };
    // Text, and JSON where it reads as that.
    for (argument, told) in [("Ada", r#"\"Ada\""#), ("1", "1"), (r#"{"a":[1]}"#, r#"{\"a\":[1]}"#)] {
        let greeting =
            |client: &Client, name| (client.peer_id().to_owned(), format!(r#""Hello, {told}, from {name}""#));
        let mut expected = vec![greeting(&alice, "alice"), greeting(&bob, "bob")];
        expected.sort();
        assert_eq!(called(&["greet", argument]), expected);
    }
    let table = user.text(&["call", &id, "greeter", "greet", "Ada"]);
    assert!(
        table.starts_with("PROVIDER") && table.contains("Hello, \"Ada\", from bob"),
        "{table}"
    );
    is(
        &["call", "chat@me", "greeter", "greet"],
        1,
        "no function `greet` of 0 arguments",
    );
    is(&["call", "chat@me", "nothing", "greet", "Ada"], 1, "nothing");

    // A node's own service, too; and one of three has no such service.
    let node = up.nodes[2]["peer_id"].as_str().unwrap();
    user.text(&["provide", "chat@me", "--value", "a node", "--node", node]);
    let output = user.run(&["call", "chat@me", "peer", "timestamp_sec"]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && stdout.contains(node), "{stdout}\n{stderr}");

    // Who has gone is named, and the others are told all the same.
    let gone = bob.peer_id().to_owned();
    drop(bob);
    let output = user.run(&["call", "chat@me", "greeter", "greet", "Ada"]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success() && stdout.contains("from alice"),
        "{stdout}\n{stderr}"
    );
    assert!(stderr.contains(&gone), "{stderr}");
    assert!(!stdout.contains(&gone), "{stdout}");
}

#[test]
fn a_watcher_is_told_who_comes_what_changes_and_who_goes() {
    let user = User::new();
    let _up = Up::start(&user, &["--nodes", "2"]);
    // The machine may have other work.
    let patient = ["--ttl", "20s"];
    user.text(&[&patient[..], &["create", "chat"]].concat());
    let me = user.text(&["key", "show"]);
    let watch = ["--json", "--ttl", "20s", "watch", "chat@me", "--every", "500ms"];
    let mut child = user.command(&watch).stdout(Stdio::piped()).spawn().unwrap();
    let (lines, told) = std::sync::mpsc::channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        stdout
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| lines.send(line))
    });
    let next = || -> Value {
        let line = told
            .recv_timeout(Duration::from_secs(60))
            .expect("a change within a minute");
        serde_json::from_str(&line).expect(&line)
    };
    let provide = |value: &str| {
        let provide = ["provide", "chat@me", "--value", value, "--once"];
        user.text(&[&patient[..], &provide].concat())
    };
    provide("first");
    let added = next();
    assert_eq!(
        (&added["added"]["peer_id"], &added["added"]["value"]),
        (&json!(me), &json!("first")),
        "{added}"
    );
    provide("second");
    let changed = next();
    let values = [
        &changed["changed"]["before"]["value"],
        &changed["changed"]["after"]["value"],
    ];
    assert_eq!(values, [&json!("first"), &json!("second")], "{changed}");
    user.text(&[&patient[..], &["unregister", "chat@me"]].concat());
    let gone = next();
    assert_eq!(gone["gone"]["peer_id"], json!(me), "{gone}");
    interrupt(&child);
    assert!(child.wait().unwrap().success());
    assert!(
        told.recv_timeout(Duration::from_secs(5)).is_err(),
        "there is nothing more to tell"
    );
}

#[test]
fn an_open_name_is_taken_wherever_a_resource_is() {
    let user = User::new();
    let up = Up::start(&user, &["--nodes", "3"]);
    let id = user.text(&["id", "open:chat"]);
    assert_eq!(id, "7YAjq7JRWbhYJvJkP5U4DMzPci2zJqiWnztPnU35h9Z7");
    assert_eq!(user.text(&["create", "open:chat"]), id);
    let provide = ["provide", "open:chat", "--value", "v", "--lease", "60s", "--once"];
    let told = user.json(&provide);
    assert_eq!(
        (&told[0]["resource_id"], &told[0]["registered"]),
        (&json!(id), &json!(true))
    );
    let node = up.nodes[1]["peer_id"].as_str().unwrap();
    let of_node = [
        "provide",
        "open:chat",
        "--value",
        "v",
        "--node",
        node,
        "--service",
        "registry",
    ];
    user.text(&of_node);
    for how in [&["--ack", "3"][..], &["--verify"], &["--through"]] {
        let found = user.json(&[&["resolve", "open:chat"], how].concat());
        assert_eq!(found.len(), 2, "{how:?}: {found:?}");
    }
    // The command that registered has ended. Whoever asks is there, so somebody else asks.
    user.text(&["key", "new", "reader"]);
    let alive = user.json(&["--key", "reader", "resolve", "open:chat", "--alive"]);
    assert_eq!((alive.len(), &alive[0]["peer_id"]), (1, &json!(node)));
    let (code, stderr) = user.failure(&["resolve", "open:nothing"]);
    assert!(
        code == 3 && stderr.contains("no node knows the resource"),
        "{code}: {stderr}"
    );

    // All of them, or one; the command that registered has no such service.
    let called = user.json(&["call", "open:chat", "registry", "get_key_metadata", &id]);
    let of_node = called
        .iter()
        .find(|line| line["peer_id"] == json!(node))
        .expect("the node's");
    assert_eq!(
        (called.len(), &of_node["result"]["success"]),
        (2, &json!(true)),
        "{called:?}"
    );
    user.text(&["unregister", "open:chat"]);
    let known = user.json(&["call", "open:chat", "registry", "get_key_metadata", &id, "--one"]);
    assert_eq!(known[0]["peer_id"], json!(node));
    user.text(&["unregister", "open:chat", node]);
    let (code, stderr) = user.failure(&["call", "open:chat", "registry", "get_key_metadata", &id, "--one"]);
    assert!(code == 3 && stderr.contains("has no providers"), "{code}: {stderr}");
    assert!(!user.json(&["doctor", "open:chat"]).is_empty());

    for (arguments, part) in [
        (
            &["provide", "open:chat", "--value", "v", "--lease", "59s", "--once"][..],
            "a lease of 59 s is outside",
        ),
        (&["create", "open:"], "the label is empty"),
    ] {
        let (code, stderr) = user.failure(arguments);
        assert!(code == 1 && stderr.contains(part), "{arguments:?}: {code}: {stderr}");
    }
    for arguments in [
        &["id", "open:chat", "me"][..],
        &["resolve", "open:chat", "--alive", "--through"],
    ] {
        assert_eq!(user.failure(arguments).0, 2, "{arguments:?}");
    }
}

#[test]
fn exit_codes_tell_what_is_wrong() {
    let user = User::new();
    let is = |arguments: &[&str], code: i32, part: &str| {
        let (was, stderr) = user.failure(arguments);
        assert!(was == code && stderr.contains(part), "{arguments:?}: {was}\n{stderr}");
    };
    is(&["resolve", "chat@me"], 4, "registry up");
    is(&["resolve", "chat"], 4, "registry up");
    is(&["nonsense"], 2, "nonsense");
    is(&["--ttl", "7", "stats"], 2, "the unit is ms, s, m, h or d");
    is(&["--relay", "localhost", "stats"], 2, "localhost");
    is(&["--key", "nobody", "create", "x"], 3, "nobody");
    is(&["key", "new", "../x"], 2, "../x");
    is(&["id", "chat", "bob"], 2, "bob");

    let up = Up::start(&user, &["--nodes", "2"]);
    for how in ["--verify", "--alive", "--through"] {
        is(&["resolve", "chat@me", how], 3, "no node knows the resource");
    }
    is(&["call", "chat@me", "s", "f", "--one"], 3, "no node knows the resource");
    user.text(&["create", "empty"]);
    for how in ["--verify", "--alive", "--through"] {
        assert_eq!(user.json(&["resolve", "empty@me", how]), [] as [Value; 0], "{how}");
    }
    is(&["create", &"x".repeat(600)], 1, "512");
    is(&["resolve", "chat"], 2, "LABEL@OWNER");
    let (_, stderr) = user.failure(&["--json", "resolve", "chat@me"]);
    let error: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    assert_eq!(error["exit_code"], json!(3));
    // Killed, it cannot take back its file.
    drop(up);
    assert!(user.config().join("network.json").exists());
    is(&["resolve", "chat@me"], 4, "does not run any more");
    is(&["resolve", "chat@me"], 4, "registry up");
    let _up = Up::start(&user, &["--nodes", "2"]);
    user.text(&["create", "chat"]);
}

#[test]
#[cfg(unix)]
fn keys_are_for_their_owner_alone_and_secrets_are_shown_when_asked_for_only() {
    use std::os::unix::fs::PermissionsExt;
    let user = User::new();
    let peer_id = user.text(&["key", "new", "alice"]);
    let file = user.config().join("keys/alice.key");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    for arguments in [
        &["key", "show", "alice"][..],
        &["key", "list"],
        &["--json", "key", "list"],
        &["--key", "alice", "id", "x"],
    ] {
        let output = user.run(arguments);
        assert!(
            !text(&output.stdout).contains(&secret) && !text(&output.stderr).contains(&secret),
            "{arguments:?}"
        );
    }
    assert!(user.text(&["key", "show", "alice", "--secret"]).contains(&secret));
    assert_eq!(user.failure(&["key", "new", "alice"]).0, 2, "a key is not written over");

    // Fluence CLI's, by name; any file, by path.
    let secrets = user.home.path().join(".fluence/secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::write(secrets.join("bob.txt"), &secret).unwrap();
    assert_eq!(user.text(&["key", "show", "bob"]), peer_id);
    assert_eq!(user.text(&["key", "show", file.to_str().unwrap()]), peer_id);
    let names: Vec<Value> = user
        .json(&["key", "list"])
        .into_iter()
        .map(|key| key["name"].clone())
        .collect();
    assert_eq!(names, [json!("alice"), json!("bob")]);

    let broken = user.home.path().join("broken");
    std::fs::write(&broken, "c2VjcmV0IGJ1dCBzaG9ydA==").unwrap();
    let (code, stderr) = user.failure(&["key", "show", broken.to_str().unwrap()]);
    assert!(
        code == 2 && stderr.contains("32 bytes") && !stderr.contains("c2VjcmV0"),
        "{stderr}"
    );
}

#[test]
fn an_aqua_file_runs_against_the_network() {
    let user = User::new();
    let _up = Up::start(&user, &["--nodes", "2"]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hello.aqua");
    let hello = user.text(&["run", file.to_str().unwrap(), "hello(\"world\")"]);
    assert_eq!(hello, "Hello, world, from a node");
    let (code, stderr) = user.failure(&["run", file.to_str().unwrap(), "hello(1)"]);
    assert!(code == 2 && stderr.contains("1 is not string"), "{code}: {stderr}");
}

/// The demonstration of aqua-dht's README.
#[test]
fn topics_of_aqua_dht_are_subscribed_to_found_and_called() {
    let user = User::new();
    let up = Up::start(&user, &["--nodes", "3", "--aqua-dht"]);
    let aqua = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aqua-dht/aqua");
    let run = |key: &str, file: &str, call: &str| {
        let file = aqua.join(file);
        user.json(&["--key", key, "--ttl", "20s", "run", file.to_str().unwrap(), call])[0].take()
    };
    let me = user.text(&["key", "new", "me"]);
    let alice = user.text(&["key", "new", "alice"]);
    let node = up.nodes[2]["peer_id"].as_str().unwrap();

    let absent = run("alice", "pubsub.aqua", "subscribe(\"news\", \"alice\", null, null)");
    assert!(
        absent[0] == json!(false) && absent[1].to_string().contains("not found here"),
        "{absent}"
    );
    for (key, call) in [
        (
            "me",
            "initTopicAndSubscribe(\"news\", \"the first\", null, null)".to_owned(),
        ),
        ("alice", "subscribe(\"news\", \"alice\", null, null)".to_owned()),
        ("me", format!("subscribeNode(\"{node}\", \"news\", \"a node\", null)")),
    ] {
        let answer = run(key, "pubsub.aqua", &call);
        assert_eq!(answer[0], json!(true), "{call}: {answer}");
    }
    let found = run("alice", "pubsub.aqua", "findSubscribers(\"news\")");
    let peers = found
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["peer_id"].as_str().unwrap());
    let mut peers: Vec<&str> = peers.collect();
    peers.sort_unstable();
    let mut expected = [me.as_str(), alice.as_str(), node];
    expected.sort_unstable();
    assert_eq!(peers, expected);

    let asked = run("me", "demo.aqua", "askTime(\"news\")");
    // The node and who asks answer, alice's command has ended.
    assert_eq!(asked[0].as_array().map(Vec::len), Some(2), "{asked}");
    assert_eq!(asked[1], json!([format!("{alice}: no answer in time")]));
}

#[test]
fn prometheus_reads_what_nodes_say() {
    let user = User::new();
    let up = Up::start(&user, &["--nodes", "2"]);
    let mut child = user
        .command(&["metrics", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    let address = url.trim().trim_start_matches("http://").trim_end_matches("/metrics");
    let page = get(address, "/metrics");
    for node in &up.nodes {
        let line = format!("registry_up{{node={}}} 1", node["peer_id"]);
        assert!(page.lines().any(|l| l == line), "{line} in {page}");
    }
    assert!(get(address, "/other").starts_with("HTTP/1.1 404"));
    interrupt(&child);
    assert!(child.wait().unwrap().success());
}

fn get(address: &str, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn completions_know_the_subcommands() {
    let completions = User::new().text(&["completions", "bash"]);
    assert!(completions.contains("registry") && completions.contains("doctor"));
}
