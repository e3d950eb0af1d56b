use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fluence_keypair::{KeyFormat, KeyPair};
use particle::Limits;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::{self, Avm, Command, Outcome, Script};
use crate::error::Error;
use crate::scripts::Function;
use crate::serve::{Call, Services};
use crate::transport::{self, Link, RelayAddress};

/// A particle's time to live unless the caller says otherwise; what the JS client takes.
pub const DEFAULT_TTL: Duration = Duration::from_secs(7);
/// The shortest and the longest time to live that can be asked for.
pub(crate) const TTL_MIN: Duration = Duration::from_secs(1);
const TTL_MAX: Duration = Duration::from_secs(600);
/// Calls that wait to be started.
const COMMANDS_MAX: usize = 1_024;

/// A client of a Fluence network: connected to one relay, running its own AquaVM.
///
/// Cheap to clone; clones share the connection, and the last one that is dropped closes it. When the relay is lost, the
/// client connects anew, to the next of its addresses if the first does not answer. Calls under way fail with
/// [`Error::ConnectionLost`]; calls made in the meantime wait, within their time to live. Dropping a call's future
/// cancels it on this side; what has travelled already takes effect.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    ttl: Duration,
}

struct Inner {
    peer_id: Arc<str>,
    key_pair: Arc<KeyPair>,
    commands: mpsc::Sender<Command>,
    services: Services,
    link: watch::Receiver<Link>,
    under_way: Arc<AtomicUsize>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("peer_id", &self.inner.peer_id)
            .field("relay", &self.relay())
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// How a [`Client`] is set up.
#[derive(Default)]
pub struct Builder {
    relays: Vec<String>,
    key_pair: Option<KeyPair>,
    ttl: Option<Duration>,
    limits: Option<Limits>,
}

/// Keys are not shown.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("relays", &self.relays)
            .field("ttl", &self.ttl)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// An address of a relay: `/ip4/127.0.0.1/tcp/9990/p2p/12D3…`, with `/ws` or `/wss` for websockets. Several are
    /// tried in this order.
    #[must_use]
    pub fn relay(mut self, address: impl Into<String>) -> Self {
        self.relays.push(address.into());
        self
    }

    /// The client's key, which makes its peer id. Without it the client has a new key each time.
    #[must_use]
    pub fn key_pair(mut self, key_pair: KeyPair) -> Self {
        self.key_pair = Some(key_pair);
        self
    }

    /// How long each call may take, [`DEFAULT_TTL`] unless set; 1 s to 10 min.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How large particles may be that the client takes in.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Connects: to the first address that answers. If none does, the error says why for each.
    pub async fn connect(self) -> Result<Client, Error> {
        let relays = self
            .relays
            .iter()
            .map(|address| address.parse())
            .collect::<Result<Vec<RelayAddress>, _>>()?;
        if relays.is_empty() {
            return Err(Error::argument(
                "the list of relays",
                "[]",
                "is empty: pass the address of at least one",
            ));
        }
        let key_pair = self.key_pair.unwrap_or_else(KeyPair::generate_ed25519);
        if key_pair.key_format() != KeyFormat::Ed25519 {
            return Err(Error::argument(
                "a key pair of format",
                key_pair.key_format() as u8,
                "cannot be used: pass an ed25519 one",
            ));
        }
        let ttl = checked_ttl(self.ttl.unwrap_or(DEFAULT_TTL))?;
        let avm = Avm::shared().await?;
        let transport = transport::start(&key_pair, relays, self.limits.unwrap_or_default())?;
        let key_pair = Arc::new(key_pair);
        let services = Services::default();
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let (link, under_way) = engine::start(key_pair.clone(), avm, services.clone(), transport, receiver);
        let client = Client {
            inner: Arc::new(Inner {
                peer_id: key_pair.get_peer_id().to_base58().into(),
                key_pair,
                commands,
                services,
                link,
                under_way,
            }),
            ttl,
        };
        client.first_connection().await?;
        Ok(client)
    }
}

impl Client {
    /// Connects to a relay. For several addresses and other settings: [`Client::builder`].
    pub async fn connect(relay: impl Into<String>, key_pair: KeyPair) -> Result<Self, Error> {
        Self::builder().relay(relay).key_pair(key_pair).connect().await
    }

    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The client's own peer id.
    #[must_use]
    pub fn peer_id(&self) -> &str {
        &self.inner.peer_id
    }

    /// The client's key.
    #[must_use]
    pub fn key_pair(&self) -> &KeyPair {
        &self.inner.key_pair
    }

    /// The relay that the client is connected to now.
    #[must_use]
    pub fn relay(&self) -> Option<String> {
        match &*self.inner.link.borrow() {
            Link::Up { relay, .. } => Some(relay.to_string()),
            Link::Down(_) => None,
        }
    }

