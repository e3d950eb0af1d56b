//! What went wrong, in the one shape that openapi.yaml calls `Error`.

use devnet::live::LiveError;
use http::StatusCode;
use registry_client::{Error, NodeError};
use serde::Serialize;

use super::request::{json, Response};

#[derive(Debug)]
pub(super) struct HttpError {
    status: StatusCode,
    failure: Failure,
}

/// As programs read it.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    code: &'static str,
    message: String,
    details: Vec<NodeError>,
}

pub(super) type Reply<T = Response> = Result<T, HttpError>;

impl HttpError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl ToString) -> Self {
        let message = message.to_string();
        let details = Vec::new();
        Self {
            status,
            failure: Failure { code, message, details },
        }
    }

    pub(super) fn details(mut self, details: Vec<NodeError>) -> Self {
        self.failure.details = details;
        self
    }

    pub(super) fn bad_request(message: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(super) fn bad_resource(message: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_resource", message)
    }

    pub(super) fn bad_peer_id(message: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_peer_id", message)
    }

    pub(super) fn no_such_node(peer_id: &str) -> Self {
        let message = format!("there is no node `{peer_id}`: GET /api/network lists them");
        Self::new(StatusCode::NOT_FOUND, "no_such_node", message)
    }

    pub(super) fn no_such_resource(id: impl std::fmt::Display) -> Self {
        let message = format!("no node knows the resource {id}: has its owner created it?");
        Self::new(StatusCode::NOT_FOUND, "no_such_resource", message)
    }

    pub(super) fn too_many(message: impl ToString) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", message)
    }

    pub(super) fn internal(message: impl ToString) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    pub(super) fn into_failure(self) -> Failure {
        self.failure
    }
}

impl From<HttpError> for Response {
    fn from(error: HttpError) -> Self {
        #[derive(Serialize)]
        struct Body {
            error: Failure,
        }
        json(error.status, &Body { error: error.failure })
    }
}

impl From<Error> for HttpError {
    fn from(error: Error) -> Self {
        let details: Vec<NodeError> = match &error {
            Error::Refused { errors, .. } | Error::NotFound { errors } => errors.clone(),
            Error::NotConnected(failures) => failures.iter().map(|failure| said(failure.to_string())).collect(),
            Error::Expired { hints, .. } => hints.iter().cloned().map(said).collect(),
            Error::Script {
                message,
                peer_id: Some(peer_id),
            } => vec![NodeError {
                peer_id: Some(peer_id.clone()),
                text: message.clone(),
            }],
            _ => Vec::new(),
        };
        let (status, code) = match &error {
            Error::Address { .. } | Error::Argument { .. } => (StatusCode::BAD_REQUEST, "bad_request"),
            Error::NotConnected(_) | Error::ConnectionLost { .. } => (StatusCode::SERVICE_UNAVAILABLE, "not_connected"),
            Error::Expired { .. } => (StatusCode::GATEWAY_TIMEOUT, "no_answer"),
            Error::NotFound { .. } => (StatusCode::NOT_FOUND, "no_such_resource"),
            Error::Refused { .. } => (StatusCode::BAD_GATEWAY, "refused"),
            Error::Script { .. } | Error::Answer { .. } => (StatusCode::BAD_GATEWAY, "script_failed"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        // What the details say is not said twice.
        let message = error.to_string();
        let message = match details.is_empty() {
            true => message,
            false => message
                .lines()
                .next()
                .unwrap_or_default()
                .trim_end_matches(':')
                .to_owned(),
        };
        Self::new(status, code, message).details(details)
    }
}

fn said(text: String) -> NodeError {
    NodeError { peer_id: None, text }
}

impl From<LiveError> for HttpError {
    fn from(error: LiveError) -> Self {
        let (status, code) = match &error {
            LiveError::NotRunning(_) => (StatusCode::CONFLICT, "not_running"),
            LiveError::TooManyNodes { .. } => (StatusCode::CONFLICT, "too_many_nodes"),
            LiveError::NoSuchNode(_) => (StatusCode::NOT_FOUND, "no_such_node"),
            LiveError::Resource(_) => (StatusCode::BAD_REQUEST, "bad_resource"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self::new(status, code, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_says_its_own_once() {
        let errors = vec![NodeError {
            peer_id: Some("a".into()),
            text: "no".into(),
        }];
        let error = HttpError::from(Error::Refused {
            what: "registering",
            errors: errors.clone(),
        });
        let failure = error.into_failure();
        assert_eq!(
            (failure.code, failure.message.as_str()),
            ("refused", "registering failed")
        );
        assert_eq!(failure.details, errors);
    }
}
