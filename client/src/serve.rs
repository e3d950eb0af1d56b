//! Services that the client offers to others.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, RwLock};

use futures_util::future::BoxFuture;
use futures_util::FutureExt;
use marine_host::SecurityTetraplet;
use serde_json::Value;

/// A call of a service that the client offers.
#[derive(Debug, Clone)]
pub struct Call {
    pub service_id: String,
    pub function: String,
    /// In JSON.
    pub arguments: Vec<Value>,
    /// For each argument, where its parts come from, as AquaVM proves it.
    pub tetraplets: Vec<Vec<SecurityTetraplet>>,
    /// Who calls.
    pub init_peer_id: String,
    pub particle_id: String,
}

/// What answers calls: a value in JSON, or an error that the caller reads.
pub(crate) type Handler = Arc<dyn Fn(Call) -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

/// The services of a client, by id.
#[derive(Clone, Default)]
pub(crate) struct Services(Arc<RwLock<HashMap<String, Handler>>>);

impl Services {
    pub(crate) fn put<F, A>(&self, service_id: String, handler: F)
    where
        F: Fn(Call) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Value, String>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |call| handler(call).boxed());
        self.0.write().expect("no holder panics").insert(service_id, handler);
    }

    pub(crate) fn remove(&self, service_id: &str) -> bool {
        self.0.write().expect("no holder panics").remove(service_id).is_some()
    }

    pub(crate) fn get(&self, service_id: &str) -> Option<Handler> {
        self.0.read().expect("no holder panics").get(service_id).cloned()
    }
}