    /// How many particles the client works on: its own calls that have not ended, and what others have sent to its services
    /// and has not expired.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.inner.under_way.load(Ordering::Relaxed)
    }

    /// The same client with another time to live: the time that each of its calls may take; 1 s to 10 min.
    pub fn with_ttl(&self, ttl: Duration) -> Result<Self, Error> {
        Ok(Self {
            inner: self.inner.clone(),
            ttl: checked_ttl(ttl)?,
        })
    }

    /// The same client for the rest of a call, however short that is.
    pub(crate) fn within(&self, rest: Duration) -> Self {
        Self {
            inner: self.inner.clone(),
            ttl: rest,
        }
    }

    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Offers a service to others: whoever knows the client's peer id and relay calls it under this id. A service of the
    /// same id is replaced. Each call has until its particle expires; at most 256 run at a time. A handler that panics fails its
    /// call. One that holds the client keeps it connected until [`Client::stop_serving`].
    ///
    /// ```no_run
    /// # async fn offer(client: registry_client::Client) {
    /// use serde_json::json;
    ///
    /// client.serve("greeter", |call| async move {
    ///     match call.function.as_str() {
    ///         "greet" => Ok(json!(format!("Hello, {}!", call.arguments[0].as_str().unwrap_or("you")))),
    ///         other => Err(format!("there is no function `{other}`")),
    ///     }
    /// });
    /// # }
    /// ```
    pub fn serve<F, A>(&self, service_id: impl Into<String>, handler: F)
    where
        F: Fn(Call) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Value, String>> + Send + 'static,
    {
        self.inner.services.put(service_id.into(), handler);
    }

    /// Offers the service no longer. Says whether it did.
    pub fn stop_serving(&self, service_id: &str) -> bool {
        self.inner.services.remove(service_id)
    }

    /// Runs a script in AIR. `data` is what its calls of `getDataSrv` get, beside `-relay-`; the result is what it hands
    /// to `callbackSrv.response`, and the error what it hands to `errorHandlingSrv.error`: what Aqua compiles to.
    pub async fn run_air(&self, air: impl Into<Arc<str>>, data: BTreeMap<String, Value>) -> Result<Vec<Value>, Error> {
        self.run(air.into(), data, self.ttl).await
    }

    pub(crate) async fn call<const N: usize>(&self, function: &Function, values: [Value; N]) -> Outcome {
        self.run(function.air.into(), function.data(values), self.ttl).await
    }

    pub(crate) async fn run(&self, air: Arc<str>, data: BTreeMap<String, Value>, ttl: Duration) -> Outcome {
        let begun = Instant::now();
        self.connected_within(ttl).await?;
        // In whole milliseconds, as particles have it: who has not waited loses none.
        let waited_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let ttl = ttl.saturating_sub(Duration::from_millis(waited_ms));
        let id: Arc<str> = format!("{:032x}", rand::random::<u128>()).into();
        let (outcome, result) = oneshot::channel();
        let script = Script { air, data, ttl };
        let start = Command::Start {
            id: id.clone(),
            script,
            outcome,
        };
        self.inner.commands.send(start).await.map_err(|_| Error::Closed)?;
        let _cancel = CancelOnDrop {
            id,
            commands: self.inner.commands.clone(),
        };
        result.await.unwrap_or(Err(Error::Closed))
    }

    pub(crate) fn link(&self) -> watch::Receiver<Link> {
        self.inner.link.clone()
    }

    /// Waits for a connection. The error says what each address said the last time.
    async fn connected_within(&self, limit: Duration) -> Result<(), Error> {
        let mut link = self.inner.link.clone();
        let up = link.wait_for(|link| matches!(link, Link::Up { .. }));
        match tokio::time::timeout(limit, up).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(_)) => return Err(Error::Closed),
            Err(_) => {}
        }
        let failures = match &*self.inner.link.borrow() {
            Link::Down(failures) => failures.clone(),
            Link::Up { .. } => return Ok(()),
        };
        Err(Error::NotConnected(failures))
    }

    /// Waits until the first round of addresses has been tried.
    async fn first_connection(&self) -> Result<(), Error> {
        let mut link = self.inner.link.clone();
        let tried = link.wait_for(|link| !matches!(link, Link::Down(failures) if failures.is_empty()));
        match tried.await.map(|link| link.clone()) {
            Ok(Link::Up { .. }) => Ok(()),
            Ok(Link::Down(failures)) => Err(Error::NotConnected(failures)),
            Err(_) => Err(Error::Closed),
        }
    }
}

/// Tells the engine that nobody waits for a call.
struct CancelOnDrop {
    id: Arc<str>,
    commands: mpsc::Sender<Command>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        // Where there is no room, the call is forgotten when its time to live is over.
        let _ = self.commands.try_send(Command::Cancel(self.id.clone()));
    }
}

fn checked_ttl(ttl: Duration) -> Result<Duration, Error> {
    if (TTL_MIN..=TTL_MAX).contains(&ttl) {
        return Ok(ttl);
    }
    Err(Error::argument(
        "the time to live",
        format!("{ttl:?}"),
        "is outside 1 s to 10 min",
    ))
}
