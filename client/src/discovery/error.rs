use std::fmt;
use std::time::Duration;

use super::name::Name;
use crate::error::short;

/// Why something was not found, called or advertised.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name, a setting or another argument is not what it has to be.
    #[error("{what} `{value}` {reason}")]
    Argument {
        what: &'static str,
        value: String,
        reason: String,
    },
    /// There is no room for more.
    #[error("{what}: {count}, and at most {max} are possible: {way_out}")]
    TooMany {
        what: &'static str,
        count: usize,
        max: usize,
        way_out: &'static str,
    },
    /// The DHT did not do what was asked.
    #[error(transparent)]
    Dht(#[from] DhtError),
    /// Nobody offers the service: no handler here, nothing in the cache, nothing in the DHT.
    #[error("nobody offers `{name}`")]
    NotFound { name: Name },
    /// The handler of a provider answered with an error. Others would be asked the same, so none was.
    #[error("{node_id} refuses `{name}`: {text}")]
    Refused { name: Name, node_id: String, text: String },
    /// No provider that was tried answered.
    #[error("`{name}` was not answered{}{}", tried(.tries), asked(.dht))]
    Failed {
        name: Name,
        tries: Vec<Try>,
        /// Why there were no others to try, if the DHT did not say.
        dht: Option<DhtError>,
    },
}

/// Why the DHT did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DhtError {
    /// There is none.
    #[error("there is no DHT: only what this process offers and has cached is found")]
    Absent,
    /// No node of it answers.
    #[error("the DHT does not answer: {0}")]
    Unavailable(String),
    /// It does not take this.
    #[error("the DHT refuses {what} `{value}`: {reason}")]
    Refused {
        what: &'static str,
        value: String,
        reason: String,
    },
    /// A call of the client failed.
    #[error("the DHT: {0}")]
    Client(#[from] crate::Error),
}

/// A provider that was called and did not answer.
#[derive(Debug, Clone)]
pub struct Try {
    pub node_id: String,
    pub failure: Failure,
}

/// Why a provider did not answer. An error of its handler is an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The time was over. The call may have taken effect.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// The handler panicked.
    #[error("the handler panicked: {0}")]
    Panicked(String),
    /// The provider, or the service on it, is not there.
    #[error("{0}")]
    Unreached(String),
}

impl Error {
    /// Whether the same call may succeed when it is made again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Dht(error) => error.is_transient(),
            Self::Failed { .. } => true,
            _ => false,
        }
    }

    pub(super) fn argument(what: &'static str, value: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::Argument {
            what,
            value: short(value),
            reason: reason.to_string(),
        }
    }
}

impl DhtError {
    /// Whether the same call may succeed when it is made again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Client(error) => error.is_transient(),
            Self::Absent | Self::Refused { .. } => false,
        }
    }

    pub(super) fn refused(what: &'static str, value: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::Refused {
            what,
            value: short(value),
            reason: reason.to_string(),
        }
    }
}

fn tried(tries: &[Try]) -> String {
    let line = |one: &Try| format!("\n  {}: {}", one.node_id, one.failure);
    tries.iter().map(line).collect()
}

fn asked(dht: &Option<DhtError>) -> String {
    dht.as_ref().map(|error| format!("\n  {error}")).unwrap_or_default()
}
