use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use registry_client::{Change, Provider};
use serde_json::json;

use super::resolve::shown;
use super::resource::parse;
use crate::arguments::Common;
use crate::failure::Outcome;
use crate::{network, output};

pub(super) async fn run(common: &Common, resource: &str, every: Duration, json: bool) -> Outcome {
    let client = network::connect(common).await?;
    let id = parse(resource, client.peer_id())?;
    let mut changes = pin!(client.watch(&id, every));
    let mut stop = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            _ = &mut stop => return Ok(()),
            Some(change) = changes.next() => match change {
                Ok(change) if json => output::json(&json!(change)),
                Ok(change) => tell(&change),
                Err(error) => output::warning(&error.to_string()),
            },
        }
    }
}

fn tell(change: &Change) {
    let of = |provider: &Provider| format!("{}  {}", provider.peer_id, shown(&provider.value));
    match change {
        Change::Added(provider) => output::good(&format!("+ {}", of(provider))),
        Change::Changed { before, after } => {
            output::line(&format!("~ {}  (before: {})", of(after), shown(&before.value)));
        }
        Change::Gone(provider) => output::line(&format!("- {}", of(provider))),
    }
}
