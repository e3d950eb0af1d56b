//! What nodes say of themselves, for Prometheus.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use registry_client::{Client, NodeStats};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::stats;
use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::{network, output};

pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4";
/// Requests that are answered at a time.
const REQUESTS_MAX: usize = 8;
const REQUEST_LEN_MAX: usize = 8_192;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn run(common: &Common, listen: SocketAddr, peers: Vec<String>) -> Outcome {
    let client = network::connect(common).await?;
    let nodes: Arc<[String]> = stats::nodes(common, &client, peers)?.into();
    let listener = TcpListener::bind(listen).await;
    let listener = listener.map_err(|e| Failure::failed(format!("cannot listen on {listen}: {e}")))?;
    let at = listener.local_addr().map_err(Failure::failed)?;
    output::line(&format!("http://{at}/metrics"));
    let places = Arc::new(Semaphore::new(REQUESTS_MAX));
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let place = places.clone().acquire_owned().await.map_err(Failure::failed)?;
        let stream = tokio::select! {
            _ = &mut stop => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    output::warning(&format!("a connection is lost: {error}"));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (client, nodes) = (client.clone(), nodes.clone());
        tokio::spawn(async move {
            let _place = place;
            let limit = REQUEST_TIMEOUT + client.ttl();
            let _ = tokio::time::timeout(limit, answer(stream, &client, &nodes)).await;
        });
    }
}

/// One request a connection: that is all a scraper needs.
async fn answer(mut stream: TcpStream, client: &Client, nodes: &[String]) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 1_024];
        let len = stream.read(&mut part).await?;
        if len == 0 || request.len() + len > REQUEST_LEN_MAX {
            return Ok(());
        }
        request.extend_from_slice(&part[..len]);
    }
    let line = String::from_utf8_lossy(&request);
    let is_known = line.starts_with("GET /metrics ") || line.starts_with("GET / ");
    let (status, body) = match is_known {
        true => ("200 OK", page(client, nodes).await),
        false => ("404 Not Found", "only GET /metrics is here\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

async fn page(client: &Client, nodes: &[String]) -> String {
    let answers = stats::of_all(client, nodes).await;
    let answers: Vec<(&str, Option<NodeStats>)> = nodes
        .iter()
        .map(String::as_str)
        .zip(answers.into_iter().map(Result::ok))
        .collect();
    text(&answers)
}

/// Every number that nodes give, as a gauge of its name, a line a node.
pub(crate) fn text(answers: &[(&str, Option<NodeStats>)]) -> String {
    let mut text = String::from("# HELP registry_up Whether the node answered.\n# TYPE registry_up gauge\n");
    for (node, stats) in answers {
        let _ = writeln!(text, "registry_up{{node=\"{node}\"}} {}", u8::from(stats.is_some()));
    }
    let mut gauges = std::collections::BTreeMap::<String, String>::new();
    for (node, stats) in answers {
        let Some(Value::Object(fields)) = stats.as_ref().and_then(|stats| serde_json::to_value(stats).ok()) else {
            continue;
        };
        for (name, value) in fields.iter().filter(|(name, _)| is_metric(name)) {
            let number = match value {
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => u8::from(*flag).to_string(),
                _ => continue,
            };
            let lines = gauges.entry(name.clone()).or_default();
            let _ = writeln!(lines, "registry_{name}{{node=\"{node}\"}} {number}");
        }
    }
    for (name, lines) in gauges {
        let _ = write!(text, "# TYPE registry_{name} gauge\n{lines}");
    }
    text
}

/// A node can say anything.
fn is_metric(name: &str) -> bool {
    name != "success"
        && name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_become_gauges_and_a_silent_node_is_down() {
        let stats: NodeStats = serde_json::from_value(json!({
            "success": true, "error": "", "service_version": "1.0.0", "keys": 7, "records": 0, "tombstones": 2,
            "stored_bytes": 9, "keys_due": 3, "bad name\"}": 1,
        }))
        .unwrap();
        let text = text(&[("a", Some(stats)), ("b", None)]);
        for line in [
            "registry_up{node=\"a\"} 1",
            "registry_up{node=\"b\"} 0",
            "registry_keys{node=\"a\"} 7",
            "registry_keys_due{node=\"a\"} 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        assert!(!text.contains("bad name") && !text.contains("registry_error"), "{text}");
    }
}
