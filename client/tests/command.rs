//! The command, as people and scripts use it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

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
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    user.text(&["provide", "chat@me", "--value", "v", "--for", "1s"]);
    assert_eq!(user.json(&["resolve", "chat@me"]).len(), 0);
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
    is(&["resolve", "chat@me"], 3, "no node knows the resource");
    is(&["create", &"x".repeat(600)], 1, "512");
    is(&["resolve", "chat"], 2, "LABEL@OWNER");
    let (_, stderr) = user.failure(&["--json", "resolve", "chat@me"]);
    let error: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    assert_eq!(error["exit_code"], json!(3));
    drop(up);
    // Killed, it could not take back its file.
    is(&["resolve", "chat@me"], 4, "does not run any more");
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
