//! Servers as users start them, and requests that are held against the description of the API.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use crate::description;

/// Nothing here takes longer, on a machine that has other work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A `registry` that runs, with its user's home. Killed at the end.
pub(crate) struct Server {
    child: Child,
    home: std::sync::Arc<tempfile::TempDir>,
    /// `127.0.0.1:PORT`.
    pub(crate) at: String,
    agent: ureq::Agent,
}

/// An answer, which is what the description says.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Server {
    pub(crate) fn up(arguments: &[&str]) -> Self {
        let home = std::sync::Arc::new(tempfile::tempdir().unwrap());
        let up = ["--json", "--ttl", "15s", "up", "--port", "0", "--no-trust-graph"];
        Self::start(home, &[&up, arguments].concat())
    }

    /// In front of an `up`, with the same user's key.
    pub(crate) fn gateway(&self, arguments: &[&str]) -> Self {
        let gateway = ["--json", "--ttl", "15s", "gateway", "--listen", "127.0.0.1:0"];
        Self::start(self.home.clone(), &[&gateway, arguments].concat())
    }

    fn start(home: std::sync::Arc<tempfile::TempDir>, arguments: &[&str]) -> Self {
        let mut child = command(home.path(), arguments).stdout(Stdio::piped()).spawn().unwrap();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line["ready"] == json!(true) {
                let url = line["http"].as_str().expect("it serves HTTP");
                let config = ureq::Agent::config_builder()
                    .http_status_as_error(false)
                    .timeout_global(Some(3 * PATIENCE));
                return Self {
                    at: url.strip_prefix("http://").unwrap().to_owned(),
                    child,
                    home,
                    agent: config.build().into(),
                };
            }
        }
        panic!("registry {arguments:?} ended: {:?}", child.wait());
    }

    /// Another `registry` of the same user.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command(self.home.path(), arguments)
    }

    /// As Ctrl-C does. Whether it ended in order.
    pub(crate) fn interrupt(mut self) -> bool {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Answer {
        self.request("POST", path, Some(&body.to_string()))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, None)
    }

    /// What is answered with this status, or the test fails.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.at))
            .header("content-type", "application/json");
        let response = match body {
            Some(body) => self.agent.run(request.body(body.to_owned()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response = response.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let status = response.status().as_u16();
        let headers = response.headers();
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert_eq!(header("referrer-policy").as_deref(), Some("no-referrer"), "{path}");
        assert!(
            header("content-security-policy")
                .unwrap()
                .contains("default-src 'none'"),
            "{path}"
        );
        assert_eq!(header("access-control-allow-origin"), None, "{path}");
        let content_type = header("content-type").unwrap_or_default();
        let text = response.body_mut().read_to_string().unwrap();
        let body = description::check(method, path, status, &content_type, &text);
        Answer { status, body }
    }

    /// Bytes of one's own, and all that comes back until the server closes.
    pub(crate) fn raw(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Reads events from the address of the feed with this query.
    pub(crate) fn events(&self, query: &str, last_event_id: Option<&str>) -> Events {
        let request = ureq::http::Request::builder().uri(format!("http://{}/api/events{query}", self.at));
        let request = match last_event_id {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        let response = self.agent.run(request.body(()).unwrap()).unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events {
            lines: BufReader::new(Box::new(response.into_body().into_reader())),
        }
    }

    /// The peer ids of the nodes, by number.
    pub(crate) fn nodes(&self) -> Vec<String> {
        let network = self.get("/api/network").body;
        let nodes = network["nodes"].as_array().unwrap().iter();
        nodes.map(|node| node["peer_id"].as_str().unwrap().to_owned()).collect()
    }

    /// Asks again until it is so.
    pub(crate) fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let answer = self.get(path);
            if answer.status == 200 && is_so(&answer.body) {
                return answer.body;
            }
            assert!(since.elapsed() < PATIENCE, "{path}: {:#}", answer.body);
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    /// The body of an answer that has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    /// An error of this status and code, with this in its message.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str, part: &str) -> Value {
        let error = self.is(status)["error"].take();
        assert_eq!(error["code"], json!(code), "{error:#}");
        assert!(error["message"].as_str().unwrap().contains(part), "{error:#}");
        error
    }
}

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

pub(crate) struct Events {
    lines: BufReader<Box<dyn Read>>,
}

impl Events {
    /// The next event, held against the description.
    pub(crate) fn next(&mut self) -> Event {
        let (mut name, mut id) = ("message".to_owned(), None);
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the stream has ended");
            let line = line.trim_end();
            if let Some(data) = line.strip_prefix("data: ") {
                let data: Value = serde_json::from_str(data).unwrap();
                description::check_event(&name, &data);
                return Event { name, id, data };
            } else if let Some(text) = line.strip_prefix("event: ") {
                name = text.to_owned();
            } else if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.to_owned());
            }
        }
    }

    /// The next event of this kind.
    pub(crate) fn next_of(&mut self, kind: &str) -> Event {
        loop {
            let event = self.next();
            if event.name == "message" && event.data["kind"] == json!(kind) {
                return event;
            }
        }
    }
}

pub(crate) fn command(home: &std::path::Path, arguments: &[&str]) -> Command {
    let user_home = std::env::var_os("HOME").unwrap_or_else(|| std::env::temp_dir().into());
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
    command
        .args(arguments)
        .env("HOME", home)
        .env("RUST_LIB_BACKTRACE", "0")
        // Compiled modules stay where all tests find them.
        .env(
            "MARINE_HOST_CACHE_DIR",
            std::path::Path::new(&user_home).join(".cache/marine-host"),
        );
    for name in [
        "XDG_CONFIG_HOME",
        "REGISTRY_CONFIG_DIR",
        "REGISTRY_RELAY",
        "REGISTRY_KEY",
        "FLUENCE_USER_DIR",
    ] {
        command.env_remove(name);
    }
    command
}
