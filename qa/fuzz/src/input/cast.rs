//! Who takes part: a few peers with every kind of key, always the same.

use std::sync::OnceLock;

use registry_testkit::{Peer, RsaKey};

/// Labels of the keys that there are.
pub const LABELS: [&str; 3] = ["resource", "another", ""];

/// The peers.
#[derive(Debug)]
pub struct Cast {
    /// The one that the service runs on comes first, the owner of most keys second.
    pub peers: Vec<Peer>,
}

impl Cast {
    pub fn host(&self) -> &Peer {
        &self.peers[0]
    }

    pub fn owner(&self) -> &Peer {
        &self.peers[1]
    }
}

/// The same for every execution: making the keys takes longer than a thousand executions.
pub fn cast() -> &'static Cast {
    static CAST: OnceLock<Cast> = OnceLock::new();
    CAST.get_or_init(|| Cast {
        peers: vec![
            Peer::named("host"),
            Peer::named("owner"),
            Peer::named("a client"),
            Peer::named("a provider"),
            Peer::named("another provider"),
            Peer::secp256k1("a client with secp256k1"),
            Peer::rsa(RsaKey::First),
            Peer::secp256k1("another with secp256k1"),
            Peer::rsa(RsaKey::Second),
        ],
    })
}
