//! Resources and providers: what `up` and `gateway` both serve.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use registry_client::{Client, Error, Execute, NodeError, Provide, Provided, Provider, ResourceId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{Failure, HttpError, Reply};
use super::holders::Answers;
use super::request::{json, json_bytes, ok, Request};
use super::watched::Watched;
use crate::commands::resource::{parse, peer_id};

/// As the registry has them: docs/API.md.
const LABEL_LEN_MAX: usize = 512;
const VALUE_LEN_MAX: usize = 4_096;
const ACK_MAX: u16 = 20;
const ARGUMENTS_MAX: usize = 64;
const LIMITS_MS: std::ops::RangeInclusive<u64> = 1_000..=20_000;
/// Registrations that the server keeps alive.
const KEPT_MAX: usize = 256;
/// What voiding them may take at the end.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub(super) struct Resources {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    inside: Option<Arc<Watched>>,
    answers: Answers,
    kept: Mutex<Kept>,
    places: Arc<Semaphore>,
}

/// By resource and service: what the server's peer provides, each with its place among those that are possible.
type Kept = BTreeMap<(ResourceId, Option<String>), (Provided, OwnedSemaphorePermit)>;

#[derive(Debug, Serialize)]
struct Server<'a> {
    kind: &'static str,
    version: &'static str,
    peer_id: &'a str,
    relay: Option<String>,
    ttl_ms: u128,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewResource {
    label: String,
}

#[derive(Debug, Serialize)]
struct CreatedResource<'a> {
    id: ResourceId,
    label: &'a str,
    owner_peer_id: &'a str,
    errors: Vec<NodeError>,
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    provider: Provider,
    verified: bool,
}

#[derive(Debug, Serialize)]
struct Providers {
    resource_id: ResourceId,
    providers: Vec<Shown>,
    errors: Vec<NodeError>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewProvider {
    value: String,
    service: Option<String>,
    node: Option<String>,
}

#[derive(Debug, Serialize)]
struct Registered<'a> {
    resource_id: ResourceId,
    peer_id: &'a str,
    errors: Vec<NodeError>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCall {
    function: String,
    #[serde(default)]
    arguments: Vec<Value>,
    service: Option<String>,
    ack: Option<u16>,
    limit_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CallResults {
    resource_id: ResourceId,
    results: Vec<CallResult>,
    errors: Vec<NodeError>,
}

#[derive(Debug, Serialize)]
struct CallResult {
    provider: Shown,
    result: Value,
    error: Option<Failure>,
}

impl Resources {
    pub(super) fn new(client: Client, inside: Option<Arc<Watched>>) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                inside,
                answers: Answers::default(),
                kept: Mutex::default(),
                places: Arc::new(Semaphore::new(KEPT_MAX)),
            }),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.inner.kept.lock().expect("no holder panics")
    }

    fn client(&self) -> &Client {
        &self.inner.client
    }

    fn id(&self, text: &str) -> Reply<ResourceId> {
        parse(text, self.client().peer_id()).map_err(|failure| HttpError::bad_resource(failure.text()))
    }

    fn peer<'a>(&'a self, text: &'a str) -> Reply<&'a str> {
        match text {
            "me" => Ok(self.client().peer_id()),
            text => known_peer(text),
        }
    }

    /// Voids what the server's peer still provides.
    pub(super) async fn close(&self) {
        let kept = std::mem::take(&mut *self.kept());
        let closing = join_all(kept.into_values().map(|(provided, _)| provided.close()));
        // What is not reached in time ends within 24 hours.
        let _ = tokio::time::timeout(CLOSED_WITHIN, closing).await;
    }
}

pub(super) async fn server(resources: Resources, _: Request) -> Reply {
    let client = resources.client();
    Ok(ok(&Server {
        kind: match resources.inner.inside {
            Some(_) => "up",
            None => "gateway",
        },
        version: env!("CARGO_PKG_VERSION"),
        peer_id: client.peer_id(),
        relay: client.relay(),
        ttl_ms: client.ttl().as_millis(),
    }))
}

pub(super) async fn create(resources: Resources, request: Request) -> Reply {
    let new: NewResource = request.json()?;
    check_len("label", &new.label, 1, LABEL_LEN_MAX)?;
    let client = resources.client();
    let created = client.create_resource(&new.label).await?;
    resources.inner.answers.forget(&created.value);
    Ok(json(
        StatusCode::CREATED,
        &CreatedResource {
            id: created.value,
            label: &new.label,
            owner_peer_id: client.peer_id(),
            errors: created.errors,
        },
    ))
}

pub(super) async fn look(resources: Resources, request: Request) -> Reply {
    let id = resources.id(&request.parameter(0)?)?;
    let Inner {
        client,
        inside,
        answers,
        ..
    } = &*resources.inner;
    let bytes = answers.of(&id, client, inside.as_deref()).await?;
    Ok(json_bytes(bytes))
}

pub(super) async fn resolve(resources: Resources, request: Request) -> Reply {
    let id = resources.id(&request.parameter(0)?)?;
    let query = request.query(&["ack"])?;
    let found = resources
        .client()
        .resolve_providers(&id, ack(query.parsed("ack")?)?)
        .await?;
    let Some(providers) = found.value else {
        return Err(HttpError::no_such_resource(&id).details(found.errors));
    };
    Ok(ok(&Providers {
        resource_id: id,
        providers: providers.into_iter().map(Shown::from).collect(),
        errors: found.errors,
    }))
}

