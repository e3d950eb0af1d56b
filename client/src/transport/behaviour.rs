//! The libp2p protocol of particles, as a network behaviour: a substream for each particle that is sent, and substreams
//! to read from.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{AsyncWriteExt, FutureExt};
use libp2p_core::transport::PortUse;
use libp2p_core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p_core::{Endpoint, Multiaddr};
use libp2p_identity::PeerId;
use libp2p_swarm::behaviour::FromSwarm;
use libp2p_swarm::{
    ConnectionDenied, ConnectionId, NetworkBehaviour, NotifyHandler, OneShotHandler, OneShotHandlerConfig, Stream,
    StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use particle::Particle;

/// Substreams that are opened at a time. Others wait for them.
const OPENED_AT_ONCE_MAX: u32 = 256;
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// What happens on connections.
#[derive(Debug)]
pub(super) enum Event {
    /// A peer opened a substream: particles are to be read from it.
    Opened(PeerId, Stream),
    /// A particle could not be written.
    Failed(String),
}

#[derive(Default)]
pub(super) struct Particles {
    events: VecDeque<ToSwarm<Event, Sending>>,
}

impl Particles {
    /// Sends a particle to a connected peer.
    pub(super) fn send(&mut self, peer_id: PeerId, particle: Particle) {
        self.events.push_back(ToSwarm::NotifyHandler {
            peer_id,
            handler: NotifyHandler::Any,
            event: Sending(particle),
        });
    }
}

/// Takes a substream as it is.
#[derive(Debug, Clone)]
pub(super) struct Receiving;

/// Writes one particle and closes the substream.
#[derive(Debug)]
pub(super) struct Sending(Particle);

/// What became of a substream.
#[derive(Debug)]
pub(super) enum Substream {
    Opened(Stream),
    Written,
}

impl From<Stream> for Substream {
    fn from(stream: Stream) -> Self {
        Self::Opened(stream)
    }
}

impl From<()> for Substream {
    fn from((): ()) -> Self {
        Self::Written
    }
}

impl UpgradeInfo for Receiving {
    type Info = &'static str;
    type InfoIter = std::iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once(particle::PROTOCOL)
    }
}

impl InboundUpgrade<Stream> for Receiving {
    type Output = Stream;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Stream, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, _: Self::Info) -> Self::Future {
        std::future::ready(Ok(stream))
    }
}

impl UpgradeInfo for Sending {
    type Info = &'static str;
    type InfoIter = std::iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once(particle::PROTOCOL)
    }
}

impl OutboundUpgrade<Stream> for Sending {
    type Output = ();
    type Error = std::io::Error;
    type Future = BoxFuture<'static, std::io::Result<()>>;

    fn upgrade_outbound(self, mut stream: Stream, _: Self::Info) -> Self::Future {
        async move {
            particle::write_particle(&mut stream, &self.0).await?;
            stream.close().await
        }
        .boxed()
    }
}

impl NetworkBehaviour for Particles {
    type ConnectionHandler = OneShotHandler<Receiving, Sending, Substream>;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(handler())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        let event = match event {
            Ok(Substream::Opened(stream)) => Event::Opened(peer, stream),
            Ok(Substream::Written) => return,
            Err(StreamUpgradeError::NegotiationFailed) => {
                Event::Failed(format!("the peer does not speak {}", particle::PROTOCOL))
            }
            Err(error) => Event::Failed(error.to_string()),
        };
        self.events.push_back(ToSwarm::GenerateEvent(event));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.events.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

fn handler() -> OneShotHandler<Receiving, Sending, Substream> {
    let config = OneShotHandlerConfig {
        outbound_substream_timeout: WRITE_TIMEOUT,
        max_dial_negotiated: OPENED_AT_ONCE_MAX,
    };
    OneShotHandler::new(SubstreamProtocol::new(Receiving, ()), config)
}
