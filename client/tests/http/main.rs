//! The Registry over HTTP, on real sockets, as programs and browsers use it.

mod description;
mod server;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{json, Value};
use server::{Server, PATIENCE};

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

/// A resource of the server's own.
fn create(server: &Server, label: &str) -> String {
    text(&server.post("/api/resources", json!({"label": label})).is(201)["id"])
}

#[test]
fn a_resource_is_created_provided_found_called_and_voided() {
    let up = Server::up(&["--nodes", "3"]);
    let me = text(&up.get("/api/server").is(200)["peer_id"]);
    let before = up.get("/api/resources/chat@me").is(200);
    assert_eq!(
        (&before["label"], before["nodes"].as_array().unwrap().len()),
        (&Value::Null, 3)
    );
    up.get("/api/resources/chat@me/providers")
        .refused(404, "no_such_resource", "has its owner created it");

    let created = up.post("/api/resources", json!({"label": "chat"})).is(201);
    let id = text(&created["id"]);
    assert_eq!((&created["owner_peer_id"], &before["id"]), (&json!(me), &json!(id)));
    let providers = format!("/api/resources/{id}/providers");
    assert_eq!(up.get(&providers).is(200)["providers"], json!([]));

    let node = up.nodes().remove(1);
    let registered = up
        .post(&providers, json!({"value": "hello", "service": "peer"}))
        .is(201);
    assert_eq!(registered["peer_id"], json!(me));
    up.post(&providers, json!({"value": "a node", "service": "peer", "node": node}))
        .is(201);
    let found = up.get(&format!("{providers}?ack=3")).is(200);
    let mut found = found["providers"].as_array().unwrap().clone();
    found.sort_by_key(|provider| provider["peer_id"] != json!(me));
    assert_eq!(found.len(), 2);
    assert!(
        found.iter().all(|provider| provider["verified"] == json!(true)),
        "{found:?}"
    );
    assert_eq!(
        (&found[0]["value"], &found[1]["relay_id"]),
        (&json!("hello"), &Value::Null)
    );

    // The server's own peer answers, as any peer, and so does the node.
    let call = json!({"function": "timestamp_sec"});
    let results = up.post(&format!("/api/resources/{id}/call"), call).is(200);
    let results = results["results"].as_array().unwrap().clone();
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|result| result["result"].is_u64()), "{results:?}");

    let view = up.get("/api/resources/chat@me").is(200);
    assert_eq!((&view["label"], &view["owner_peer_id"]), (&json!("chat"), &json!(me)));
    for holder in view["nodes"].as_array().unwrap() {
        assert!(
            holder["created_at"].is_u64() && holder["is_neighbour"] == json!(true),
            "{holder:#}"
        );
        let records = holder["records"].as_array().unwrap();
        let own = records
            .iter()
            .find(|record| record["peer_id"] == json!(me))
            .expect("all were asked to hold it");
        assert_eq!(
            (&own["signature"], &own["issuer"]),
            (&json!("valid"), &json!(me)),
            "{own:#}"
        );
    }
    let of_node = |view: &Value| {
        let nodes = view["nodes"].as_array().unwrap().iter();
        let records = nodes.flat_map(|holder| holder["records"].as_array().unwrap().clone());
        let signatures = records
            .filter(|record| record["peer_id"] == json!(node))
            .map(|record| text(&record["signature"]));
        signatures.collect::<BTreeSet<_>>()
    };
    assert_eq!(of_node(&view), ["missing".to_owned()].into());

    // At its next run the node signs, and gives its record to the others.
    assert_eq!(up.post("/api/network/replicate", json!({})).is(202)["nodes"], json!(3));
    up.until(&format!("/api/resources/{id}"), |view| {
        of_node(view) == ["valid".to_owned()].into()
    });
    up.post("/api/network/replicate", json!({}))
        .refused(429, "too_many", "less than 5 s ago");

    assert_eq!(up.delete(&format!("{providers}/me")).is(200)["peer_id"], json!(me));
    up.delete(&format!("{providers}/{node}")).is(200);
    assert_eq!(up.get(&format!("{providers}?ack=3")).is(200)["providers"], json!([]));
    let view = up.get(&format!("/api/resources/{id}")).is(200);
    assert!(
        view["nodes"][0]["tombstones"].as_array().unwrap().len() >= 2,
        "{view:#}"
    );
    // Voided again, a node says that nothing stood.
    assert_ne!(up.delete(&format!("{providers}/me")).is(200)["errors"], json!([]));
    assert!(up.interrupt());
}

