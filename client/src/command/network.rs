//! Which network is meant: the relays that are named, or what `registry up` runs.

use std::path::PathBuf;

use registry_client::Client;
use serde::{Deserialize, Serialize};

use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::keys::{self, Key};

/// What `registry up` writes while it runs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) nodes: Vec<Node>,
    /// The address of the page and the HTTP API, where they are served.
    #[serde(default)]
    pub(crate) http: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) peer_id: String,
    pub(crate) tcp: String,
    pub(crate) ws: String,
}

pub(crate) fn running_file() -> Outcome<PathBuf> {
    Ok(keys::config_dir()?.join("network.json"))
}

/// The network that runs on this machine, as far as anybody knows.
pub(crate) fn running() -> Option<Running> {
    let text = std::fs::read_to_string(running_file().ok()?).ok()?;
    serde_json::from_str(&text).ok()
}

/// Connects with the key that is meant to a relay of the network that is meant.
pub(crate) async fn connect(common: &Common) -> Outcome<Client> {
    connect_as(common, keys::find(common.key.as_deref())?).await
}

pub(crate) async fn connect_as(common: &Common, key: Key) -> Outcome<Client> {
    let (relays, is_default) = relays(common)?;
    let failure = match connect_by(common, key, relays).await {
        Err(failure) if is_default => {
            failure.hint("the network of `registry up` does not run any more: start it again, or name a --relay")
        }
        outcome => return outcome,
    };
    Err(failure)
}

/// Connects with the key that is meant to these relays.
pub(crate) async fn connect_to(common: &Common, relays: Vec<String>) -> Outcome<Client> {
    connect_by(common, keys::find(common.key.as_deref())?, relays).await
}

/// The same for a server, which stays: through another node of `registry up` than the first, where commands of the same key come and go. Two
/// connections of one key to one node take each other's answers.
pub(crate) async fn connect_to_stay(common: &Common) -> Outcome<Client> {
    let (mut relays, is_default) = relays(common)?;
    if is_default {
        let nodes = relays.len();
        relays.rotate_left(nodes / 2);
    }
    connect_to(common, relays).await
}

async fn connect_by(common: &Common, key: Key, relays: Vec<String>) -> Outcome<Client> {
    let mut builder = Client::builder().key_pair(key.pair).ttl(common.ttl);
    for relay in relays {
        builder = builder.relay(relay);
    }
    Ok(builder.connect().await?)
}

/// The addresses, and whether they are those of `registry up`.
fn relays(common: &Common) -> Outcome<(Vec<String>, bool)> {
    let named: Vec<String> = common
        .relay
        .iter()
        .flat_map(|text| text.split([',', ' ']))
        .map(str::to_owned)
        .collect();
    let named: Vec<String> = named.into_iter().filter(|text| !text.is_empty()).collect();
    if !named.is_empty() {
        return Ok((named, false));
    }
    match running() {
        Some(running) if !running.nodes.is_empty() => {
            Ok((running.nodes.into_iter().map(|node| node.tcp).collect(), true))
        }
        _ => Err(
            Failure::no_network("no network is named, and none runs on this machine")
                .hint("registry up, in another terminal; or --relay ADDRESS, or REGISTRY_RELAY"),
        ),
    }
}
