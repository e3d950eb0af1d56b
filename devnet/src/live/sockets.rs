//! A node's sockets: one libp2p swarm that clients connect to.

use std::net::Ipv4Addr;

use futures_util::StreamExt;
use libp2p_connection_limits::ConnectionLimits;
use libp2p_core::multiaddr::Protocol;
use libp2p_core::Multiaddr;
use libp2p_identity::Keypair;
use libp2p_swarm::{NetworkBehaviour, Swarm, SwarmEvent};
use tokio::sync::oneshot;

use super::behaviour::{CutOff, Particles};
use super::connection::{Offence, Shared};
use super::engine::Input;
use super::limits::{CONNECTIONS_MAX, CONNECTIONS_PER_PEER_MAX, HANDSHAKES_MAX, PING_INTERVAL, PING_TIME_MAX};
use super::transport::transport;
use super::LiveError;

#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p_swarm::derive_prelude")]
struct Behaviour {
    limits: libp2p_connection_limits::Behaviour,
    identify: libp2p_identify::Behaviour,
    ping: libp2p_ping::Behaviour,
    particles: Particles,
}

/// Where a node listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) tcp: u16,
    pub(super) websocket: u16,
}

/// The sockets are closed when this is dropped.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) ports: Ports,
    _open: oneshot::Sender<()>,
}

/// Opens a node's sockets and answers on them.
pub(super) async fn open(key: Keypair, ports: Ports, shared: Shared) -> Result<Sockets, LiveError> {
    let mut swarm = swarm(key, shared.clone())?;
    let tcp = listen(&mut swarm, ports.tcp, false).await?;
    let websocket = listen(&mut swarm, ports.websocket, true).await?;
    let (open, closed) = oneshot::channel();
    tokio::spawn(async move {
        tokio::select! {
            () = answer(&mut swarm, &shared) => {}
            _ = closed => {}
        }
    });
    Ok(Sockets {
        ports: Ports { tcp, websocket },
        _open: open,
    })
}

fn swarm(key: Keypair, shared: Shared) -> Result<Swarm<Behaviour>, LiveError> {
    let failed = |error: libp2p_noise::Error| LiveError::Listen {
        port: 0,
        reason: error.to_string(),
    };
    let transport = transport(&key).map_err(failed)?;
    let peer_id = key.public().to_peer_id();
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(HANDSHAKES_MAX))
        .with_max_established_incoming(Some(CONNECTIONS_MAX))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX));
    let identify = libp2p_identify::Config::new("/fluence/1.0.0".to_owned(), key.public())
        .with_agent_version(concat!("devnet/", env!("CARGO_PKG_VERSION")).to_owned());
    let ping = libp2p_ping::Config::new()
        .with_interval(PING_INTERVAL)
        .with_timeout(PING_TIME_MAX);
    let behaviour = Behaviour {
        limits: libp2p_connection_limits::Behaviour::new(limits),
        identify: libp2p_identify::Behaviour::new(identify),
        ping: libp2p_ping::Behaviour::new(ping),
        particles: Particles::new(shared),
    };
    // Connections stay as long as the handler of particles wants them; pings find those that are dead.
    let config = libp2p_swarm::Config::with_tokio_executor();
    Ok(Swarm::new(transport, behaviour, peer_id, config))
}

/// Listens on a port, any if it is 0, and returns the one it is.
async fn listen(swarm: &mut Swarm<Behaviour>, port: u16, websocket: bool) -> Result<u16, LiveError> {
    let failed = |reason: String| LiveError::Listen { port, reason };
    let id = swarm
        .listen_on(address(port, websocket))
        .map_err(|error| failed(error.to_string()))?;
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { listener_id, address } if listener_id == id => {
                let port = address.iter().find_map(|part| match part {
                    Protocol::Tcp(port) => Some(port),
                    _ => None,
                });
                return port.ok_or_else(|| failed(format!("{address} has no port")));
            }
            SwarmEvent::ListenerClosed {
                listener_id, reason, ..
            } if listener_id == id => {
                return Err(failed(format!("{reason:?}")));
            }
            SwarmEvent::ListenerError { listener_id, error } if listener_id == id => {
                return Err(failed(error.to_string()));
            }
            _ => {}
        }
    }
}

pub(super) fn address(port: u16, websocket: bool) -> Multiaddr {
    let address = Multiaddr::from(Ipv4Addr::LOCALHOST).with(Protocol::Tcp(port));
    if websocket {
        address.with(Protocol::Ws("/".into()))
    } else {
        address
    }
}

async fn answer(swarm: &mut Swarm<Behaviour>, shared: &Shared) {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::Behaviour(BehaviourEvent::Particles(CutOff {
                offence: Offence::GivenUp,
                ..
            })) => {}
            SwarmEvent::Behaviour(BehaviourEvent::Particles(CutOff { peer, offence })) => {
                let input = Input::CutOff {
                    node: shared.node,
                    peer_id: peer.to_base58().into(),
                    why: offence.to_string(),
                };
                if shared.engine.send(input).await.is_err() {
                    return;
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping)) if is_dead(&ping) => {
                swarm.close_connection(ping.connection);
            }
            _ => {}
        }
    }
}

/// A client that does not know pings may live all the same.
fn is_dead(ping: &libp2p_ping::Event) -> bool {
    matches!(&ping.result, Err(failure) if !matches!(failure, libp2p_ping::Failure::Unsupported))
}
