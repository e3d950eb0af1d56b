//! The connection to a relay: made, kept, and made anew.

mod address;
mod behaviour;
mod swarm;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use libp2p_identity::PeerId;
use libp2p_swarm::dial_opts::DialOpts;
use libp2p_swarm::{Stream, Swarm, SwarmEvent};
use particle::{Limits, Particle};
use rand::Rng;
use tokio::sync::{mpsc, watch, Semaphore};
use tokio::time::{timeout, Instant};

pub(crate) use address::RelayAddress;
use behaviour::Event;
use swarm::{Behaviour, BehaviourEvent};

use crate::error::{AddressFailure, Error};

/// How long one address has to answer.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// The rest after a round of addresses of which none answered: doubled each time.
const REST_MIN: Duration = Duration::from_millis(100);
const REST_MAX: Duration = Duration::from_secs(10);
/// A relay that leaves so many pings in a row unanswered is gone.
const SILENT_PINGS_MAX: u32 = 2;
/// Substreams that are read at a time; the rest are refused.
const READ_AT_ONCE_MAX: usize = 128;
/// How long a peer has to send what it opened a substream for.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Particles that wait to be sent or handled.
pub(crate) const QUEUE_LEN: usize = 1_024;

/// How the connection stands.
#[derive(Debug, Clone)]
pub(crate) enum Link {
    /// No relay yet, or no longer; what each address said the last time.
    Down(Vec<AddressFailure>),
    /// Connected. The number counts connections.
    Up { relay: Arc<str>, connection: u64 },
}

pub(crate) struct Transport {
    pub(crate) outgoing: mpsc::Sender<Particle>,
    pub(crate) incoming: mpsc::Receiver<Particle>,
    pub(crate) link: watch::Receiver<Link>,
}

/// Starts to connect, and goes on for as long as the transport is there.
pub(crate) fn start(
    key_pair: &fluence_keypair::KeyPair,
    relays: Vec<RelayAddress>,
    limits: Limits,
) -> Result<Transport, Error> {
    let swarm = swarm::build(key_pair)?;
    let (outgoing, to_send) = mpsc::channel(QUEUE_LEN);
    let (received, incoming) = mpsc::channel(QUEUE_LEN);
    let (link, link_receiver) = watch::channel(Link::Down(Vec::new()));
    let worker = Worker {
        swarm,
        relays,
        next: 0,
        connections: 0,
        to_send,
        received,
        link,
        limits,
        readers: Arc::new(Semaphore::new(READ_AT_ONCE_MAX)),
    };
    tokio::spawn(worker.run());
    Ok(Transport {
        outgoing,
        incoming,
        link: link_receiver,
    })
}

struct Worker {
    swarm: Swarm<Behaviour>,
    relays: Vec<RelayAddress>,
    /// The address to begin with.
    next: usize,
    connections: u64,
    to_send: mpsc::Receiver<Particle>,
    received: mpsc::Sender<Particle>,
    link: watch::Sender<Link>,
    limits: Limits,
    readers: Arc<Semaphore>,
}

impl Worker {
    async fn run(mut self) {
        let mut rest = REST_MIN;
        while !self.received.is_closed() {
            match self.connect().await {
                Ok(relay) => {
                    let since = Instant::now();
                    let why = self.stay(relay).await;
                    tracing::info!(%relay, why, "the connection to the relay is lost");
                    let _ = self.swarm.disconnect_peer_id(relay);
                    // A relay that hangs up at once is as good as one that does not answer.
                    if since.elapsed() > REST_MAX {
                        rest = REST_MIN;
                    }
                    let address = self.relays[self.next].to_string();
                    self.link
                        .send_replace(Link::Down(vec![AddressFailure { address, reason: why }]));
                }
                Err(failures) => {
                    self.link.send_replace(Link::Down(failures));
                }
            }
            tokio::select! {
                () = tokio::time::sleep(rest.mul_f64(rand::thread_rng().gen_range(0.5..1.0))) => {}
                () = self.received.closed() => return,
            }
            rest = (rest * 2).min(REST_MAX);
        }
    }

