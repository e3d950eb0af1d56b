//! The Registry over HTTP: the page and the API of `registry up`, and the API's part about resources in front of any network.
//! `openapi.yaml` says what there is; the tests compare.

mod error;
mod feed;
mod guard;
mod holders;
mod listen;
mod network;
mod page;
mod request;
mod resources;
mod routes;
mod watched;
mod wire;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use devnet::live::Network;
use http::Method;
use registry_client::Client;

use self::guard::Guard;
use self::resources::Resources;
use self::routes::{App, Routes};
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
        let app = App::default()
            .with(of_resources(), &resources)
            .with(of_network(), &watched);
        let outcome = self
            .serve(app, stop, async {
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
        let app = App::default().with(of_resources(), &resources);
        let outcome = self.serve(app, stop, std::future::pending()).await;
        resources.close().await;
        outcome
    }

    async fn serve(
        self,
        app: App,
        stop: impl Future<Output = ()>,
        beside: impl Future<Output = Infallible>,
    ) -> Outcome {
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(Failure::failed)?;
        let guard = Guard::new(self.at, self.names);
        tokio::select! {
            () = stop => {}
            never = listen::serve(listener, app, guard) => match never {},
            never = beside => match never {},
        }
        Ok(())
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
        let resources: BTreeSet<_> = of_resources().operations().collect();
        assert_eq!(resources, of_gateways);
        let all: BTreeSet<_> = resources.into_iter().chain(of_network().operations()).collect();
        assert_eq!(all, described);
    }

    #[test]
    fn whoever_posts_is_told_of_the_body_and_of_what_is_refused_about_it() {
        let description: Value = serde_yaml_ng::from_str(DESCRIPTION).unwrap();
        let posts = description["paths"].as_object().unwrap().iter();
        for (path, post) in posts.filter_map(|(path, item)| Some((path, item.get("post")?))) {
            assert!(post["requestBody"]["content"]["application/json"].is_object(), "{path}");
            for status in ["400", "413", "415"] {
                assert!(post["responses"][status].is_object(), "{path}: {status}");
            }
        }
    }
}
