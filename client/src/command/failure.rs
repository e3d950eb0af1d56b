//! What went wrong, as people, programs and shells see it.

use std::fmt;
use std::process::ExitCode;

use registry_client::Error;
use serde_json::json;

use crate::output;

/// Exit codes: docs/COMMAND.md lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    NoNetwork = 4,
    NoAnswer = 5,
}

#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    text: String,
    /// What can be done about it.
    hint: Option<String>,
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    fn new(kind: Kind, text: impl fmt::Display) -> Self {
        Self {
            kind,
            text: text.to_string(),
            hint: None,
        }
    }

    pub(crate) fn failed(text: impl fmt::Display) -> Self {
        Self::new(Kind::Failed, text)
    }

    pub(crate) fn usage(text: impl fmt::Display) -> Self {
        Self::new(Kind::Usage, text)
    }

    pub(crate) fn not_found(text: impl fmt::Display) -> Self {
        Self::new(Kind::NotFound, text)
    }

    pub(crate) fn no_network(text: impl fmt::Display) -> Self {
        Self::new(Kind::NoNetwork, text)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What went wrong, without what can be done about it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// On stderr.
    pub(crate) fn print(&self, json: bool) {
        if json {
            let error = json!({"error": self.text, "hint": self.hint, "exit_code": self.kind as u8});
            eprintln!("{error}");
            return;
        }
        output::error(&self.text);
        if let Some(hint) = &self.hint {
            output::hint(hint);
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Address { .. } | Error::Argument { .. } => Kind::Usage,
            Error::NotConnected(_) | Error::ConnectionLost { .. } | Error::Network(_) => Kind::NoNetwork,
            Error::NotFound { .. } | Error::NoProviders { .. } => Kind::NotFound,
            Error::Expired { .. } => Kind::NoAnswer,
            _ => Kind::Failed,
        };
        let failure = Self::new(kind, &error);
        match error {
            Error::Expired { .. } => failure.hint("give it more time (--ttl 20s), or ask another relay (--relay)"),
            _ => failure,
        }
    }
}
