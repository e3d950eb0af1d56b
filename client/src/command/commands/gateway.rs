//! The HTTP API of resources in front of any network.

use std::net::SocketAddr;

use serde_json::json;

use super::up::stopped;
use crate::arguments::Common;
use crate::failure::Outcome;
use crate::http::{self, Server};
use crate::{network, output};

pub(super) async fn run(common: &Common, listen: SocketAddr, names: Vec<String>, json: bool) -> Outcome {
    let listener = http::bind(listen, "another port, with --listen 127.0.0.1:PORT")?;
    let server = Server::new(listener, names)?;
    if !listen.ip().is_loopback() {
        output::warning(&format!(
            "whoever reaches {listen} acts with this key, and nothing is encrypted: let nobody reach it but those who may"
        ));
    }
    let client = network::connect_to_stay(common).await?;
    let url = server.url();
    match json {
        true => output::json(&json!({"ready": true, "http": url})),
        false => output::line(&format!("{url}/api/server")),
    }
    server.serve_gateway(client, stopped()).await
}
