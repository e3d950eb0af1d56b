//! The network on real sockets: real connections on loopback, real time, everything bounded.

mod raw;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use devnet::live::{Event, LiveError, Network, Node, Options, SpellTimes, What};
use devnet::RegistryModules;
use fluence_keypair::KeyPair;
use raw::{Raw, PATIENCE};
use registry_distro::{REGISTRY_WASM, SQLITE_WASM};
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

const IDENTIFY: &str = r#"("peer" "identify") []"#;

/// Ports that are free, the published registry, and a spell that says that it ran.
fn options(nodes: usize) -> Options {
    Options {
        nodes: Some(nodes),
        port: Some(0),
        trust_graph: false,
        registry: RegistryModules {
            sqlite3: SQLITE_WASM.into(),
            registry: REGISTRY_WASM.into(),
        },
        spell_air: Some(fixture("spell.air")),
        ..Options::default()
    }
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/live").join(name)
}

fn start(options: Options) -> Network {
    Network::start(options, |_| {}).unwrap_or_else(|error| panic!("{error}"))
}

async fn client(node: &Node) -> Raw {
    Raw::connect(&node.tcp).await.unwrap()
}

/// Whether an honest client still gets its answer.
async fn answers(node: &Node) {
    client(node).await.ask(&node.peer_id, IDENTIFY).await.unwrap();
}

#[tokio::test]
async fn clients_are_answered_over_tcp_and_websockets() {
    let network = start(options(2));
    for node in network.nodes() {
        for address in [&node.tcp, &node.ws] {
            let mut client = Raw::connect(address).await.unwrap();
            let answer = client.ask(&node.peer_id, IDENTIFY).await.unwrap();
            assert!(!answer.data.is_empty());
        }
    }
}

#[tokio::test]
async fn a_script_goes_on_from_node_to_node_to_another_client() {
    let network = start(options(3));
    let nodes = network.nodes();
    let caller = client(&nodes[0]).await;
    let mut callee = client(&nodes[2]).await;
    let script = format!(
        r#"(seq (call "{}" {IDENTIFY} x)
            (seq (call "{}" {IDENTIFY} y) (call "{}" ("service" "function") [x y] z)))"#,
        nodes[1].peer_id, nodes[2].peer_id, callee.peer_id
    );
    // The first node is only the relay: it sends the particle on.
    let particle = caller.particle(&script, 10_000);
    caller.send(&particle).await.unwrap();
    let received = timeout(PATIENCE, callee.received.recv()).await.unwrap().unwrap();
    assert_eq!(
        (received.id, received.init_peer_id),
        (particle.id, particle.init_peer_id)
    );
    assert!(received.data.len() > particle.data.len());
}

