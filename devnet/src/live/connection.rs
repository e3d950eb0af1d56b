//! One connection with a client: frames in, frames out, within limits.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::io::{AsyncReadExt, AsyncWriteExt, Cursor};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use libp2p_core::upgrade::ReadyUpgrade;
use libp2p_identity::PeerId;
use libp2p_swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p_swarm::{ConnectionHandler, ConnectionHandlerEvent, Stream, StreamProtocol, SubstreamProtocol};
use particle::{read_particle, write_particle, Particle};
use tokio::sync::{mpsc, Semaphore};
use tokio::time::timeout;

use super::engine::{Input, Outlet};
use super::limits::{FRAME, FRAME_TIME_MAX, OUTBOX_MAX, STREAMS_MAX, STREAM_IDLE_MAX, UNDER_WAY_PER_CONNECTION};
use crate::outside::Entry;
use crate::PeerIndex;

pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new(particle::PROTOCOL);

/// What all connections of one node share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) node: PeerIndex,
    pub(super) engine: mpsc::Sender<Input>,
    /// Permits to wait for the engine, of all nodes together.
    pub(super) under_way: Arc<Semaphore>,
    /// How many connections there have been, of all nodes together: a connection's number.
    pub(super) connections: Arc<AtomicU64>,
}

/// Why a client is cut off.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Offence {
    #[error("a frame that is no particle: {0}")]
    Frame(String),
    #[error("a frame was not whole after {} s", FRAME_TIME_MAX.as_secs())]
    SlowToSend,
    #[error("a frame was not taken within {} s", FRAME_TIME_MAX.as_secs())]
    SlowToTake,
    #[error("more than {STREAMS_MAX} streams at a time")]
    Streams,
    #[error("it does not take particles")]
    Protocol,
    /// The engine gave it up, and has told why.
    #[error("it was given up")]
    GivenUp,
}

pub(super) struct Connection {
    context: Arc<Received>,
    /// Tells the engine of this connection, before anything else.
    announcing: Option<BoxFuture<'static, ()>>,
    incoming: FuturesUnordered<BoxFuture<'static, Result<(), Offence>>>,
    /// What the engine sends to the client.
    outbox: mpsc::Receiver<Particle>,
    outgoing: FuturesUnordered<BoxFuture<'static, Result<(), Offence>>>,
    /// Streams that have been asked for.
    opening: usize,
    offence: Option<Offence>,
    /// The offence has been reported; nothing more is done until the connection is closed.
    over: bool,
    to_open: VecDeque<Particle>,
}

/// What the streams of a connection need to know of it.
struct Received {
    shared: Shared,
    peer_id: Arc<str>,
    number: u64,
    permits: Arc<Semaphore>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer_id", &self.context.peer_id)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(shared: Shared, peer: PeerId) -> Self {
        let (sender, outbox) = mpsc::channel(OUTBOX_MAX);
        let peer_id: Arc<str> = peer.to_base58().into();
        let number = shared.connections.fetch_add(1, Ordering::Relaxed);
        let announcement = Input::Connected {
            node: shared.node,
            peer_id: peer_id.clone(),
            outlet: Outlet { number, sender },
        };
        let engine = shared.engine.clone();
        let announcing = async move {
            // Without an engine there is nobody left to tell.
            let _ = engine.send(announcement).await;
        };
        Self {
            context: Arc::new(Received {
                shared,
                peer_id,
                number,
                permits: Arc::new(Semaphore::new(UNDER_WAY_PER_CONNECTION)),
            }),
            announcing: Some(announcing.boxed()),
            incoming: FuturesUnordered::new(),
            outbox,
            outgoing: FuturesUnordered::new(),
            opening: 0,
            offence: None,
            over: false,
            to_open: VecDeque::new(),
        }
    }

    fn offend(&mut self, offence: Offence) {
        self.offence.get_or_insert(offence);
    }

    /// Has streams opened for what waits in the outbox, as far as there is room.
    fn poll_outbox(&mut self, cx: &mut Context<'_>) {
        while self.opening + self.outgoing.len() + self.to_open.len() < STREAMS_MAX {
            match self.outbox.poll_recv(cx) {
                Poll::Ready(Some(particle)) => self.to_open.push_back(particle),
                Poll::Ready(None) => return self.offend(Offence::GivenUp),
                Poll::Pending => return,
            }
        }
    }
}

