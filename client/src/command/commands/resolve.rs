use registry_client::{Answer, Client, Provider, ResourceId};
use serde_json::json;

use super::resource::parse;
use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::{network, output};

/// Which providers are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) verify: bool,
    pub(super) alive: bool,
    pub(super) through: bool,
}

pub(super) async fn run(common: &Common, resource: &str, ack: u16, how: How, json: bool) -> Outcome {
    let client = network::connect(common).await?;
    let id = parse(resource, client.peer_id())?;
    let found = look_up(&client, &id, ack, how).await?;
    output::node_errors(&found.errors);
    let Some(mut providers) = found.value else {
        return Err(Failure::not_found(format!("no node knows the resource {id}"))
            .hint("is it the right id? has its owner created it? (registry create LABEL)"));
    };
    if how.verify {
        providers.retain(|provider| {
            let verdict = provider.verify();
            if let Err(error) = &verdict {
                output::warning(&error.to_string());
            }
            verdict.is_ok()
        });
    }
    if json {
        for provider in &providers {
            output::json(&json!(provider));
        }
        return Ok(());
    }
    if providers.is_empty() {
        output::note(match how.alive {
            true => "none of the resource's providers is there now",
            false => "the resource has no providers",
        });
        return Ok(());
    }
    table(&providers);
    Ok(())
}

async fn look_up(client: &Client, id: &ResourceId, ack: u16, how: How) -> Outcome<Answer<Option<Vec<Provider>>>> {
    Ok(match (how.alive, how.through) {
        (true, _) => client.resolve_alive(id, ack).await?,
        (_, true) => client.resolve_through(id, ack).await?,
        _ => client.resolve_providers(id, ack).await?,
    })
}

pub(super) fn table(providers: &[Provider]) {
    let rows = providers.iter().map(|provider| {
        let issuer = if provider.issuer == provider.peer_id {
            "itself"
        } else {
            &provider.issuer
        };
        [
            provider.peer_id.clone(),
            shown(&provider.value),
            provider.service_id.clone().unwrap_or_else(|| "-".into()),
            provider
                .relay_id
                .as_deref()
                .map_or_else(|| "a node".into(), |relay| format!("…{}", output::short(relay))),
            issuer.to_owned(),
            output::age(provider.issued_at),
        ]
    });
    output::table(&["PROVIDER", "VALUE", "SERVICE", "RELAY", "ISSUED BY", "AGE"], rows);
}

/// A value in a table: one line, not too long, and nothing that steers a terminal.
pub(super) fn shown(value: &str) -> String {
    const CHARS_MAX: usize = 40;
    let mut text: String = value
        .chars()
        .take(CHARS_MAX)
        .flat_map(|c| match c.is_control() {
            true => c.escape_default().collect::<Vec<_>>(),
            false => vec![c],
        })
        .collect();
    if value.chars().nth(CHARS_MAX).is_some() {
        text.push('…');
    }
    text
}
