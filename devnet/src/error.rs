use std::time::Duration;

use marine_host::StartError;

use crate::peer::PeerIndex;
use crate::time::show;

/// Why a network does not start or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("a network has 1 to {max} nodes, not {nodes}: one process has address space for no more")]
    NodeCount { nodes: usize, max: usize },
    #[error("{0}")]
    Service(#[from] StartError),
    #[error("AquaVM cannot be run: {0}")]
    Avm(String),
    #[error("cannot use the storage directory {path}: {source}")]
    Storage {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    #[error("{} belongs to a network of seed {found}, not {given}: the nodes' keys follow from the seed; give that seed, or another directory", path.display())]
    OtherSeed {
        path: std::path::PathBuf,
        found: u64,
        given: u64,
    },
    #[error("there is no peer number {0}")]
    NoSuchPeer(usize),
    #[error("{0} is not a node")]
    NotANode(PeerIndex),
    #[error("{0} is dead: restart it first")]
    Dead(PeerIndex),
    #[error("{0} has left for good: add another node in its place")]
    Retired(PeerIndex),
    #[error("{0} is not a client")]
    NotAClient(PeerIndex),
    #[error("call {0} is not of this network, or was waited for and has expired")]
    NoSuchCall(String),
    #[error("{peer} has no Marine service `{service}`")]
    NoSuchService { peer: PeerIndex, service: String },
    #[error("spell `{spell}` refuses {what}: {reason}")]
    Spell {
        spell: String,
        what: &'static str,
        reason: String,
    },
    #[error("{0}")]
    Call(#[from] marine_host::CallError),
    /// A checker found an invariant broken: the run can be repeated with the seed.
    #[error("checker `{checker}` after {} of virtual time, seed {seed}: {message}", show(*at))]
    Violation {
        checker: String,
        message: String,
        at: Duration,
        seed: u64,
    },
}

/// Why a call of an Aqua function returned no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallFailure {
    /// The script raised an error that nothing in it caught.
    #[error("the script failed: {}", script_error(.0))]
    Script(serde_json::Value),
    /// AquaVM refused the particle.
    #[error("AquaVM refused the script on {peer}: {message} (code {code})")]
    Avm {
        peer: PeerIndex,
        code: i64,
        message: String,
    },
    /// Neither result nor error came before the particle expired.
    #[error("no answer within {ttl_ms} ms, the particle's time to live{}", on_the_way(.hints))]
    Expired { ttl_ms: u32, hints: Vec<String> },
    /// The client itself went down.
    #[error("{0} was killed while it waited")]
    Killed(PeerIndex),
}

/// AquaVM's error object in the order in which people read it; anything else as it is.
fn script_error(error: &serde_json::Value) -> String {
    let text = |name: &str| error[name].as_str().filter(|text| !text.is_empty());
    let Some(mut shown) = text("message").map(service_error) else {
        return error.to_string();
    };
    if let Some(instruction) = text("instruction") {
        shown.push_str(&format!("\n  in  {instruction}"));
    }
    if let Some(peer_id) = text("peer_id") {
        shown.push_str(&format!("\n  on  {peer_id}"));
    }
    shown
}

/// What a service said, without AquaVM's words around it.
fn service_error(message: &str) -> String {
    let parts = message.strip_prefix("Local service error, ret_code is ");
    let parts = parts.and_then(|parts| parts.strip_suffix('\'')?.split_once(", error message is '"));
    let Some((code, said)) = parts else {
        return message.to_owned();
    };
    // Most services return their error as JSON.
    let said = serde_json::from_str(said).unwrap_or_else(|_| said.to_owned());
    format!("{said} (a service returned this, with code {code})")
}

fn on_the_way(hints: &[String]) -> String {
    if hints.is_empty() {
        return String::new();
    }
    format!("; on the way: {}", hints.join("; "))
}

#[cfg(test)]
mod tests {
    use super::service_error;

    #[test]
    fn what_a_service_said_stands_alone() {
        let failed = r#"Local service error, ret_code is 1, error message is '"no mood"'"#;
        assert_eq!(service_error(failed), "no mood (a service returned this, with code 1)");
        let plain = "Local service error, ret_code is 2, error message is 'it's gone'";
        assert_eq!(service_error(plain), "it's gone (a service returned this, with code 2)");
        assert_eq!(service_error("value is no list"), "value is no list");
    }
}