    /// Connects to the first address that answers, beginning with the one that answered last.
    async fn connect(&mut self) -> Result<PeerId, Vec<AddressFailure>> {
        let mut failures = Vec::new();
        for _ in 0..self.relays.len() {
            let address = self.relays[self.next].clone();
            match self.dial(&address).await {
                Ok(()) => {
                    self.connections += 1;
                    self.link.send_replace(Link::Up {
                        relay: address.peer_id.to_base58().into(),
                        connection: self.connections,
                    });
                    tracing::info!(%address, "connected");
                    return Ok(address.peer_id);
                }
                Err(reason) => {
                    tracing::debug!(%address, reason, "no connection");
                    failures.push(AddressFailure {
                        address: address.to_string(),
                        reason,
                    });
                }
            }
            self.next = (self.next + 1) % self.relays.len();
        }
        Err(failures)
    }

    async fn dial(&mut self, address: &RelayAddress) -> Result<(), String> {
        let options = DialOpts::peer_id(address.peer_id)
            .addresses(vec![address.multiaddr.clone()])
            .build();
        // What comes of an earlier attempt, which took too long, is not meant.
        let attempt = options.connection_id();
        self.swarm.dial(options).map_err(|error| error.to_string())?;
        let peer_id = address.peer_id;
        let answer = timeout(DIAL_TIMEOUT, async {
            loop {
                match self.swarm.select_next_some().await {
                    SwarmEvent::ConnectionEstablished { connection_id, .. } if connection_id == attempt => {
                        return Ok(())
                    }
                    SwarmEvent::OutgoingConnectionError {
                        connection_id, error, ..
                    } if connection_id == attempt => {
                        return Err(swarm::dial_error(&error));
                    }
                    _ => {}
                }
            }
        });
        let no_answer = || format!("no answer within {} s", DIAL_TIMEOUT.as_secs());
        let outcome = answer.await.unwrap_or_else(|_| Err(no_answer()));
        if outcome.is_err() {
            let _ = self.swarm.disconnect_peer_id(peer_id);
        }
        outcome
    }

    /// Sends and receives until the connection is lost. Says why.
    async fn stay(&mut self, relay: PeerId) -> String {
        let mut silent_pings = 0;
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => match event {
                    SwarmEvent::Behaviour(BehaviourEvent::Particles(Event::Opened(peer, stream))) => {
                        self.read(peer, stream);
                    }
                    SwarmEvent::Behaviour(BehaviourEvent::Particles(Event::Failed(reason))) => return reason,
                    SwarmEvent::Behaviour(BehaviourEvent::Ping(ping)) => match ping.result {
                        Ok(_) => silent_pings = 0,
                        Err(error) => {
                            silent_pings += 1;
                            if silent_pings >= SILENT_PINGS_MAX {
                                return format!("{silent_pings} pings without an answer: {error}");
                            }
                        }
                    },
                    SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } if peer_id == relay => {
                        return cause.map_or_else(|| "the relay closed it".to_owned(), |error| error.to_string());
                    }
                    _ => {}
                },
                particle = self.to_send.recv() => match particle {
                    Some(particle) => self.swarm.behaviour_mut().particles.send(relay, particle),
                    None => return "the client is closed".to_owned(),
                },
                () = self.received.closed() => return "the client is closed".to_owned(),
            }
        }
    }

    /// Reads particles from a substream, beside everything else.
    fn read(&self, peer: PeerId, mut stream: Stream) {
        let Ok(permit) = self.readers.clone().try_acquire_owned() else {
            tracing::warn!(%peer, "more than {READ_AT_ONCE_MAX} substreams at once: one is refused");
            return;
        };
        let (received, limits) = (self.received.clone(), self.limits);
        tokio::spawn(async move {
            let _permit = permit;
            loop {
                let particle = match timeout(READ_TIMEOUT, particle::read_particle(&mut stream, &limits)).await {
                    Ok(Ok(Some(particle))) => particle,
                    Ok(Ok(None)) | Err(_) => return,
                    Ok(Err(error)) => return tracing::warn!(%peer, %error, "a substream is dropped"),
                };
                if let Err(error) = particle.verify() {
                    return tracing::warn!(%peer, %error, "a particle is dropped");
                }
                if received.send(particle).await.is_err() {
                    return;
                }
            }
        });
    }
}
