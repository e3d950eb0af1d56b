use registry_client::{ResourceId, ResourceName};
use serde_json::json;

use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::{keys, network, output};

/// Before the label of an open resource.
const OPEN: &str = "open:";

/// The resource that is meant.
pub(crate) fn parse(text: &str, own_peer_id: &str) -> Outcome<ResourceId> {
    Ok(parse_name(text, own_peer_id)?.id())
}

/// The same for who registers: an id, LABEL@OWNER, or open:LABEL.
pub(super) fn parse_name(text: &str, own_peer_id: &str) -> Outcome<ResourceName> {
    if let Some(label) = text.strip_prefix(OPEN) {
        return Ok(ResourceName::open(label));
    }
    let id = match text.rsplit_once('@') {
        None => text.parse().map_err(|_| {
            Failure::usage(format!(
                "`{text}` is neither the id of a resource, nor LABEL@OWNER, nor open:LABEL"
            ))
            .hint(format!(
                "{text}@me for a resource of yours, {OPEN}{text} for everybody's"
            ))
        })?,
        Some((_, "")) => {
            return Err(Failure::usage(format!(
                "`{text}` has no owner behind the @: a peer id, or me"
            )))
        }
        Some((label, "me")) => ResourceId::of(label, own_peer_id),
        Some((label, owner)) => ResourceId::of(label, peer_id(owner)?),
    };
    Ok(ResourceName::Id(id))
}

/// A peer id, or what is wrong with it.
pub(crate) fn peer_id(text: &str) -> Outcome<&str> {
    if particle::ed25519_key(text).is_some() {
        return Ok(text);
    }
    Err(Failure::usage(format!(
        "`{text}` is not the peer id of an ed25519 key: they begin with 12D3KooW"
    )))
}

pub(super) fn id(common: &Common, label: &str, owner: Option<String>, json: bool) -> Outcome {
    if let Some(label) = label.strip_prefix(OPEN) {
        if owner.is_some() {
            return Err(Failure::usage(format!("`{OPEN}{label}` has no owner: leave it out")));
        }
        show(&ResourceId::open(label), json);
        return Ok(());
    }
    let owner = match owner {
        Some(owner) if owner != "me" => peer_id(&owner)?.to_owned(),
        _ => keys::find(common.key.as_deref())?.peer_id(),
    };
    show(&ResourceId::of(label, &owner), json);
    Ok(())
}

pub(super) async fn create(common: &Common, label: &str, json: bool) -> Outcome {
    let client = network::connect(common).await?;
    let created = match label.strip_prefix(OPEN) {
        Some(label) => client.create_open_resource(label).await?,
        None => client.create_resource(label).await?,
    };
    output::node_errors(&created.errors);
    show(&created.value, json);
    Ok(())
}

pub(super) async fn unregister(common: &Common, resource: &str, peer: Option<String>, json: bool) -> Outcome {
    let client = network::connect(common).await?;
    let id = parse(resource, client.peer_id())?;
    let peer = match &peer {
        Some(peer) => peer_id(peer)?,
        None => client.peer_id(),
    };
    let answer = client.unregister(&id, peer).await?;
    output::node_errors(&answer.errors);
    if json {
        output::json(&json!({"resource_id": id, "peer_id": peer, "unregistered": true, "errors": answer.errors}));
    } else {
        output::good(&format!("what you registered for {peer} is void"));
    }
    Ok(())
}

fn show(id: &ResourceId, json: bool) {
    match json {
        true => output::json(&json!({"resource_id": id})),
        false => output::line(id.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";

    #[test]
    fn a_resource_is_an_id_or_a_label_with_its_owner() {
        let id = ResourceId::of("a@b", ME);
        assert_eq!(parse(id.as_str(), "x").unwrap(), id);
        assert_eq!(parse(&format!("a@b@{ME}"), "x").unwrap(), id);
        assert_eq!(parse("a@b@me", ME).unwrap(), id);
        let open = ResourceId::open("a@me");
        assert_eq!(parse("open:a@me", ME).unwrap(), open);
        assert_eq!(parse_name("open:a@me", ME).unwrap(), ResourceName::open("a@me"));
        for text in ["chat", "", "chat@", "chat@bob"] {
            assert!(parse(text, ME).is_err(), "{text}");
        }
    }
}