#[test]
fn what_a_request_must_be_is_said() {
    let up = Server::up(&["--nodes", "2"]);
    let id = create(&up, "chat");
    let resources = "/api/resources";
    up.get("/api/other").refused(404, "not_found", "openapi.yaml");
    up.get("/other").refused(404, "not_found", "openapi.yaml");
    up.request("PUT", resources, Some("{}"))
        .refused(405, "method_not_allowed", "PUT");
    up.request("OPTIONS", resources, None)
        .refused(405, "method_not_allowed", "OPTIONS");
    up.request("POST", resources, Some("{"))
        .refused(400, "bad_request", "EOF");
    up.post(resources, json!({})).refused(400, "bad_request", "label");
    up.post(resources, json!({"label": 1}))
        .refused(400, "bad_request", "string");
    up.post(resources, json!({"label": "x", "owner": "y"}))
        .refused(400, "bad_request", "owner");
    up.post(resources, json!({"label": ""}))
        .refused(400, "bad_request", "0 bytes");
    up.post(resources, json!({"label": "x".repeat(513)}))
        .refused(400, "bad_request", "513 bytes");
    up.post(resources, json!({"label": "x".repeat(70_000)}))
        .refused(413, "too_large", "65536");

    up.get("/api/resources/chat")
        .refused(400, "bad_resource", "LABEL@OWNER");
    up.get("/api/resources/chat@bob")
        .refused(400, "bad_resource", "12D3KooW");
    up.get("/api/resources/%ff").refused(400, "bad_request", "path");
    let providers = format!("{resources}/{id}/providers");
    for (query, part) in [
        ("ack=0", "1 to 20"),
        ("ack=21", "1 to 20"),
        ("ack=x", "ack"),
        ("acks=1", "acks"),
    ] {
        up.get(&format!("{providers}?{query}"))
            .refused(400, "bad_request", part);
    }
    up.post(&providers, json!({"value": "x".repeat(4_097)}))
        .refused(400, "bad_request", "4097");
    up.post(&providers, json!({"value": "x", "node": "bob"}))
        .refused(400, "bad_peer_id", "bob");
    up.delete(&format!("{providers}/bob"))
        .refused(400, "bad_peer_id", "bob");
    let unknown = "/api/resources/never@me";
    let refused = up
        .post(&format!("{unknown}/providers"), json!({"value": "x"}))
        .refused(502, "refused", "");
    assert!(!refused["details"].as_array().unwrap().is_empty(), "{refused}");
    let call = format!("{resources}/{id}/call");
    up.post(&format!("{unknown}/call"), json!({"function": "f"}))
        .refused(404, "no_such_resource", "");
    up.post(&call, json!({"function": "f", "limit_ms": 1}))
        .refused(400, "bad_request", "limit_ms");
    up.post(&call, json!({"function": "f", "arguments": vec![0; 65]}))
        .refused(400, "bad_request", "65 arguments");
    up.post(&call, json!({"function": "f", "ack": 0}))
        .refused(400, "bad_request", "ack");
    up.post(&providers, json!({"value": "no service"})).is(201);
    let results = up.post(&call, json!({"function": "f"})).is(200);
    assert_eq!(
        results["results"][0]["error"]["code"],
        json!("bad_request"),
        "{results:#}"
    );
    let results = up
        .post(&call, json!({"function": "f", "service": "nothing", "limit_ms": 2_000}))
        .is(200);
    assert!(results["results"][0]["error"]["message"].is_string(), "{results:#}");

    let stranger = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";
    up.get(&format!("/api/nodes/{stranger}"))
        .refused(404, "no_such_node", stranger);
    for what in ["stop", "kill", "restart"] {
        up.post(&format!("/api/nodes/{stranger}/{what}"), json!({}))
            .refused(404, "no_such_node", stranger);
        up.post(&format!("/api/nodes/{}/{what}", up.nodes()[0]), json!({"now": 1}))
            .refused(400, "bad_request", "now");
    }
    up.post("/api/network/cut", json!({"side": [stranger]}))
        .refused(404, "no_such_node", stranger);
    up.post("/api/network/cut", json!({"side": []}))
        .refused(400, "bad_request", "at least one");
    up.post("/api/network/cut", json!({"side": up.nodes()}))
        .refused(400, "bad_request", "at least one");
    for (query, part) in [
        ("last_event_id=x", "leave it out"),
        ("replay=1025", "0 to 1024"),
        ("network=1", "network"),
    ] {
        up.get(&format!("/api/events?{query}"))
            .refused(400, "bad_request", part);
    }

    let at = &up.at;
    for content_type in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
    ] {
        for (path, body) in [("/api/resources", r#"{"label":"form"}"#), ("/api/network/cut", "")] {
            let len = body.len();
            let request = format!("POST {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n{content_type}Content-Length: {len}\r\n\r\n{body}");
            let answer = up.raw(&request);
            assert!(
                answer.starts_with("HTTP/1.1 415") && answer.contains("not_json"),
                "{answer}"
            );
        }
    }
    assert_eq!(up.get("/api/network").is(200)["cut"], Value::Null);
    assert_eq!(up.get("/api/resources/form@me").is(200)["label"], Value::Null);
}