impl ConnectionHandler for Connection {
    type FromBehaviour = std::convert::Infallible;
    type ToBehaviour = Offence;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Particle;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, ()> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    /// A client that provides may be silent for hours.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>> {
        if self.over {
            return Poll::Pending;
        }
        if let Some(announcing) = &mut self.announcing {
            if announcing.poll_unpin(cx).is_pending() {
                return Poll::Pending;
            }
            self.announcing = None;
        }
        while let Poll::Ready(Some(outcome)) = self.incoming.poll_next_unpin(cx) {
            if let Err(offence) = outcome {
                self.offend(offence);
            }
        }
        while let Poll::Ready(Some(outcome)) = self.outgoing.poll_next_unpin(cx) {
            if let Err(offence) = outcome {
                self.offend(offence);
            }
        }
        self.poll_outbox(cx);
        if let Some(offence) = self.offence.take() {
            self.over = true;
            self.incoming.clear();
            self.outgoing.clear();
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(offence));
        }
        if let Some(particle) = self.to_open.pop_front() {
            self.opening += 1;
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), particle).with_timeout(FRAME_TIME_MAX),
            });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<Self::InboundProtocol, Self::OutboundProtocol, (), Self::OutboundOpenInfo>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: stream, .. }) => {
                if self.incoming.len() >= STREAMS_MAX {
                    return self.offend(Offence::Streams);
                }
                self.incoming.push(receive(stream, self.context.clone()).boxed());
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                self.opening = self.opening.saturating_sub(1);
                self.outgoing.push(send(protocol, info).boxed());
            }
            ConnectionEvent::DialUpgradeError(_) => {
                self.opening = self.opening.saturating_sub(1);
                self.offend(Offence::Protocol);
            }
            _ => {}
        }
    }
}

/// Takes in what comes on a stream, one particle after the other.
async fn receive(mut stream: Stream, context: Arc<Received>) -> Result<(), Offence> {
    loop {
        // A stream that waits for its next frame holds no permit.
        let mut first = [0u8];
        match timeout(STREAM_IDLE_MAX, stream.read(&mut first)).await {
            Ok(Ok(1)) => {}
            // Its end, a broken connection, or nothing for too long.
            _ => return Ok(()),
        }
        let Ok(own) = context.permits.clone().acquire_owned().await else {
            return Ok(());
        };
        let mut frame = Cursor::new(first).chain(&mut stream);
        let particle = match timeout(FRAME_TIME_MAX, read_particle(&mut frame, &FRAME)).await {
            Ok(Ok(Some(particle))) => particle,
            Ok(Ok(None)) | Ok(Err(particle::ReadError::Io(_))) => return Ok(()),
            Ok(Err(error)) => return Err(Offence::Frame(error.to_string())),
            Err(_) => return Err(Offence::SlowToSend),
        };
        let shared = &context.shared;
        let Ok(turn) = shared.under_way.clone().acquire_owned().await else {
            return Ok(());
        };
        let (node, peer_id) = (shared.node, context.peer_id.clone());
        let input = match particle.verify() {
            Ok(()) => Input::Particle {
                node,
                entry: Entry {
                    from: peer_id,
                    connection: context.number,
                    particle,
                    permit: Box::new((own, turn)),
                },
            },
            Err(error) => Input::Refused {
                node,
                peer_id,
                why: error.to_string(),
            },
        };
        if shared.engine.send(input).await.is_err() {
            return Ok(());
        }
    }
}

/// Sends a particle on a stream of its own.
async fn send(mut stream: Stream, particle: Particle) -> Result<(), Offence> {
    let sending = async {
        write_particle(&mut stream, &particle).await?;
        stream.close().await
    };
    match timeout(FRAME_TIME_MAX, sending).await {
        // A broken stream is noticed elsewhere.
        Ok(_) => Ok(()),
        Err(_) => Err(Offence::SlowToTake),
    }
}
