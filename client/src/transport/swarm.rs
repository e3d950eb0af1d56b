//! The swarm: what real peers of a Fluence network speak below particles.

use std::time::Duration;

use libp2p_core::muxing::StreamMuxerBox;
use libp2p_core::transport::{Boxed, Transport};
use libp2p_core::upgrade::Version;
use libp2p_identity::{Keypair, PeerId};
use libp2p_swarm::{DialError, NetworkBehaviour, Swarm};

use super::behaviour::Particles;
use crate::error::Error;

/// For the transport's part of a connection: noise and yamux.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The relay decides when it is enough; pings say whether it is there.
const IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 3_600);
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p_swarm::derive_prelude")]
pub(super) struct Behaviour {
    pub(super) particles: Particles,
    pub(super) identify: libp2p_identify::Behaviour,
    pub(super) ping: libp2p_ping::Behaviour,
}

pub(super) fn build(key_pair: &fluence_keypair::KeyPair) -> Result<Swarm<Behaviour>, Error> {
    let keys = Keypair::from(key_pair.clone());
    let peer_id = keys.public().to_peer_id();
    let identify = libp2p_identify::Config::new("/fluence/1.0.0".to_owned(), keys.public())
        .with_agent_version(concat!("registry-client/", env!("CARGO_PKG_VERSION")).to_owned());
    let ping = libp2p_ping::Config::new()
        .with_interval(PING_INTERVAL)
        .with_timeout(PING_TIMEOUT);
    let behaviour = Behaviour {
        particles: Particles::default(),
        identify: libp2p_identify::Behaviour::new(identify),
        ping: libp2p_ping::Behaviour::new(ping),
    };
    let config = libp2p_swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE_TIMEOUT);
    Ok(Swarm::new(transport(&keys)?, behaviour, peer_id, config))
}

/// TCP and websockets, by name and by number; noise; yamux.
fn transport(keys: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, Error> {
    let network = |error: &dyn std::fmt::Display| Error::Network(error.to_string());
    let by_name = || {
        let tcp = libp2p_tcp::tokio::Transport::new(libp2p_tcp::Config::default().nodelay(true));
        libp2p_dns::tokio::Transport::system(tcp).map_err(|e| network(&e))
    };
    let noise = libp2p_noise::Config::new(keys).map_err(|e| network(&e))?;
    let websocket = libp2p_websocket::Config::new(by_name()?);
    Ok(websocket
        .or_transport(by_name()?)
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(libp2p_yamux::Config::default())
        .timeout(HANDSHAKE_TIMEOUT)
        .boxed())
}

/// Why an address does not answer, without libp2p's own nesting.
pub(super) fn dial_error(error: &DialError) -> String {
    match error {
        DialError::WrongPeerId { obtained, .. } => {
            format!("the node there is {obtained}: correct the end of the address")
        }
        DialError::Transport(failures) => {
            let mut reasons: Vec<String> = failures.iter().map(|(_, error)| innermost(error)).collect();
            reasons.dedup();
            reasons.join("; ")
        }
        error => error.to_string(),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