#[test]
fn nodes_are_stopped_killed_restarted_and_added() {
    let up = Server::up(&["--nodes", "3"]);
    let id = create(&up, "standing");
    let nodes = up.nodes();
    let path = |node: &str, what: &str| format!("/api/nodes/{node}/{what}");
    let mut events = up.events("?network=true", None);
    assert_eq!(events.next().name, "hello");
    assert_eq!(events.next().data["nodes"].as_array().unwrap().len(), 3);

    let stopped = up.post(&path(&nodes[1], "stop"), json!({})).is(200);
    assert_eq!(
        (&stopped["state"], &stopped["stats"]),
        (&json!("stopped"), &Value::Null)
    );
    let killed = up.post(&path(&nodes[2], "kill"), json!({})).is(200);
    assert_eq!(killed["state"], json!("killed"));
    for what in ["stop", "kill"] {
        up.post(&path(&nodes[1], what), json!({}))
            .refused(409, "not_running", "not running");
    }
    assert_eq!(events.next_of("stopped").data["node"], json!(nodes[1]));
    assert_eq!(events.next_of("killed").data["node"], json!(nodes[2]));
    let states = |network: &Value| -> Vec<String> {
        network["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| text(&node["state"]))
            .collect()
    };
    let since = Instant::now();
    loop {
        let event = events.next();
        if event.name == "network" && states(&event.data) == ["running", "stopped", "killed"] {
            break;
        }
        assert!(since.elapsed() < PATIENCE);
    }
    let view = up.get(&format!("/api/resources/{id}")).is(200);
    assert_eq!(
        view["nodes"].as_array().unwrap().len(),
        1,
        "those that run are the neighbours: {view:#}"
    );

    for node in &nodes[1..] {
        assert_eq!(
            up.post(&path(node, "restart"), json!({})).is(200)["state"],
            json!("running")
        );
    }
    let running = up.post(&path(&nodes[0], "restart"), json!({})).is(200);
    assert_eq!(running["state"], json!("running"), "one that runs is killed first");
    // Files stay.
    up.until(&format!("/api/resources/{id}"), |view| {
        let holders = view["nodes"].as_array().unwrap().iter();
        holders.filter(|holder| holder["created_at"].is_u64()).count() == 3
    });

    let added = up.post("/api/nodes", json!({})).is(201);
    assert_eq!((&added["number"], &added["state"]), (&json!(3), &json!("running")));
    let fourth = text(&added["peer_id"]);
    assert_eq!(up.nodes()[3], fourth);
    let mut events = up.events("?replay=1024", None);
    assert_eq!(events.next_of("added").data["node"], json!(fourth));

    let page = up.until(&format!("/api/nodes/{}", nodes[0]), |page| {
        let last = page["history"].as_array().unwrap().last();
        last.is_some_and(|sample| sample["keys"] == json!(1))
    });
    assert_eq!(page["peers"].as_array().unwrap().len(), 3);
    assert!(page["registry"]["schema_version"].is_u64(), "{page:#}");
}

#[test]
fn a_network_is_cut_and_replication_repairs_it_when_it_is_healed() {
    let up = Server::up(&["--nodes", "4"]);
    let relay = text(&up.get("/api/server").is(200)["relay"]);
    let others: Vec<String> = up.nodes().into_iter().filter(|node| *node != relay).collect();
    let cut = up.post("/api/network/cut", json!({"side": [relay]})).is(200);
    assert_eq!(cut["sides"][0], json!([relay]));
    assert_eq!(up.get("/api/network").is(200)["cut"], cut);

    // The two sides know each other for 20 s more: what is written on one side reaches nobody on the other.
    let id = create(&up, "split");
    let path = format!("/api/resources/{id}");
    let who_knows = |view: &Value| {
        let nodes = view["nodes"].as_array().unwrap().iter();
        let nodes = nodes.filter(|holder| holder["created_at"].is_u64());
        nodes.map(|holder| text(&holder["peer_id"])).collect::<BTreeSet<_>>()
    };
    assert_eq!(who_knows(&up.get(&path).is(200)), [relay.clone()].into());

    assert_eq!(up.post("/api/network/heal", json!({})).is(200)["healed"], json!(true));
    assert_eq!(up.post("/api/network/heal", json!({})).is(200)["healed"], json!(false));
    up.post("/api/network/replicate", json!({})).is(202);
    let all: BTreeSet<String> = others.into_iter().chain([relay]).collect();
    up.until(&path, |view| who_knows(view) == all);
    let mut events = up.events("?replay=1024", None);
    events.next_of("cut");
    events.next_of("healed");
    let replicated = events.next_of("replicated").data;
    assert!(replicated["cost"]["messages"].as_u64().unwrap() > 0, "{replicated}");

    let halves = up.post("/api/network/cut", json!({})).is(200);
    let sizes: Vec<usize> = (0..2)
        .map(|side| halves["sides"][side].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [2, 2]);
}

#[test]
fn what_happens_is_told_with_what_it_cost_and_nothing_is_missed_after_a_break() {
    let up = Server::up(&["--nodes", "2"]);
    let me = text(&up.get("/api/server").is(200)["peer_id"]);
    let mut events = up.events("", None);
    assert_eq!(events.next().name, "hello");
    let id = create(&up, "told");
    let created = events.next_of("created");
    let providers = format!("/api/resources/{id}/providers");
    up.post(&providers, json!({"value": "x"})).is(201);
    let registered = events.next_of("registered");
    drop(events);

    up.get(&providers).is(200);
    up.delete(&format!("{providers}/me")).is(200);
    up.until("/api/network/resources", |seen| {
        seen["resources"][0]["kind"] == json!("deleted")
    });
    for mut events in [
        up.events("", registered.id.as_deref()),
        up.events(&format!("?last_event_id={}", registered.id.as_ref().unwrap()), None),
        // An EventSource opens the same address again, and says in the header where it was.
        up.events("?replay=1024", registered.id.as_deref()),
    ] {
        let hello = events.next();
        assert_eq!((hello.name.as_str(), &hello.id), ("hello", &registered.id));
        let resolved = events.next_of("resolved");
        let deleted = events.next_of("deleted");
        for event in [&created, &registered, &resolved, &deleted] {
            let data = &event.data;
            assert_eq!(
                (&data["resources"], &data["peer_id"]),
                (&json!([id]), &json!(me)),
                "{data}"
            );
            let cost = &data["cost"];
            assert!(
                cost["messages"].as_u64() > Some(0) && cost["bytes"].as_u64() > Some(1_000),
                "{cost}"
            );
            assert!(cost["avm_ms"].as_f64() > Some(0.0), "{cost}");
        }
    }

    // Of another run of the server nothing is known.
    let mut events = up.events("?last_event_id=1-1", None);
    assert_eq!(events.next().name, "hello");
    let lagged = events.next();
    assert_eq!(
        (lagged.name.as_str(), &lagged.data),
        ("lagged", &json!({"missed": null}))
    );

    let seen = up.get("/api/network/resources").is(200);
    let seen = &seen["resources"][0];
    assert_eq!(
        (&seen["id"], &seen["label"], &seen["owner_peer_id"]),
        (&json!(id), &json!("told"), &json!(me))
    );
}

#[test]
fn streams_are_counted_and_a_closed_one_leaves_its_place() {
    let up = Server::up(&["--nodes", "1"]);
    let mut streams = Vec::new();
    for _ in 0..64 {
        let mut stream = up.connect();
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: {}\r\n\r\n", up.at).unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        streams.push(stream);
    }
    up.get("/api/events").refused(429, "too_many", "64");
    drop(streams);
    let since = Instant::now();
    loop {
        let answer = up.raw(&format!(
            "HEAD /api/events HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            up.at
        ));
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "{answer}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn no_other_site_reads_or_changes_anything() {
    let up = Server::up(&["--nodes", "2"]);
    let at = up.at.clone();
    let port = at.rsplit(':').next().unwrap();
    let node = up.nodes().remove(0);
    let kill = format!("/api/nodes/{node}/kill");
    let own = format!("Host: {at}\r\n");
    let foreign = [
        format!("Host: rebound.example:{port}\r\n"),
        "Host: rebound.example\r\n".to_owned(),
        format!("Host: rebound.example:{port}\r\nOrigin: http://rebound.example:{port}\r\n"),
        format!("{own}Origin: http://evil.example\r\n"),
        format!("{own}Origin: null\r\n"),
        format!("{own}Origin: http://localhost:{port}\r\n"),
        format!("{own}Origin: http://127.0.0.1:3000\r\n"),
        format!("{own}Sec-Fetch-Site: cross-site\r\n"),
        format!("{own}Sec-Fetch-Site: same-site\r\n"),
    ];
    for headers in &foreign {
        for (request, body) in [
            ("GET /api/network".to_owned(), ""),
            ("GET /api/events".to_owned(), ""),
            (format!("POST {kill}"), "{}"),
            ("POST /api/resources".to_owned(), r#"{"label":"x"}"#),
            ("OPTIONS /api/resources".to_owned(), ""),
        ] {
            let len = body.len();
            let answer = up.raw(&format!(
                "{request} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Type: application/json\r\nContent-Length: {len}\r\n\r\n{body}"
            ));
            assert!(
                answer.starts_with("HTTP/1.1 403 Forbidden\r\n"),
                "{headers}{request}: {answer}"
            );
            assert!(answer.contains("\"code\":\"forbidden_"), "{answer}");
            assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
        }
    }
    for page in ["/", "/app.js", "/metrics"] {
        let answer = up.raw(&format!(
            "GET {page} HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n"
        ));
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    let network = up.get("/api/network").is(200);
    assert!(network["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .all(|node| node["state"] == json!("running")));
    assert_eq!(up.get("/api/resources/x@me").is(200)["label"], Value::Null);

    // Its own page may.
    let answer = up.raw(&format!(
        "POST {kill} HTTP/1.1\r\n{own}Origin: http://{at}\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"
    ));
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"killed\""),
        "{answer}"
    );
}

#[test]
fn who_is_slow_or_sends_no_http_holds_up_nobody() {
    let up = Server::up(&["--nodes", "1"]);
    let mut slow = up.connect();
    let head = format!(
        "POST /api/resources HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n",
        up.at
    );
    write!(slow, "{head}{{\"label\"").unwrap();
    let mut silent = up.connect();
    assert!(up.raw("nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    up.get("/api/server").is(200);
    let since = Instant::now();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(
        (&answer, since.elapsed() < Duration::from_secs(20)),
        (b"HTTP/1.1 408", true)
    );
    // Whoever connects and asks nothing is cut off, too.
    assert_eq!(silent.read(&mut answer).unwrap_or(0), 0);
    assert!(since.elapsed() < Duration::from_secs(50), "{:?}", since.elapsed());
}

#[test]
fn prometheus_reads_the_same_names_as_of_registry_metrics() {
    let up = Server::up(&["--nodes", "3"]);
    create(&up, "counted");
    let nodes = up.nodes();
    up.post(&format!("/api/nodes/{}/kill", nodes[1]), json!({})).is(200);
    let mut child = up
        .command(&["metrics", "--listen", "127.0.0.1:0", &nodes[0], &nodes[1]])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    let theirs = ureq::get(url.trim())
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let ours = text(&up.get("/metrics").is(200));
    // A line is `NAME{node="PEER"} NUMBER`, of a name whose type was told.
    let names = |page: &str| {
        let mut types = BTreeSet::new();
        let mut names = BTreeSet::new();
        for line in page.lines() {
            if let Some(gauge) = line.strip_prefix("# TYPE ") {
                types.insert(gauge.strip_suffix(" gauge").unwrap().to_owned());
            } else if !line.starts_with('#') {
                let (name, rest) = line.split_once("{node=\"").unwrap();
                let (node, number) = rest.split_once("\"} ").unwrap();
                assert!(nodes.iter().any(|known| known == node), "{line}");
                number.parse::<f64>().unwrap();
                assert!(types.contains(name), "{line}");
                names.insert(name.to_owned());
            }
        }
        names
    };
    assert_eq!(names(&ours), names(&theirs));
    assert!(names(&ours).contains("registry_keys_due"), "{ours}");
    let up_of = |node: usize, is: u8| format!("registry_up{{node=\"{}\"}} {is}", nodes[node]);
    assert!(
        ours.lines().any(|line| line == up_of(0, 1)) && ours.lines().any(|line| line == up_of(1, 0)),
        "{ours}"
    );
}

#[test]
fn a_gateway_serves_resources_in_front_of_any_network() {
    let up = Server::up(&["--nodes", "3"]);
    let gateway = up.gateway(&[]);
    let server = gateway.get("/api/server").is(200);
    assert_eq!(server["kind"], json!("gateway"));
    for path in [
        "/",
        "/app.js",
        "/metrics",
        "/api/network",
        "/api/events",
        "/api/network/resources",
    ] {
        gateway.get(path).refused(404, "not_found", "");
    }
    let id = create(&gateway, "through");
    let providers = format!("/api/resources/{id}/providers");
    gateway
        .post(&providers, json!({"value": "one", "service": "peer"}))
        .is(201);
    gateway
        .post(&providers, json!({"value": "two", "service": "peer"}))
        .is(201);
    let found = up.get(&format!("{providers}?ack=3")).is(200);
    assert_eq!(
        found["providers"][0]["value"],
        json!("two"),
        "one registration a service"
    );

    let view = gateway.get(&format!("/api/resources/{id}")).is(200);
    let inside = up.get(&format!("/api/resources/{id}")).is(200);
    let nodes = view["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3);
    for (holder, inside) in nodes.iter().zip(inside["nodes"].as_array().unwrap()) {
        for field in [
            "peer_id",
            "position",
            "is_neighbour",
            "created_at",
            "partial",
            "records",
            "tombstones",
        ] {
            assert_eq!(holder[field], inside[field], "{field}");
        }
        assert!(
            holder["took_ms"].is_u64() && holder["clock_ahead_ms"].is_i64(),
            "{holder:#}"
        );
        assert_eq!(
            (&holder["partial"], &holder["records"][0]["signature"]),
            (&json!(false), &json!("valid"))
        );
    }
    let call = json!({"function": "timestamp_sec", "arguments": []});
    assert!(gateway.post(&format!("/api/resources/{id}/call"), call).is(200)["results"][0]["result"].is_u64());

    // What it kept alive ends with it.
    assert!(gateway.interrupt());
    assert_eq!(up.get(&format!("{providers}?ack=2")).is(200)["providers"], json!([]));

    // A node that does not answer is one of the neighbours for a while.
    let gateway = up.gateway(&[]);
    let relay = text(&gateway.get("/api/server").is(200)["relay"]);
    let other = up.nodes().into_iter().find(|node| *node != relay).unwrap();
    up.post(&format!("/api/nodes/{other}/kill"), json!({})).is(200);
    let view = gateway.get(&format!("/api/resources/{id}")).is(200);
    let nodes = view["nodes"].as_array().unwrap();
    let silent = nodes.iter().find(|holder| holder["peer_id"] == json!(other)).unwrap();
    assert!(
        silent["error"].is_string() && silent["created_at"].is_null(),
        "{silent:#}"
    );
}

#[test]
fn whose_relay_is_killed_is_found_under_another_one() {
    let up = Server::up(&["--nodes", "3"]);
    let id = create(&up, "moved");
    let providers = format!("/api/resources/{id}/providers");
    up.post(&providers, json!({"value": "still here"})).is(201);
    let relay = text(&up.get("/api/server").is(200)["relay"]);
    up.post(&format!("/api/nodes/{relay}/kill"), json!({})).is(200);
    let found = up.until(&providers, |found| {
        let provider = &found["providers"][0];
        provider["relay_id"].is_string() && provider["relay_id"] != json!(relay)
    });
    assert_eq!(found["providers"].as_array().unwrap().len(), 1);
    assert_ne!(up.get("/api/server").is(200)["relay"], json!(relay));
}

#[test]
fn without_a_network_that_answers_it_is_said_and_the_server_goes_on() {
    let up = Server::up(&["--nodes", "1"]);
    let node = up.nodes().remove(0);
    up.post(&format!("/api/nodes/{node}/kill"), json!({})).is(200);
    up.post("/api/resources", json!({"label": "x"}))
        .refused(503, "not_connected", "not connected");
    assert_eq!(up.get("/api/server").is(200)["relay"], Value::Null);
    assert_eq!(up.get("/api/resources/x@me").is(200)["nodes"], json!([]));
    up.post(&format!("/api/nodes/{node}/restart"), json!({})).is(200);
    let since = Instant::now();
    while up.post("/api/resources", json!({"label": "x"})).status != 201 {
        assert!(since.elapsed() < PATIENCE);
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let home = tempfile::tempdir().unwrap();
    let at = format!("127.0.0.1:{port}");
    for (arguments, way_out) in [
        (&["up", "--port", "0", "--http-port", &port][..], "--no-http"),
        (&["gateway", "--listen", &at], "--listen"),
    ] {
        let output = server::command(home.path(), arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains(&format!("port {port} of 127.0.0.1 is taken")) && stderr.contains(way_out),
            "{stderr}"
        );
    }
}

#[test]
fn the_page_and_the_description_are_part_of_the_program() {
    let up = Server::up(&["--nodes", "1"]);
    let page = text(&up.get("/").is(200));
    assert!(
        page.contains("src=\"/app.js\"") && page.contains("href=\"/app.css\""),
        "{page}"
    );
    // Nothing that the page's policy would not let it load.
    assert!(
        !page.contains("<style") && !page.contains(" style=") && !page.contains("onclick="),
        "{page}"
    );
    up.get("/app.js").is(200);
    up.get("/app.css").is(200);
    assert_eq!(up.get("/api/openapi.yaml").is(200), json!(description::text()));
}

/// Each command of docs/HTTP.md, one after the other, as it stands there but for the port.
#[test]
fn the_commands_of_the_documentation_run() {
    let document = include_str!("../../../docs/HTTP.md");
    let up = Server::up(&["--nodes", "3"]);
    let gateway = up.gateway(&[]);
    let mut script = String::from("set -eu\nrun() { echo \"$ $*\" >&2; \"$@\"; echo; }\n");
    let mut commands = 0;
    let mut is_shell = false;
    for line in document.lines() {
        if line.starts_with("```") {
            is_shell = line == "```sh";
        } else if is_shell && !line.starts_with("registry ") {
            let line = line
                .replace("127.0.0.1:9980", &up.at)
                .replace("127.0.0.1:9981", &gateway.at);
            // Failures are failures, and a stream that does not end is read for a moment.
            let line = line
                .replace("curl -s", "curl -sS --fail-with-body")
                .replace("curl -N", "curl -sSN --max-time 3");
            let line = if line.contains("--max-time") {
                format!("{line} || [ $? = 28 ]")
            } else {
                line
            };
            script.push_str(&line);
            script.push('\n');
            commands += usize::from(line.starts_with("curl") || line.contains("$(curl"));
        }
    }
    assert!(commands >= 10, "{commands} commands in docs/HTTP.md");
    let output = std::process::Command::new("sh")
        .arg("-c")
        .arg(&script)
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{script}\n{stdout}\n{stderr}");
}
