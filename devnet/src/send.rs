//! Sending particles from peer to peer.

use avm_server::avm_runner::RawAVMOutcome;

use crate::hostile::Sending;
use crate::link::Loss;
use crate::log::What;
use crate::network::Network;
use crate::particle::{wire_len, Particle};
use crate::peer::{Peer, PeerIndex};
use crate::queue::Event;

impl Network {
    /// Sends the particle with its new data to everyone AquaVM names. Their order in the outcome varies.
    pub(crate) fn send_on(&mut self, from: PeerIndex, header: &Particle, outcome: &RawAVMOutcome) {
        let mut next = outcome.next_peer_pks.clone();
        next.sort();
        next.dedup();
        for peer_id in next {
            let particle = Particle {
                data: outcome.data.clone(),
                ..header.clone()
            };
            self.send(from, &peer_id, particle);
        }
    }

    fn send(&mut self, from: PeerIndex, to: &str, mut particle: Particle) {
        let id = particle.id.clone();
        let sender = &mut self.peers[from.0];
        let sending = sender.hostile.as_mut().map(|hostile| hostile.sends(&mut particle));
        let times = match sending.unwrap_or(Sending::Send) {
            Sending::Send => 1,
            Sending::Repeat(times) => times,
            Sending::Swallow => {
                let (to, why) = (to.to_owned(), "its sender swallows it".to_owned());
                self.record(from, &id, What::Lost { to, why });
                self.count(&id, |stats, _| stats.lost += 1);
                return;
            }
        };
        for _ in 0..times {
            self.transmit(from, to, particle.clone());
        }
    }

    fn transmit(&mut self, from: PeerIndex, to: &str, particle: Particle) {
        let id = particle.id.clone();
        if self.peer_by_id(to).is_none() && self.leave(from, to, &particle) {
            return;
        }
        let sent = self.route(from, to).and_then(|to| {
            let latency = self.links.transmit(from, to, &mut self.rng);
            Ok((to, latency.map_err(|loss| describe(loss).to_owned())?))
        });
        match sent {
            Ok((to, latency)) => {
                let bytes = wire_len(&particle);
                self.record(from, &id, What::Sent { to, bytes });
                self.count(&id, |stats, after| stats.sent(from, to, &particle, after));
                let event = Event::Arrive { to, from, particle };
                self.queue.push(self.now + latency, event);
            }
            Err(why) => {
                let to = to.to_owned();
                self.record(from, &id, What::Lost { to, why });
                self.count(&id, |stats, _| stats.lost += 1);
            }
        }
    }

    /// Nodes reach all nodes and their own clients; a client reaches its relay.
    fn route(&self, from: PeerIndex, to: &str) -> Result<PeerIndex, String> {
        let to = self.peer_by_id(to).ok_or("no such peer")?;
        let reaches = |client: &Peer, other: PeerIndex| match client.relay() {
            Some(relay) => relay == other,
            None => true,
        };
        let (sender, receiver) = (&self.peers[from.0], &self.peers[to.0]);
        if reaches(sender, to) && reaches(receiver, from) {
            Ok(to)
        } else {
            Err("a client is reached through its relay only".to_owned())
        }
    }
}

fn describe(loss: Loss) -> &'static str {
    match loss {
        Loss::Partition => "the network is partitioned",
        Loss::Dropped => "the link dropped it",
    }
}
