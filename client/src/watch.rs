//! Seeing providers come and go.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use serde_json::{json, Value};
use tokio::sync::mpsc;

use crate::api::Results;
use crate::client::Client;
use crate::error::Error;
use crate::resource::{Provider, ProviderKey, ResourceId};
use crate::scripts;

/// How many nodes must agree that a provider is there, or is not.
const ACK: u16 = 3;
/// Once in so many times all is looked up, whatever one node says.
const LOOKED_UP_EVERY: u32 = 10;
/// Less than this between two looks helps nobody.
const EVERY_MIN: Duration = Duration::from_millis(100);

/// What has changed about the providers of a resource.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "changes are few and short-lived")]
pub enum Change {
    /// A provider is there that was not. At first: every one.
    Added(Provider),
    /// Its value or relay is another. Renewals are no changes.
    Changed { before: Provider, after: Provider },
    /// It was removed, or is not renewed any more.
    Gone(Provider),
}

impl Client {
    /// Looks at the providers of a resource once in `every`, and tells what has changed. Where nothing has, one node is
    /// asked, and nothing more travels. What fails is told, too, and does not end the stream. Dropping the stream ends
    /// the watching.
    ///
    /// ```no_run
    /// # async fn watch(client: registry_client::Client) {
    /// use std::pin::pin;
    /// use std::time::Duration;
    /// use futures_util::StreamExt;
    ///
    /// let mut changes = pin!(client.watch(&client.resource_id("chat"), Duration::from_secs(5)));
    /// while let Some(change) = changes.next().await {
    ///     match change {
    ///         Ok(change) => println!("{change:?}"),
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn watch(
        &self,
        id: &ResourceId,
        every: Duration,
    ) -> impl Stream<Item = Result<Change, Error>> + Send + 'static {
        const WAITING_MAX: usize = 64;
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let watcher = Watcher {
            client: self.clone(),
            id: id.clone(),
            known: BTreeMap::new(),
            seen: None,
            looks: 0,
        };
        tokio::spawn(watcher.run(every.max(EVERY_MIN), sender));
        stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|change| (change, receiver))
        })
    }
}

struct Watcher {
    client: Client,
    id: ResourceId,
    known: BTreeMap<ProviderKey, Provider>,
    /// A node that holds the resource, and what it held the last time.
    seen: Option<(String, Value)>,
    looks: u32,
}

impl Watcher {
    async fn run(mut self, every: Duration, changes: mpsc::Sender<Result<Change, Error>>) {
        loop {
            let news = tokio::select! {
                news = self.look() => news,
                () = changes.closed() => return,
            };
            let news = news.unwrap_or_else(|error| vec![Err(error)]);
            for change in news {
                if changes.send(change).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = changes.closed() => return,
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<Result<Change, Error>>, Error> {
        let is_cheap = self.looks % LOOKED_UP_EVERY != 0;
        self.looks += 1;
        let before = self.seen.take();
        let node = before.as_ref().map(|(node, _)| node.clone());
        if let (true, Some(node)) = (is_cheap, node.clone()) {
            let held = self.peek(&node).await;
            if let (Ok(held), Some(before)) = (held, before) {
                if held == before.1 {
                    self.seen = Some(before);
                    return Ok(Vec::new());
                }
            }
        }
        let found = self.client.resolve_providers(&self.id, ACK).await?;
        let is_whole = found.errors.is_empty();
        let changes = self.compare(found.value.unwrap_or_default(), is_whole);
        // Where not all was heard, the next look is a look-up again.
        if is_whole {
            self.seen = self.choose(node).await;
        }
        Ok(changes.into_iter().map(Ok).collect())
    }

    /// A provider is gone only where enough nodes answered.
    fn compare(&mut self, found: Vec<Provider>, is_whole: bool) -> Vec<Change> {
        let mut found: BTreeMap<ProviderKey, Provider> = found.into_iter().map(|p| (p.key(), p)).collect();
        let mut changes = Vec::new();
        for (key, before) in std::mem::take(&mut self.known) {
            match found.remove(&key) {
                Some(after) => {
                    if (&before.value, &before.relay_id) != (&after.value, &after.relay_id) {
                        let after = after.clone();
                        changes.push(Change::Changed { before, after });
                    }
                    self.known.insert(key, after);
                }
                None if is_whole => changes.push(Change::Gone(before)),
                None => drop(self.known.insert(key, before)),
            }
        }
        for (key, provider) in found {
            changes.push(Change::Added(provider.clone()));
            self.known.insert(key, provider);
        }
        changes
    }

    /// The node to ask the next times: the one asked before, or the closest that answers.
    async fn choose(&self, before: Option<String>) -> Option<(String, Value)> {
        if let Some(node) = before {
            if let Ok(held) = self.peek(&node).await {
                return Some((node, held));
            }
        }
        for node in self.client.neighbours(&self.id).await.ok()? {
            if let Ok(held) = self.peek(&node).await {
                return Some((node, held));
            }
        }
        None
    }

    /// What a node holds, but for the times of renewals.
    async fn peek(&self, node: &str) -> Result<Value, Error> {
        let function = &scripts::PEEK;
        let results = Results::of(
            function,
            self.client.call(function, [json!(node), json!(self.id)]).await?,
        )?;
        let held: Value = results.result_of_node(0, node, "looking at a node")?;
        let of = |record: &Value| {
            let metadata = &record["metadata"];
            let names = ["issued_by", "peer_id", "service_id", "value", "relay_id"];
            names.map(|name| metadata[name].to_string())
        };
        let mut records: Vec<_> = held["result"].as_array().into_iter().flatten().map(of).collect();
        records.sort();
        Ok(json!(records))
    }
}
