use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::FutureExt;
use serde_json::{Map, Value};
use tokio::task::{JoinError, JoinSet};

use super::clock::Clock;
use super::error::Failure;

/// What a handler is called with.
pub type Arguments = Map<String, Value>;
/// What a handler answers: a value, or an error that the caller reads.
pub type Reply = Result<Value, String>;
/// What answers the calls of other peers: with what the handler replied, or with why it did not.
pub type Incoming = Arc<dyn Fn(Arguments) -> BoxFuture<'static, Result<Reply, Failure>> + Send + Sync>;

/// What answers the calls of a service.
///
/// ```
/// use registry_client::discovery::Handler;
/// use serde_json::json;
///
/// let handler = Handler::new(|arguments| async move {
///     match arguments.get("room") {
///         Some(room) => Ok(json!({"room": room, "watts": 230})),
///         None => Err("name a room".to_owned()),
///     }
/// });
/// ```
#[derive(Clone)]
pub struct Handler(Arc<dyn Fn(Arguments) -> BoxFuture<'static, Reply> + Send + Sync>);

impl Handler {
    /// The function runs as a task of its own. Its future is dropped when its time is over; what blocks a thread is not
    /// ended by that, and belongs into `tokio::task::spawn_blocking`.
    pub fn new<F, A>(handler: F) -> Self
    where
        F: Fn(Arguments) -> A + Send + Sync + 'static,
        A: Future<Output = Reply> + Send + 'static,
    {
        Self(Arc::new(move |arguments| handler(arguments).boxed()))
    }

    /// The reply, if it comes in time. Dropped, the handler's task is, too.
    pub async fn call(&self, arguments: Arguments, limit: Duration, clock: &dyn Clock) -> Result<Reply, Failure> {
        let handler = self.0.clone();
        let mut task = JoinSet::new();
        task.spawn(async move { handler(arguments).await });
        let end = clock.sleep_until(clock.now() + limit);
        tokio::select! {
            Some(done) = task.join_next() => done.map_err(|error| Failure::Panicked(panic_text(error))),
            () = end => Err(Failure::Silent(limit)),
        }
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

fn panic_text(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "its task was ended".to_owned();
    };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}
