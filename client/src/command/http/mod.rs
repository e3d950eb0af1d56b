//! The Registry over HTTP: the page and the API of `registry up`, and the API's part about resources in front of any network.
//! `openapi.yaml` says what there is; the tests compare.

mod body;
mod error;
mod feed;
mod guard;
mod holders;
mod listen;
mod network;
mod page;
mod resources;
mod watched;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{on, MethodFilter};
use axum::Router;
use devnet::live::Network;
use registry_client::Client;

use self::error::HttpError;
use self::guard::Guard;
use self::resources::Resources;
use self::watched::Watched;
use crate::failure::{Failure, Outcome};

pub(crate) use self::listen::bind;
pub(crate) use self::watched::Times;

/// What the API is, for programs and people.
const DESCRIPTION: &str = include_str!("openapi.yaml");

/// A server that listens already.
#[derive(Debug)]
pub(crate) struct Server {
    listener: std::net::TcpListener,
    at: SocketAddr,
    /// Names beside `localhost` under which it may be called.
    names: Vec<String>,
}

impl Server {
    pub(crate) fn new(listener: std::net::TcpListener, names: Vec<String>) -> Outcome<Self> {
        let at = listener.local_addr().map_err(Failure::failed)?;
        Ok(Self { listener, at, names })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Serves a network of this process until `stop`, and gives it back. `client` acts.
    pub(crate) async fn serve_up(
        self,
        network: Network,
        times: Times,
        client: Client,
        stop: impl Future<Output = ()>,
    ) -> Outcome<Network> {
        let events = network.events();
        let watched = Watched::new(network, times).await.map_err(Failure::failed)?;
        let watched = Arc::new(watched);
        let resources = Resources::new(client, Some(watched.clone()));
        let router = of_resources().router.with_state(resources.clone());
        let router = router.merge(of_network().router.with_state(watched.clone()));
        let outcome = self
            .serve(router, stop, async {
                watched.watch(events).await;
                // The network has ended by itself: there is nothing left to look at.
                std::future::pending().await
            })
            .await;
        resources.close().await;
        drop(resources);
        // Streams and rounds under way let go of it within a moment.
        let mut watched = watched;
        for _ in 0..500 {
            match Arc::try_unwrap(watched) {
                Ok(alone) => return outcome.map(|()| alone.network),
                Err(shared) => watched = shared,
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(Failure::failed(
            "the network is still in use and cannot be ended in order",
        ))
    }

    /// Serves the part about resources until `stop`. `client` acts.
    pub(crate) async fn serve_gateway(self, client: Client, stop: impl Future<Output = ()>) -> Outcome {
        let resources = Resources::new(client, None);
        let router = of_resources().router.with_state(resources.clone());
        let outcome = self.serve(router, stop, std::future::pending()).await;
        resources.close().await;
        outcome
    }

    async fn serve(
        self,
        router: Router,
        stop: impl Future<Output = ()>,
        beside: impl Future<Output = Infallible>,
    ) -> Outcome {
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(Failure::failed)?;
        let app = guarded(router, Guard::new(self.at, self.names));
        tokio::select! {
            () = stop => {}
            never = listen::serve(listener, app) => match never {},
            never = beside => match never {},
        }
        Ok(())
    }
}

/// Routes, and what they are, to be compared with the description.
struct Routes<S> {
    router: Router<S>,
    operations: Vec<(Method, &'static str)>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    fn new() -> Self {
        Self {
            router: Router::new(),
            operations: Vec::new(),
        }
    }

    fn route<H, T>(mut self, method: Method, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("methods have their names");
        self.router = self.router.route(path, on(filter, handler));
        self.operations.push((method, path));
        self
    }
}

fn of_resources() -> Routes<Resources> {
    const RESOURCE: &str = "/api/resources/{resource}";
    const PROVIDERS: &str = "/api/resources/{resource}/providers";
    const PROVIDER: &str = "/api/resources/{resource}/providers/{peer}";
    Routes::new()
        .route(Method::GET, "/api/openapi.yaml", page::description)
        .route(Method::GET, "/api/server", resources::server)
        .route(Method::POST, "/api/resources", resources::create)
        .route(Method::GET, RESOURCE, resources::look)
        .route(Method::GET, PROVIDERS, resources::resolve)
        .route(Method::POST, PROVIDERS, resources::register)
        .route(Method::DELETE, PROVIDER, resources::unregister)
        .route(Method::POST, "/api/resources/{resource}/call", resources::call)
}

fn of_network() -> Routes<Arc<Watched>> {
    Routes::new()
        .route(Method::GET, "/", page::index)
        .route(Method::GET, "/app.js", page::script)
        .route(Method::GET, "/app.css", page::style)
        .route(Method::GET, "/metrics", network::metrics)
        .route(Method::GET, "/api/network", network::view)
        .route(Method::GET, "/api/network/resources", network::seen)
        .route(Method::POST, "/api/network/cut", network::cut)
        .route(Method::POST, "/api/network/heal", network::heal)
        .route(Method::POST, "/api/network/replicate", network::replicate)
        .route(Method::POST, "/api/nodes", network::add)
        .route(Method::GET, "/api/nodes/{peer}", network::node)
        .route(Method::POST, "/api/nodes/{peer}/stop", network::stop)
        .route(Method::POST, "/api/nodes/{peer}/kill", network::kill)
        .route(Method::POST, "/api/nodes/{peer}/restart", network::restart)
        .route(Method::GET, "/api/events", network::events)
}

fn guarded(router: Router, guard: Guard) -> Router {
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(guard, guard::guard))
}

async fn not_found() -> Response {
    let message = "there is no such path: GET /api/openapi.yaml lists all";
    HttpError::new(StatusCode::NOT_FOUND, "not_found", message).into_response()
}

async fn method_not_allowed(method: Method) -> Response {
    let message = format!("{method} is not possible here: GET /api/openapi.yaml lists what is");
    HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_served_and_what_is_described_are_the_same() {
        let description: Value = serde_yaml_ng::from_str(DESCRIPTION).unwrap();
        let mut described = BTreeSet::new();
        let mut of_gateways = BTreeSet::new();
        for (path, item) in description["paths"].as_object().unwrap() {
            for (method, operation) in item
                .as_object()
                .unwrap()
                .iter()
                .filter(|(name, _)| *name != "parameters")
            {
                let operation_name = (method.to_uppercase(), path.clone());
                if operation["tags"][0] != "network" {
                    of_gateways.insert(operation_name.clone());
                }
                described.insert(operation_name);
            }
        }
        let names = |operations: Vec<(Method, &str)>| {
            let names = operations
                .into_iter()
                .map(|(method, path)| (method.to_string(), path.to_owned()));
            names.collect::<BTreeSet<_>>()
        };
        let resources = names(of_resources().operations);
        assert_eq!(resources, of_gateways);
        let all: BTreeSet<_> = resources.into_iter().chain(names(of_network().operations)).collect();
        assert_eq!(all, described);
    }
}
