//! A network on this machine, and its page.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use devnet::live::{Network, Options, SpellTimes};
use devnet::AquaDhtModules;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::arguments::{Common, Up};
use crate::failure::{Failure, Outcome};
use crate::http::{self, Server, Times};
use crate::network::{self, Node, Running};
use crate::output;

const HTTP_PORT: u16 = 9980;

pub(super) fn run(common: &Common, up: Up, json: bool, runtime: &Runtime) -> Outcome {
    let server = listen(&up)?;
    let spell = SpellTimes::default();
    let spell = SpellTimes {
        replicate_every: up.replicate_every.unwrap_or(spell.replicate_every),
        ..spell
    };
    let options = Options {
        nodes: up.nodes,
        port: up.port,
        storage: up.storage,
        trust_graph: !up.no_trust_graph,
        spell,
        aqua_dht: up.aqua_dht.then(AquaDhtModules::default),
        ..Options::default()
    };
    let progress = ProgressBar::new_spinner().with_message("the first node starts");
    progress.enable_steady_tick(Duration::from_millis(100));
    let shown = progress.clone();
    let network = Network::start(options, move |ready| shown.set_message(format!("{ready} nodes run")));
    progress.finish_and_clear();
    let network = network.map_err(Failure::failed)?;
    let nodes = network.nodes().into_iter();
    let running = Running {
        nodes: nodes
            .map(|node| Node {
                peer_id: node.peer_id,
                tcp: node.tcp,
                ws: node.ws,
            })
            .collect(),
        http: server.as_ref().map(Server::url),
    };
    let file = network::running_file()?;
    write(&file, &running)?;
    let times = Times {
        spell_every: spell.every,
        replicate_every: spell.replicate_every,
    };
    let network = runtime.block_on(async {
        let Some(server) = server else {
            tell(&running, json);
            stopped().await;
            return Ok(network);
        };
        // The last one first: commands of the same key come and go at the first.
        let relays = running.nodes.iter().rev().map(|node| node.tcp.clone()).collect();
        let client = network::connect_to(common, relays).await?;
        tell(&running, json);
        server.serve_up(network, times, client, stopped()).await
    });
    // Another `registry up` may have become the default since.
    if network::running()
        .is_some_and(|now| now.nodes.first().map(|n| &n.peer_id) == running.nodes.first().map(|n| &n.peer_id))
    {
        let _ = std::fs::remove_file(&file);
    }
    network?.stop();
    if !json {
        output::note("stopped");
    }
    Ok(())
}

/// Before anything that takes time: whether the port is free.
fn listen(up: &Up) -> Outcome<Option<Server>> {
    if up.no_http {
        return Ok(None);
    }
    let default = if up.port == Some(0) { 0 } else { HTTP_PORT };
    let port = up.http_port.unwrap_or(default);
    let listener = http::bind(
        (Ipv4Addr::LOCALHOST, port).into(),
        "another port for the page (--http-port 0 takes any that is free), or none (--no-http)",
    )?;
    Server::new(listener, Vec::new()).map(Some)
}

fn tell(running: &Running, json: bool) {
    if json {
        for node in &running.nodes {
            output::json(node);
        }
        output::json(&json!({"ready": true, "http": running.http}));
        return;
    }
    let rows = running.nodes.iter().map(|node| [node.peer_id.clone(), node.ws.clone()]);
    let page = running
        .http
        .iter()
        .map(|url| ["page and HTTP API".to_owned(), url.clone()]);
    output::table(&["NODE", "ADDRESS, AS FOR Fluence.connect(…)"], rows.chain(page));
    output::line("\nThe network runs until Ctrl-C. In another terminal:");
    // As it was called here: it may not be on PATH.
    let command = std::env::args().next().unwrap_or_else(|| "registry".to_owned());
    output::line(&format!("  {command} create chat"));
    output::line(&format!("  {command} provide chat@me --value 'hello from my laptop'"));
    output::line(&format!("  {command} resolve chat@me"));
}

/// The file appears complete or not at all.
fn write(file: &Path, running: &Running) -> Outcome {
    let cannot = |e: std::io::Error| Failure::failed(format!("cannot write {}: {e}", file.display()));
    let dir = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(cannot)?;
    let text = serde_json::to_string_pretty(running).map_err(Failure::failed)?;
    let fresh = file.with_extension(format!("json.{}", std::process::id()));
    std::fs::write(&fresh, text)
        .and_then(|()| std::fs::rename(&fresh, file))
        .map_err(cannot)
}

/// Ctrl-C, or what a service manager sends.
pub(super) async fn stopped() {
    let ctrl_c = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{signal, SignalKind};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = ctrl_c => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = ctrl_c.await;
}
