//! The particle protocol as libp2p takes it: a [`Connection`] with each client, closed when the client offends.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use libp2p_core::transport::PortUse;
use libp2p_core::{Endpoint, Multiaddr};
use libp2p_identity::PeerId;
use libp2p_swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};

use super::connection::{Connection, Offence, Shared};

/// A client that was cut off, and why.
#[derive(Debug)]
pub(super) struct CutOff {
    pub(super) peer: PeerId,
    pub(super) offence: Offence,
}

pub(super) struct Particles {
    shared: Shared,
    events: VecDeque<ToSwarm<CutOff, std::convert::Infallible>>,
}

impl Particles {
    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared,
            events: VecDeque::new(),
        }
    }
}

impl NetworkBehaviour for Particles {
    type ConnectionHandler = Connection;
    type ToSwarm = CutOff;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Connection::new(self.shared.clone(), peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Connection::new(self.shared.clone(), peer))
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, offence: THandlerOutEvent<Self>) {
        self.events.push_back(ToSwarm::CloseConnection {
            peer_id: peer,
            connection: CloseConnection::One(id),
        });
        self.events.push_back(ToSwarm::GenerateEvent(CutOff { peer, offence }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.events.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
