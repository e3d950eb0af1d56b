//! Which handler answers what.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::FutureExt;
use http::{Method, StatusCode};

use super::error::{HttpError, Reply};
use super::request::Request;

type Handler<S> = Box<dyn Fn(S, Request) -> BoxFuture<'static, Reply> + Send + Sync>;

/// Routes, and what they are, to be compared with the description.
pub(super) struct Routes<S> {
    routes: Vec<(Method, &'static str, Handler<S>)>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub(super) fn new() -> Self {
        Self { routes: Vec::new() }
    }

    /// Of `HEAD` a GET without its content is answered.
    pub(super) fn route<F, A>(mut self, method: Method, path: &'static str, handler: F) -> Self
    where
        F: Fn(S, Request) -> A + Send + Sync + 'static,
        A: Future<Output = Reply> + Send + 'static,
    {
        let handler = move |state, request| handler(state, request).boxed();
        self.routes.push((method, path, Box::new(handler)));
        self
    }

    #[cfg(test)]
    pub(super) fn operations(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let routes = self.routes.iter();
        routes.map(|(method, path, _)| (method.to_string(), (*path).to_owned()))
    }
}

type Bound = Arc<dyn Fn(Request) -> BoxFuture<'static, Reply> + Send + Sync>;

/// All routes, each with what it works on.
#[derive(Default)]
pub(super) struct App {
    paths: matchit::Router<usize>,
    methods: Vec<BTreeMap<String, Bound>>,
    by_path: BTreeMap<&'static str, usize>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("paths", &self.by_path)
            .finish_non_exhaustive()
    }
}

impl App {
    pub(super) fn with<S: Clone + Send + Sync + 'static>(mut self, routes: Routes<S>, state: &S) -> Self {
        for (method, path, handler) in routes.routes {
            let index = *self.by_path.entry(path).or_insert_with(|| {
                self.methods.push(BTreeMap::new());
                let index = self.methods.len() - 1;
                self.paths.insert(path, index).expect("no two paths are the same");
                index
            });
            let state = state.clone();
            let bound: Bound = Arc::new(move |request| handler(state.clone(), request));
            self.methods[index].insert(method.to_string(), bound);
        }
        self
    }

    pub(super) async fn answer(&self, mut request: Request) -> Reply {
        let found = self.paths.at(&request.path).map_err(|_| {
            let message = "there is no such path: GET /api/openapi.yaml lists all";
            HttpError::new(StatusCode::NOT_FOUND, "not_found", message)
        })?;
        let parameters = found.params.iter().map(|(_, value)| value.to_owned()).collect();
        let method = match request.method {
            Method::HEAD => "GET",
            _ => request.method.as_str(),
        };
        let handler = self.methods[*found.value].get(method).cloned();
        let handler = handler.ok_or_else(|| {
            let message = format!("{method} is not possible here: GET /api/openapi.yaml lists what is");
            HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        })?;
        request.parameters = parameters;
        handler(request).await
    }
}