#[tokio::test]
async fn waiting_takes_real_time() {
    let network = start(options(1));
    let node = &network.nodes()[0];
    let mut client = client(node).await;
    let since = Instant::now();
    client
        .ask(&node.peer_id, r#"("peer" "timeout") [700 "done"]"#)
        .await
        .unwrap();
    assert!(
        (700..5_000).contains(&since.elapsed().as_millis()),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn storage_brings_back_the_same_nodes_at_the_same_ports() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_ports(6);
    let kept = || Options {
        storage: Some(dir.path().to_owned()),
        ..options(2)
    };
    let first = start(Options {
        port: Some(port),
        ..kept()
    });
    let nodes = first.nodes();
    let twice = Network::start(kept(), |_| {}).unwrap_err();
    assert!(twice.to_string().contains("another network runs on it"), "{twice}");
    let added = first.add_node().await.unwrap();
    first.stop();

    // Nothing but the directory is given.
    let again = start(Options {
        nodes: None,
        port: None,
        ..kept()
    });
    assert_eq!(again.nodes()[..2], nodes);
    assert_eq!(again.nodes()[2], added);
    assert!(added.ws.contains(&format!("/tcp/{}/ws", port + 5)), "{}", added.ws);
    answers(&added).await;
    again.stop();

    let fewer = Network::start(kept(), |_| {}).unwrap_err();
    assert!(matches!(fewer, LiveError::FewerNodes { stored: 3, .. }), "{fewer}");
}

#[test]
fn a_directory_of_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("letter.txt");
    std::fs::write(&file, "dear network").unwrap();
    let storage = |dir: PathBuf| Options {
        storage: Some(dir),
        ..options(1)
    };
    for bad in [dir.path().to_owned(), file.clone()] {
        let error = Network::start(storage(bad), |_| {}).unwrap_err();
        assert!(matches!(error, LiveError::Storage { .. }), "{error}");
    }
    let broken = tempfile::tempdir().unwrap();
    std::fs::write(broken.path().join("network.json"), r#"{"version": 1, "secret": "x"}"#).unwrap();
    let error = Network::start(storage(broken.path().to_owned()), |_| {}).unwrap_err();
    assert!(matches!(error, LiveError::Storage { .. }), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let port = free_ports(4);
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port + 3)).unwrap();
    let error = Network::start(
        Options {
            port: Some(port),
            ..options(2)
        },
        |_| {},
    );
    let error = error.unwrap_err();
    assert!(
        matches!(error, LiveError::PortTaken { port: taken, .. } if taken == port + 3),
        "{error}"
    );
}

#[test]
fn two_networks_cannot_share_ports() {
    let port = free_ports(2);
    let with_port = || Options {
        port: Some(port),
        ..options(1)
    };
    let first = start(with_port());
    let error = Network::start(with_port(), |_| {}).unwrap_err();
    assert!(matches!(error, LiveError::PortTaken { .. }), "{error}");
    first.stop();
    // Stopping has freed them.
    start(with_port());
}

#[test]
fn ports_end_at_65535() {
    let error = Network::start(
        Options {
            port: Some(65_530),
            ..options(4)
        },
        |_| {},
    );
    assert!(matches!(error.unwrap_err(), LiveError::Ports { nodes: 4, .. }));
}

#[test]
fn missing_artifacts_are_named() {
    let error = Network::start(
        Options {
            spell_air: Some("/nowhere/registry-spell.air".into()),
            ..options(1)
        },
        |_| {},
    );
    let error = error.unwrap_err();
    assert!(matches!(error, LiveError::NoArtifacts { .. }), "{error}");
    assert!(error.to_string().contains("/nowhere/registry-spell.air"), "{error}");
}

#[tokio::test]
async fn a_killed_node_comes_back_at_its_address() {
    let network = start(options(2));
    let nodes = network.nodes();
    let mut client = client(&nodes[1]).await;
    network.kill(1).await.unwrap();
    assert!(client.is_cut_off_within(PATIENCE).await);
    assert!(Raw::connect(&nodes[1].tcp).await.is_err());
    assert!(matches!(network.kill(1).await, Err(LiveError::NotRunning(_))));
    answers(&nodes[0]).await;

    network.restart(1).await.unwrap();
    assert_eq!(network.nodes(), nodes);
    answers(&nodes[1]).await;
    assert!(matches!(network.restart(2).await, Err(LiveError::NoSuchNode(2))));
}

#[tokio::test]
async fn a_partition_parts_nodes_and_not_their_clients() {
    let network = start(options(2));
    let nodes = network.nodes();
    let mut client = client(&nodes[0]).await;
    network.partition(vec![0]).await.unwrap();
    client.ask(&nodes[0].peer_id, IDENTIFY).await.unwrap();
    let far = client.script(&nodes[1].peer_id, IDENTIFY);
    let lost = client.particle(&far, 5_000);
    client.send(&lost).await.unwrap();
    assert!(timeout(Duration::from_secs(1), client.received.recv()).await.is_err());

    network.heal().await.unwrap();
    let particle = client.particle(&far, 5_000);
    client.send(&particle).await.unwrap();
    // The answer comes from the far node through the near one only if the script says so.
    let mut there = Raw::connect(&nodes[1].tcp).await.unwrap();
    there.ask(&nodes[1].peer_id, IDENTIFY).await.unwrap();
}

#[tokio::test]
async fn who_sends_what_is_no_particle_is_cut_off_and_others_are_answered() {
    let network = start(options(1));
    let node = &network.nodes()[0];
    let mut events = network.events();
    let long = [0xff, 0xff, 0xff, 0x7f];
    let not_shortest = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80];
    for bytes in [&b"\x05hello"[..], &long, &not_shortest, b"\x04\x81\x04\x88\xa1"] {
        let mut hostile = client(node).await;
        let stream = hostile.send_bytes(bytes).await.unwrap();
        assert!(hostile.is_cut_off_within(PATIENCE).await, "{bytes:?}");
        drop(stream);
        cut_off(&mut events, &hostile.peer_id).await;
        answers(node).await;
    }
}

