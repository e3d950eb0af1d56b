//! What comes in, within limits, and JSON that goes out.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{header, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::Serialize;

use super::error::{HttpError, Reply};

/// A value of 4,096 bytes has six times as many in JSON at worst.
const BODY_LEN_MAX: usize = 64 << 10;
/// How long a body may take to come.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
const JSON: &str = "application/json";

/// A body in JSON. Nothing stands for `{}`.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, _: &S) -> Result<Self, HttpError> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or("none");
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(JSON) {
            let message = format!("the content type is {content_type:?}: send {JSON} (curl --json '{{…}}')");
            return Err(HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", message));
        }
        let read = tokio::time::timeout(BODY_TIME_MAX, read(request.into_body()));
        let bytes = read.await.map_err(|_| {
            let message = format!("the body was not whole after {} s", BODY_TIME_MAX.as_secs());
            HttpError::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
        })??;
        let bytes = if bytes.is_empty() { b"{}" } else { &bytes[..] };
        let value = serde_json::from_slice(bytes);
        value
            .map(Self)
            .map_err(|error| HttpError::bad_request(format!("the body: {error}")))
    }
}

async fn read(body: Body) -> Reply<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| HttpError::bad_request(format!("the body: {error}")))?;
        if bytes.len() + part.len() > BODY_LEN_MAX {
            let message = format!("the body is longer than {BODY_LEN_MAX} bytes");
            return Err(HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// What stands in the path, decoded.
#[derive(Debug)]
pub(super) struct InPath<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let path = Path::from_request_parts(parts, state).await;
        let bad = |error: axum::extract::rejection::PathRejection| {
            HttpError::bad_request(format!("the path: {}", error.body_text()))
        };
        path.map(|Path(value)| Self(value)).map_err(bad)
    }
}

/// What stands behind the question mark.
#[derive(Debug)]
pub(super) struct InQuery<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for InQuery<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let query = Query::from_request_parts(parts, state).await;
        let bad = |error: axum::extract::rejection::QueryRejection| HttpError::bad_request(error.body_text());
        query.map(|Query(value)| Self(value)).map_err(bad)
    }
}

pub(super) fn ok(value: &impl Serialize) -> Response {
    json(StatusCode::OK, value)
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(value).expect("what is answered is JSON");
    json_bytes(status, bytes.into())
}

pub(super) fn json_bytes(status: StatusCode, bytes: axum::body::Bytes) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], bytes).into_response()
}
