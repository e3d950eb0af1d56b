//! One node: a registry over SQLite in memory, a key pair, a clock that is wrong, and calls as the scripts make them.

use registry_service::auth::Caller;
use registry_service::calls::{Call, CallError, Registry};
use registry_service::store::{NativeBackend, StoreError};
use registry_testkit::{Origins, Peer};

/// What the world's clock says at the start, in seconds since 1970.
pub const EPOCH_SEC: u64 = 1_700_000_000;

/// The calls of one node's registry.
pub type NodeCall<'r> = Call<'r, NativeBackend>;

#[derive(Debug)]
pub struct Node {
    pub peer: Peer,
    /// None once the node has gone for good.
    registry: Option<Registry<NativeBackend>>,
    clock_offset_sec: i64,
    pub up: bool,
    /// When it came up last.
    pub up_since_ms: u64,
    /// Its spell still runs.
    pub busy: bool,
    /// Resources for which it is the provider.
    pub hosts: Vec<usize>,
}

impl Node {
    /// # Errors
    /// [`StoreError`].
    pub fn new(peer: Peer, clock_offset_sec: i64) -> Result<Self, StoreError> {
        Ok(Self {
            clock_offset_sec,
            ..Self::at(peer, ":memory:")?
        })
    }

    /// A node with the right time and the database at `path`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn at(peer: Peer, path: &str) -> Result<Self, StoreError> {
        Ok(Self {
            peer,
            registry: Some(Registry::open(path)?),
            clock_offset_sec: 0,
            up: true,
            up_since_ms: 0,
            busy: false,
            hosts: Vec::new(),
        })
    }

    pub fn id(&self) -> &str {
        self.peer.id()
    }

    /// What `peer.timestamp_sec` says here.
    #[must_use]
    pub fn clock_sec(&self, now_ms: u64) -> u64 {
        (EPOCH_SEC + now_ms / 1_000).saturating_add_signed(self.clock_offset_sec)
    }

    /// It leaves for good, and its data with it.
    pub fn leave(&mut self) {
        self.up = false;
        self.registry = None;
    }

    pub fn registry(&self) -> Option<&Registry<NativeBackend>> {
        self.registry.as_ref()
    }

    pub fn registry_mut(&mut self) -> Option<&mut Registry<NativeBackend>> {
        self.registry.as_mut()
    }

    /// The origins of a call in a script of this node's own, with so many arguments.
    #[must_use]
    pub fn own(&self, arguments: usize) -> Origins {
        Origins::new(&self.peer, &self.peer, arguments)
    }

    /// The origins of a call in a script of somebody else's.
    #[must_use]
    pub fn from(&self, init_peer: &Peer, arguments: usize) -> Origins {
        Origins::new(&self.peer, init_peer, arguments)
    }

    /// One call of the service.
    ///
    /// # Errors
    /// [`CallError`]; also where the node is gone.
    pub fn call<T>(
        &mut self,
        origins: Origins,
        work: impl FnOnce(&mut NodeCall<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let Some(registry) = &mut self.registry else {
            return Err(StoreError::BadRow {
                why: "the node is gone",
            }
            .into());
        };
        registry.call(Caller::new(origins.build()), |mut call| work(&mut call))
    }

    /// The closest to a key among `peers`, as the service orders them.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn near(&mut self, key_id: &str, peers: Vec<String>) -> Result<Vec<String>, CallError> {
        let origins = self.own(2);
        self.call(origins, |call| Ok(call.get_neighbourhood(key_id, vec![peers])?))
    }
}