#[tokio::test]
async fn who_begins_a_frame_and_never_ends_it_is_cut_off() {
    let network = start(options(1));
    let node = &network.nodes()[0];
    let mut slow = client(node).await;
    let _stream = slow.send_bytes(b"\x80\x01\x81\x04").await.unwrap();
    answers(node).await;
    assert!(slow.is_cut_off_within(PATIENCE).await);
    answers(node).await;
}

/// Whether a node takes no connection of this key: it refuses it, or ends it at once.
async fn is_refused(node: &Node, key: KeyPair) -> bool {
    match Raw::connect_as(key, &node.tcp).await {
        Ok(mut connected) => connected.is_cut_off_within(PATIENCE).await,
        Err(_) => true,
    }
}

#[tokio::test]
async fn a_fifth_connection_of_one_client_is_refused_and_the_four_go_on() {
    let network = start(options(1));
    let node = &network.nodes()[0];
    let key = KeyPair::generate_ed25519();
    let mut four = Vec::new();
    for _ in 0..4 {
        four.push(Raw::connect_as(key.clone(), &node.tcp).await.unwrap());
    }
    assert!(is_refused(node, key.clone()).await);
    for client in &mut four {
        client.ask(&node.peer_id, IDENTIFY).await.unwrap();
    }

    // There is room again for one when one has gone.
    drop(four.pop());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut again = Raw::connect_as(key, &node.tcp).await.unwrap();
    again.ask(&node.peer_id, IDENTIFY).await.unwrap();
    answers(node).await;
}

#[tokio::test]
async fn who_opens_too_many_streams_is_cut_off() {
    let network = start(options(1));
    let node = &network.nodes()[0];
    let mut greedy = client(node).await;
    let mut streams = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_secs(2), greedy.stream()).await {
        streams.push(stream);
        assert!(streams.len() < 2_000, "there is no limit");
    }
    assert!(greedy.is_cut_off_within(PATIENCE).await);
    answers(node).await;
}

#[tokio::test]
async fn particles_that_others_did_not_sign_or_that_came_too_late_are_not_run() {
    let network = start(options(1));
    let node = network.nodes().remove(0);
    let mut client = client(&node).await;
    let mut events = network.events();
    let script = client.script(&node.peer_id, IDENTIFY);
    let honest = client.particle(&script, 5_000);

    let mut altered = honest.clone();
    altered.ttl += 1;
    let mut expired = client.particle(&script, 1);
    expired.timestamp = 1;
    let expired = particle::Particle::signed(&client.key, expired.id, 1, 1, expired.script).unwrap();
    let forever = client.particle(&script, u32::MAX);
    let spell = particle::Particle::signed(&client.key, "spell_x_1".into(), raw::unix_ms(), 5_000, script.into());
    for (refused, why) in [
        (altered, "signature"),
        (expired, "expired"),
        (forever, "time to live"),
        (spell.unwrap(), "spell_"),
    ] {
        client.send(&refused).await.unwrap();
        let found = timeout(PATIENCE, async {
            loop {
                if let What::Refused { why, .. } = events.recv().await.unwrap().what {
                    return why;
                }
            }
        });
        let found = found.await.unwrap();
        assert!(found.contains(why), "{found}");
    }
    client.send(&honest).await.unwrap();
    let answer = timeout(PATIENCE, client.received.recv()).await.unwrap().unwrap();
    assert_eq!(answer.id, honest.id, "only the honest one was answered");
}

#[tokio::test]
async fn whose_script_takes_for_ever_is_cut_off_and_others_are_answered() {
    let network = start(options(1));
    let node = network.nodes().remove(0);
    let endless = client(&node).await;
    // Streams have at most 1,024 values, so that no loop is endless; 50 values six times inside each other take hours.
    let items = vec!["0"; 50].join(" ");
    let looping = (0..6).fold("(null)".to_owned(), |inner, depth| {
        format!("(fold xs i{depth} (seq {inner} (next i{depth})))")
    });
    let script = format!(
        r#"(seq (call "{}" ("op" "array") [{items}] xs) {looping})"#,
        node.peer_id
    );
    let mut events = network.events();
    endless.send(&endless.particle(&script, 60_000)).await.unwrap();
    cut_off(&mut events, &endless.peer_id).await;
    answers(&node).await;
}

