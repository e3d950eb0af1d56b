use futures_util::future::join_all;
use registry_client::{Client, Error, NodeStats};
use serde_json::json;

use super::resource::peer_id;
use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::{network, output};

pub(super) async fn run(common: &Common, peers: Vec<String>, json: bool) -> Outcome {
    let client = network::connect(common).await?;
    let peers = nodes(common, &client, peers)?;
    let answers = of_all(&client, &peers).await;
    let mut rows = Vec::new();
    let mut last_error = None;
    for (peer_id, stats) in peers.iter().zip(answers) {
        match stats {
            Ok(stats) if json => {
                let mut shown = json!(stats);
                shown["peer_id"] = json!(peer_id);
                output::json(&shown);
            }
            Ok(stats) => rows.push([
                peer_id.clone(),
                stats.service_version.clone(),
                stats.keys.to_string(),
                stats.records.to_string(),
                more(&stats, "host_records"),
                stats.tombstones.to_string(),
                stats.stored_bytes.to_string(),
                more(&stats, "keys_due"),
                more(&stats, "keys_partial"),
            ]),
            Err(error) => {
                output::warning(&format!("{peer_id}: {error}"));
                last_error = Some(error);
                continue;
            }
        }
    }
    if !rows.is_empty() {
        let columns = [
            "NODE",
            "VERSION",
            "KEYS",
            "RECORDS",
            "ITS OWN",
            "TOMBSTONES",
            "BYTES",
            "DUE",
            "PARTIAL",
        ];
        output::table(&columns, rows);
    }
    match last_error {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// A number that this version of the command knows, and the node may not.
fn more(stats: &NodeStats, name: &str) -> String {
    stats.more.get(name).map_or_else(|| "-".to_owned(), ToString::to_string)
}

/// The nodes that are meant: those named, else all that `registry up` runs, else the relay.
pub(super) fn nodes(common: &Common, client: &Client, named: Vec<String>) -> Outcome<Vec<String>> {
    if !named.is_empty() {
        for peer in &named {
            peer_id(peer)?;
        }
        return Ok(named);
    }
    match network::running() {
        Some(running) if common.relay.is_empty() => Ok(running.nodes.into_iter().map(|node| node.peer_id).collect()),
        _ => {
            let relay = client.relay();
            Ok(vec![relay.ok_or_else(|| {
                Failure::no_network("the connection to the relay is lost")
            })?])
        }
    }
}

pub(super) async fn of_all(client: &Client, nodes: &[String]) -> Vec<Result<NodeStats, Error>> {
    join_all(nodes.iter().map(|node| client.node_stats(node))).await
}
