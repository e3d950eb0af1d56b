//! Peers of one DHT in memory.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use registry_client::discovery::{
    Arguments, Builder, Clock, Dht, DhtError, Discovery, Failure, Handler, Incoming, ManualClock, MapDht, MapPeer,
    Metadata, Name, ProviderInfo, Published, Reply, Transport,
};
use serde_json::{json, Value};
use tokio::sync::Semaphore;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn name(name: &str) -> Name {
    name.parse().unwrap()
}

pub(crate) fn get() -> Name {
    name("energy.home.get")
}

pub(crate) fn provider(node_id: &str) -> ProviderInfo {
    ProviderInfo {
        node_id: node_id.into(),
        endpoint: format!("map/{node_id}"),
        metadata: metadata(&json!({"of": node_id})),
        advertised_at: 7,
    }
}

pub(crate) fn metadata(value: &Value) -> Metadata {
    value.as_object().cloned().unwrap()
}

pub(crate) fn ids(providers: &[ProviderInfo]) -> Vec<&str> {
    providers.iter().map(|provider| provider.node_id.as_str()).collect()
}

/// Answers with these words.
pub(crate) fn says(words: &str) -> Handler {
    let words = words.to_owned();
    Handler::new(move |_| {
        let words = words.clone();
        async move { Ok(json!(words)) }
    })
}

/// Never answers.
pub(crate) fn hangs() -> Handler {
    Handler::new(|_| std::future::pending())
}

pub(crate) fn panics() -> Handler {
    fn print() -> Reply {
        panic!("out of paper")
    }
    Handler::new(|_| async { print() })
}

pub(crate) async fn answer(handler: &Handler) -> Value {
    let answer = handler.call(Arguments::new(), SECOND, &ManualClock::default()).await;
    answer.unwrap().unwrap()
}

pub(crate) struct Stage {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dht: MapDht,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let dht = MapDht::new(clock.clone());
        Self { clock, dht }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(crate) fn peer(&self, node_id: &str) -> Discovery<MapPeer> {
        self.builder(node_id).build().unwrap()
    }

    pub(crate) fn builder(&self, node_id: &str) -> Builder<MapPeer> {
        Discovery::builder(self.dht.peer(node_id))
            .clock(self.clock.clone())
            .seed(1)
    }

    /// The future, while time passes for it.
    pub(crate) async fn in_time<T>(&self, future: impl Future<Output = T>) -> T {
        let passing = async {
            for _ in 0..100_000 {
                settle().await;
                self.clock.advance(SECOND / 10);
            }
        };
        tokio::select! {
            biased;
            output = future => output,
            () = passing => panic!("in hours nothing has happened"),
        }
    }
}

/// A network whose look-ups and publications wait to be let through.
pub(crate) struct Slow {
    peer: MapPeer,
    pub(crate) gate: Semaphore,
}

pub(crate) fn slow(stage: &Stage) -> Discovery<Slow> {
    let peer = stage.dht.peer("slow");
    let gate = Semaphore::new(0);
    let builder = Discovery::builder(Slow { peer, gate });
    builder.clock(stage.clock.clone()).build().unwrap()
}

impl Dht for Slow {
    async fn publish(&self, name: &Name, info: &ProviderInfo, ttl: Duration, k: u8) -> Result<Published, DhtError> {
        self.gate.acquire().await.unwrap().forget();
        self.peer.publish(name, info, ttl, k).await
    }

    async fn query(&self, name: &Name, k: u8) -> Result<Vec<ProviderInfo>, DhtError> {
        self.gate.acquire().await.unwrap().forget();
        self.peer.query(name, k).await
    }

    async fn remove(&self, name: &Name, node_id: &str) -> Result<(), DhtError> {
        self.peer.remove(name, node_id).await
    }
}

impl Transport for Slow {
    fn node_id(&self) -> &str {
        self.peer.node_id()
    }

    fn endpoint(&self) -> String {
        self.peer.endpoint()
    }

    fn moved(&self, from: &str) -> impl Future<Output = ()> + Send {
        self.peer.moved(from)
    }

    fn serve(&self, name: &Name, incoming: Incoming) {
        self.peer.serve(name, incoming);
    }

    fn stop_serving(&self, name: &Name) {
        self.peer.stop_serving(name);
    }

    async fn call(&self, to: &ProviderInfo, name: &Name, what: Arguments, limit: Duration) -> Result<Reply, Failure> {
        self.peer.call(to, name, what, limit).await
    }
}

/// Lets everything that can go on go on. All tests run on one thread.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