#[tokio::test]
async fn who_takes_nothing_is_cut_off_and_holds_up_nobody() {
    let network = start(options(1));
    let node = network.nodes().remove(0);
    let mut events = network.events();
    let deaf = client(&node).await;
    let script = deaf.script(&node.peer_id, r#"("peer" "timeout") [3000 "done"]"#);
    deaf.send(&deaf.particle(&script, 15_000)).await.unwrap();
    // By then it has left: what is written is sent a moment later.
    tokio::time::sleep(Duration::from_secs(1)).await;
    deaf.stop_reading();
    answers(&node).await;
    cut_off(&mut events, &deaf.peer_id).await;
    answers(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_serves_200_clients() {
    let network = start(options(2));
    let node = network.nodes().remove(0);
    let mut clients = Vec::new();
    for batch in 0..10 {
        let connecting = (0..20).map(|i| {
            let address = if (batch + i) % 2 == 0 {
                node.tcp.clone()
            } else {
                node.ws.clone()
            };
            tokio::spawn(async move { Raw::connect(&address).await.unwrap() })
        });
        for connected in connecting.collect::<Vec<_>>() {
            clients.push(connected.await.unwrap());
        }
    }
    let since = Instant::now();
    let asking = clients.into_iter().map(|mut client| {
        let node = node.peer_id.clone();
        tokio::spawn(async move {
            client.ask(&node, IDENTIFY).await.unwrap();
            client
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    println!("200 clients answered in {:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat_over_ten_thousand_calls() {
    const CALLS: usize = 10_000;
    // Longer than a particle lives, however fast the machine is: from then on as many go as come.
    const WARM_UP: usize = 4_000;
    const TTL_MS: u32 = 3_000;
    let network = start(options(1));
    let node = network.nodes().remove(0);
    let mut client = client(&node).await;
    let script = client.script(&node.peer_id, IDENTIFY);
    let since = Instant::now();
    let mut after_warm_up = 0;
    let (mut sent, mut answered) = (0, 0);
    while answered < CALLS {
        // As many under way as a busy client has.
        while sent < CALLS && sent - answered < 16 {
            client.send(&client.particle(&script, TTL_MS)).await.unwrap();
            sent += 1;
        }
        timeout(PATIENCE, client.received.recv()).await.unwrap().unwrap();
        answered += 1;
        if answered == WARM_UP {
            after_warm_up = resident_kib();
        }
    }
    let grown = resident_kib().saturating_sub(after_warm_up);
    println!(
        "{CALLS} calls in {:?}, {after_warm_up} KiB after {WARM_UP}, then {grown} KiB more",
        since.elapsed()
    );
    assert!(
        grown < 32 << 10,
        "{grown} KiB more after {CALLS} calls than after {WARM_UP}"
    );
}

#[tokio::test]
async fn spells_run_by_the_clock() {
    let network = start(Options {
        spell: SpellTimes {
            every: Duration::from_secs(1),
            ..SpellTimes::default()
        },
        ..options(1)
    });
    let node = network.nodes().remove(0);
    let mut client = client(&node).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let script = format!(
        r#"(seq (call "{node}" ("registry-spell" "get_u32") ["hw_counter"] x)
            (mismatch x.$.value 0 (call "{me}" ("s" "f") [x])))"#,
        node = node.peer_id,
        me = client.peer_id
    );
    let particle = client.particle(&script, 5_000);
    client.send(&particle).await.unwrap();
    let answer = timeout(PATIENCE, client.received.recv()).await.unwrap().unwrap();
    assert!(!answer.data.is_empty());
}

/// Waits until the network says that it has cut a client off.
async fn cut_off(events: &mut Receiver<Event>, client: &str) {
    let is_it = |what: &What| matches!(what, What::CutOff { peer_id, .. } if peer_id == client);
    let waiting = async { while !is_it(&events.recv().await.unwrap().what) {} };
    timeout(PATIENCE, waiting).await.expect("it is not cut off");
}

/// The first of some consecutive ports that are free right now.
fn free_ports(count: u16) -> u16 {
    for _ in 0..100 {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if first.checked_add(count).is_some() && (first..first + count).all(is_free) {
            return first;
        }
    }
    panic!("no {count} consecutive ports are free");
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
