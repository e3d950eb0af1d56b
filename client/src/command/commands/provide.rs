use std::time::Duration;

use registry_client::{Client, Provided, ResourceId, ResourceName};
use serde_json::json;

use super::resource::{parse_name, peer_id};
use crate::arguments::{Common, Provide};
use crate::failure::Outcome;
use crate::{network, output};

pub(super) async fn run(common: &Common, provide: Provide, json: bool) -> Outcome {
    let client = network::connect(common).await?;
    let name = parse_name(&provide.resource, client.peer_id())?;
    let id = name.id();
    let service = provide.service.as_deref();
    // A resource of one's own needs no command of its own.
    if let (ResourceName::Id(_), Some(label)) = (&name, provide.resource.strip_suffix("@me")) {
        client.create_resource(label).await?;
    }
    if let Some(node) = &provide.node {
        let answer = client
            .register_node_provider(peer_id(node)?, &name, &provide.value, service)
            .await?;
        output::node_errors(&answer.errors);
        tell(
            &client,
            &id,
            node,
            json,
            "registered; the node keeps it alive until `registry unregister`",
        );
        return Ok(());
    }
    if provide.once {
        let (answer, time) = match provide.lease {
            Some(lease) => {
                let registered = client.register_provider_for(&name, &provide.value, service, lease);
                (registered.await?, format!("{} s", lease.as_secs()))
            }
            None => {
                let registered = client.register_provider(&name, &provide.value, service);
                (registered.await?, "24 hours".to_owned())
            }
        };
        output::node_errors(&answer.errors);
        tell(&client, &id, client.peer_id(), json, &format!("registered for {time}"));
        return Ok(());
    }
    let mut what = registry_client::Provide::new(&provide.value);
    if let Some(service) = service {
        what = what.service(service);
    }
    if let Some(lease) = provide.lease {
        what = what.lease(lease);
    }
    let provided = client.provide(name, what).await?;
    output::node_errors(&provided.state().errors);
    tell(
        &client,
        &id,
        client.peer_id(),
        json,
        "registered, and stays so; Ctrl-C removes it",
    );
    stay(provided, provide.duration, json).await
}

/// Until Ctrl-C, or until the time is over.
async fn stay(mut provided: Provided, duration: Option<Duration>, json: bool) -> Outcome {
    let until = tokio::time::Instant::now() + duration.unwrap_or(Duration::from_secs(366 * 86_400));
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            _ = &mut stop => break,
            () = tokio::time::sleep_until(until) => break,
            state = provided.changed() => {
                let state = state?;
                match &state.failure {
                    Some(failure) => output::warning(&format!("not renewed, trying again: {failure}")),
                    None if json => output::json(&json!({"registered": true, "relay": state.relay, "registrations": state.registrations})),
                    None => output::note(&format!("registered anew, through {}", state.relay)),
                }
            }
        }
    }
    provided.close().await?;
    if !json {
        output::note("removed");
    }
    Ok(())
}

fn tell(client: &Client, id: &ResourceId, peer_id: &str, json: bool, text: &str) {
    if json {
        output::json(&json!({"resource_id": id, "peer_id": peer_id, "relay": client.relay(), "registered": true}));
        return;
    }
    output::good(text);
    output::line(&format!("resource  {id}\nprovider  {peer_id}"));
}
