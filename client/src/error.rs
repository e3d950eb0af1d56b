use std::fmt;

use serde_json::Value;

/// Why a call did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address is not one.
    #[error("`{address}` is no address of a relay ({reason}): write it like /ip4/127.0.0.1/tcp/9990/p2p/12D3Koo…")]
    Address { address: String, reason: String },
    /// A key pair, resource id or other argument is not what it has to be.
    #[error("{what} `{value}` {reason}")]
    Argument {
        what: &'static str,
        value: String,
        reason: String,
    },
    /// The machine does not let the client use the network.
    #[error("the network cannot be used: {0}")]
    Network(String),
    /// AquaVM cannot be started or has failed.
    #[error("AquaVM: {0}")]
    Avm(String),
    /// No relay answers.
    #[error("not connected to a relay{}", failures(.0))]
    NotConnected(Vec<AddressFailure>),
    /// The relay was lost while the call was under way. The call may have taken effect.
    #[error("the connection to the relay {relay} was lost before the answer came: call again")]
    ConnectionLost { relay: String },
    /// Neither a result nor an error came before the particle's time to live was over.
    #[error("no answer within {ttl_ms} ms, the particle's time to live{}", on_the_way(.hints))]
    Expired { ttl_ms: u32, hints: Vec<String> },
    /// The script raised an error that nothing in it caught: most often the relay has no registry.
    #[error("the script failed: {message}{}", on_peer(.peer_id))]
    Script { message: String, peer_id: Option<String> },
    /// No node that answered knows the resource. Each node's own words.
    #[error("no node knows the resource{}", node_errors(.errors))]
    NotFound { errors: Vec<NodeError> },
    /// Nodes know the resource, and none knows a provider of it. What nodes said that do not know it.
    #[error("the resource has no providers{}", node_errors_if_any(.errors))]
    NoProviders { errors: Vec<NodeError> },
    /// The network refused: too few nodes did what was asked. Each node's own words.
    #[error("{what} failed{}", node_errors(.errors))]
    Refused { what: &'static str, errors: Vec<NodeError> },
    /// The answer is not of the expected form: the relay's registry is of another version.
    #[error("`{function}` returned something unexpected ({reason}): {value}")]
    Answer {
        function: &'static str,
        reason: String,
        value: Value,
    },
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

/// What one node said of a call. A call can have succeeded beside errors of some nodes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NodeError {
    /// The node's peer id, where the error is of one node.
    pub peer_id: Option<String>,
    /// Its text.
    pub text: String,
}

/// Why there is no connection to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressFailure {
    pub address: String,
    pub reason: String,
}

impl NodeError {
    /// Errors of the Resources API begin with the peer id of the node that they come from.
    pub(crate) fn parse(text: &str) -> Self {
        const PEER_ID_LEN: std::ops::RangeInclusive<usize> = 40..=64;
        match text.split_once(": ") {
            Some((peer_id, rest))
                if PEER_ID_LEN.contains(&peer_id.len()) && peer_id.bytes().all(|b| b.is_ascii_alphanumeric()) =>
            {
                Self {
                    peer_id: Some(peer_id.to_owned()),
                    text: said(rest),
                }
            }
            _ => Self {
                peer_id: None,
                text: said(text),
            },
        }
    }
}

/// What a service said whose call failed, without AquaVM's words around it; any other text as it is.
pub(crate) fn said(error: &str) -> String {
    let parts = error.strip_prefix("Local service error, ret_code is ");
    let parts = parts.and_then(|parts| parts.strip_suffix('\'')?.split_once(", error message is '"));
    let Some((_, said)) = parts else {
        return error.to_owned();
    };
    // Most services return it as JSON.
    serde_json::from_str(said).unwrap_or_else(|_| said.to_owned())
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.peer_id {
            Some(peer_id) => write!(f, "{peer_id}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl fmt::Display for AddressFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.reason)
    }
}

impl Error {
    /// Whether the same call may succeed when it is made again: nothing is wrong with its arguments.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::NotConnected(_)
                | Self::ConnectionLost { .. }
                | Self::Expired { .. }
                | Self::NoProviders { .. }
                | Self::Refused { .. }
        )
    }

    pub(crate) fn argument(what: &'static str, value: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::Argument {
            what,
            value: short(value),
            reason: reason.to_string(),
        }
    }
}

/// The beginning of a value: enough to know which it is.
pub(crate) fn short(value: impl fmt::Display) -> String {
    value.to_string().chars().take(80).collect()
}

fn lines(items: &[impl fmt::Display]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}

fn failures(failures: &[AddressFailure]) -> String {
    lines(failures)
}

fn node_errors(errors: &[NodeError]) -> String {
    if errors.is_empty() {
        return ", without a reason".to_owned();
    }
    node_errors_if_any(errors)
}

fn node_errors_if_any(errors: &[NodeError]) -> String {
    if errors.is_empty() {
        return String::new();
    }
    format!(":{}", lines(errors))
}

fn on_the_way(hints: &[String]) -> String {
    if hints.is_empty() {
        return String::new();
    }
    format!("; on the way:{}", lines(hints))
}

fn on_peer(peer_id: &Option<String>) -> String {
    peer_id.as_ref().map(|id| format!(" (on {id})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_node_is_told_from_others() {
        let peer = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";
        let of_node = NodeError::parse(&format!("{peer}: no answer in time"));
        assert_eq!(of_node.peer_id.as_deref(), Some(peer));
        assert_eq!(of_node.text, "no answer in time");
        for text in [
            "stored on 0 nodes, 1 are needed",
            "20 nodes: the label is too long: 600 bytes",
        ] {
            let error = NodeError::parse(text);
            assert_eq!((error.peer_id.as_deref(), error.text.as_str()), (None, text));
        }
    }

    #[test]
    fn what_a_service_said_stands_alone() {
        let peer = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";
        let wrapped = r#"Local service error, ret_code is 1, error message is '"no \"mood\""'"#;
        assert_eq!(NodeError::parse(&format!("{peer}: {wrapped}")).text, r#"no "mood""#);
        assert_eq!(NodeError::parse(wrapped).text, r#"no "mood""#);
        assert_eq!(
            said("Local service error, ret_code is 2, error message is 'it's gone'"),
            "it's gone"
        );
        assert_eq!(said("1"), "1");
    }

    #[test]
    fn a_refusal_shows_every_node() {
        let errors = vec![NodeError::parse("a"), NodeError::parse("b")];
        let what = "registering";
        assert_eq!(
            Error::Refused { what, errors }.to_string(),
            "registering failed:\n  a\n  b"
        );
    }
}
