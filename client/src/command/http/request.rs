//! Requests as handlers take them, and what they answer with.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{header, HeaderMap, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::Serialize;

use super::error::{HttpError, Reply};

const JSON: &str = "application/json";

/// A request, all of it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// As it came: what is percent-encoded still is.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// What fills in the path, in the order in which it stands there; still encoded.
    pub(super) parameters: Vec<String>,
}

pub(super) type Response = http::Response<Content>;

/// What is answered.
pub(super) enum Content {
    Whole(Bytes),
    /// For as long as it is read.
    Stream(BoxStream<'static, Bytes>),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Stream(_) => f.write_str("a stream"),
        }
    }
}

impl Request {
    /// The body in JSON. Nothing stands for `{}`.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Reply<T> {
        let content_type = self.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or("none");
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(JSON) {
            let message = format!("the content type is {content_type:?}: send {JSON} (curl --json '{{…}}')");
            return Err(HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", message));
        }
        let body = if self.body.is_empty() { b"{}" } else { &self.body[..] };
        serde_json::from_slice(body).map_err(|error| HttpError::bad_request(format!("the body: {error}")))
    }

    /// What fills in the path at this place, decoded.
    pub(super) fn parameter(&self, index: usize) -> Reply<String> {
        let encoded = self.parameters.get(index).map_or("", String::as_str);
        let decoded = percent_decode_str(encoded).decode_utf8();
        let decoded = decoded.map_err(|_| HttpError::bad_request(format!("the path: {encoded:?} is no UTF-8")))?;
        Ok(decoded.into_owned())
    }

    /// What stands behind the question mark, which is of these names alone.
    pub(super) fn query(&self, names: &[&str]) -> Reply<Query> {
        let mut query = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes()) {
            if !names.contains(&name.as_ref()) {
                let message = format!("there is no {name:?} here: {} is possible", names.join(", "));
                return Err(HttpError::bad_request(message));
            }
            if query.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(HttpError::bad_request(format!("{name} is given twice")));
            }
        }
        Ok(Query(query))
    }
}

/// What stood behind the question mark.
#[derive(Debug)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A number, `true` or `false`.
    pub(super) fn parsed<T: std::str::FromStr>(&self, name: &str) -> Reply<Option<T>>
    where
        T::Err: fmt::Display,
    {
        let parsed = self.text(name).map(|text| {
            let bad = |error| HttpError::bad_request(format!("{name} is {text:?}: {error}"));
            text.parse().map_err(bad)
        });
        parsed.transpose()
    }
}

pub(super) fn ok(value: &impl Serialize) -> Response {
    json(StatusCode::OK, value)
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(value).expect("what is answered is JSON");
    whole(status, JSON, bytes)
}

pub(super) fn json_bytes(bytes: Bytes) -> Response {
    whole(StatusCode::OK, JSON, bytes)
}

pub(super) fn whole(status: StatusCode, content_type: &'static str, bytes: impl Into<Bytes>) -> Response {
    answer(status, content_type, Content::Whole(bytes.into()))
}

pub(super) fn answer(status: StatusCode, content_type: &'static str, content: Content) -> Response {
    let mut response = Response::new(content);
    *response.status_mut() = status;
    let content_type = http::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