pub(super) async fn register(resources: Resources, request: Request) -> Reply {
    let new: NewProvider = request.json()?;
    let id = resources.id(&request.parameter(0)?)?;
    check_len("value", &new.value, 0, VALUE_LEN_MAX)?;
    let service = new.service.as_deref();
    let (peer, errors) = match &new.node {
        Some(node) => {
            let node = known_peer(node)?;
            let registered = resources
                .client()
                .register_node_provider(node, &id, &new.value, service)
                .await?;
            (node, registered.errors)
        }
        None => (
            resources.client().peer_id(),
            resources.provide(&id, &new.value, service).await?,
        ),
    };
    resources.inner.answers.forget(&id);
    Ok(json(
        StatusCode::CREATED,
        &Registered {
            resource_id: id,
            peer_id: peer,
            errors,
        },
    ))
}

impl Resources {
    /// Registers the server's peer, and keeps it registered.
    async fn provide(&self, id: &ResourceId, value: &str, service: Option<&str>) -> Reply<Vec<NodeError>> {
        let key = (id.clone(), service.map(str::to_owned));
        let too_many = || {
            let message = format!("{KEPT_MAX} registrations are kept alive, and no more: DELETE one first");
            HttpError::too_many(message)
        };
        let place = self.inner.places.clone().try_acquire_owned().ok();
        if place.is_none() && !self.kept().contains_key(&key) {
            return Err(too_many());
        }
        let mut what = Provide::new(value);
        if let Some(service) = service {
            what = what.service(service);
        }
        let provided = self.client().provide(id, what).await?;
        let errors = provided.state().errors;
        let mut kept = self.kept();
        // The one before is not renewed any more, and leaves its place.
        let before = kept.remove(&key).map(|(_, place)| place);
        let place = place.or(before).ok_or_else(too_many)?;
        kept.insert(key, (provided, place));
        Ok(errors)
    }
}

pub(super) async fn unregister(resources: Resources, request: Request) -> Reply {
    let id = resources.id(&request.parameter(0)?)?;
    let peer = request.parameter(1)?;
    let peer = resources.peer(&peer)?;
    let client = resources.client();
    if peer == client.peer_id() {
        resources.kept().retain(|(resource, _), _| *resource != id);
    }
    let answer = client.unregister(&id, peer).await?;
    resources.inner.answers.forget(&id);
    Ok(ok(&Registered {
        resource_id: id,
        peer_id: peer,
        errors: answer.errors,
    }))
}

pub(super) async fn call(resources: Resources, request: Request) -> Reply {
    let new: NewCall = request.json()?;
    let id = resources.id(&request.parameter(0)?)?;
    if new.arguments.len() > ARGUMENTS_MAX {
        let message = format!(
            "{} arguments: at most {ARGUMENTS_MAX} are possible",
            new.arguments.len()
        );
        return Err(HttpError::bad_request(message));
    }
    let mut what = Execute::new(new.function, new.arguments).ack(ack(new.ack)?);
    if let Some(service) = new.service {
        what = what.service(service);
    }
    if let Some(limit_ms) = new.limit_ms {
        if !LIMITS_MS.contains(&limit_ms) {
            let message = format!(
                "limit_ms is {limit_ms}: it is {} to {}",
                LIMITS_MS.start(),
                LIMITS_MS.end()
            );
            return Err(HttpError::bad_request(message));
        }
        what = what.limit(Duration::from_millis(limit_ms));
    }
    let found = resources.client().execute(&id, what).await;
    let found = found.map_err(|error| match error {
        // It is named here, as where providers are looked up.
        Error::NotFound { errors } => HttpError::no_such_resource(&id).details(errors),
        error => error.into(),
    })?;
    let results = found.value.into_iter().map(|execution| {
        let (result, error) = match execution.result {
            Ok(result) => (result, None),
            Err(error) => (Value::Null, Some(HttpError::from(error).into_failure())),
        };
        CallResult {
            provider: execution.provider.into(),
            result,
            error,
        }
    });
    Ok(ok(&CallResults {
        resource_id: id,
        results: results.collect(),
        errors: found.errors,
    }))
}

impl From<Provider> for Shown {
    fn from(provider: Provider) -> Self {
        Self {
            verified: provider.verify().is_ok(),
            provider,
        }
    }
}

fn known_peer(text: &str) -> Reply<&str> {
    peer_id(text).map_err(|failure| HttpError::bad_peer_id(failure.text()))
}

fn ack(ack: Option<u16>) -> Reply<u16> {
    match ack.unwrap_or(1) {
        ack @ 1..=ACK_MAX => Ok(ack),
        ack => Err(HttpError::bad_request(format!("ack is {ack}: it is 1 to {ACK_MAX}"))),
    }
}

fn check_len(name: &str, text: &str, min: usize, max: usize) -> Reply<()> {
    match text.len() {
        len if (min..=max).contains(&len) => Ok(()),
        len => Err(HttpError::bad_request(format!(
            "the {name} has {len} bytes: it has {min} to {max}"
        ))),
    }
}
