//! What one particle cost, in all and peer by peer.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::particle::{wire_len, Particle};
use crate::peer::PeerIndex;

/// What one particle did from its start to the moment of asking.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParticleStats {
    /// The peer that started it.
    pub initiator: PeerIndex,
    /// Virtual time from start to result.
    #[serde(rename = "latency_ms", serialize_with = "as_ms")]
    pub latency: Duration,
    /// Messages sent from peer to peer.
    pub hops: u64,
    /// Bytes of all messages together: data, script and what identifies a particle.
    pub bytes: u64,
    /// Bytes of AquaVM's data alone.
    pub data_bytes: u64,
    /// Messages that did not arrive.
    pub lost: u64,
    pub avm_calls: u64,
    /// Real time spent in AquaVM.
    #[serde(rename = "avm_ms", serialize_with = "as_ms")]
    pub avm_time: Duration,
    pub service_calls: u64,
    /// Real time spent in services.
    #[serde(rename = "service_ms", serialize_with = "as_ms")]
    pub service_time: Duration,
    /// The same by peer: everyone who was asked.
    pub peers: BTreeMap<PeerIndex, PeerStats>,
}

/// One peer's part in a particle.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PeerStats {
    /// When the particle was first sent to it, after the particle's start; `None` for the initiator.
    #[serde(rename = "asked_ms", serialize_with = "as_ms_opt")]
    pub asked: Option<Duration>,
    /// When it first sent the particle on, after the particle's start; `None` if it never did.
    #[serde(rename = "answered_ms", serialize_with = "as_ms_opt")]
    pub answered: Option<Duration>,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub avm_calls: u64,
    #[serde(rename = "avm_ms", serialize_with = "as_ms")]
    pub avm_time: Duration,
    #[serde(rename = "service_ms", serialize_with = "as_ms")]
    pub service_time: Duration,
    /// How often each `service.function` was called.
    pub calls: BTreeMap<String, u64>,
    /// AquaVM's errors and refused particles on this peer.
    pub errors: Vec<String>,
}

/// Errors kept per peer and particle.
const ERRORS_MAX: usize = 16;

impl ParticleStats {
    pub(crate) fn new(initiator: PeerIndex) -> Self {
        Self {
            initiator,
            latency: Duration::ZERO,
            hops: 0,
            bytes: 0,
            data_bytes: 0,
            lost: 0,
            avm_calls: 0,
            avm_time: Duration::ZERO,
            service_calls: 0,
            service_time: Duration::ZERO,
            peers: BTreeMap::new(),
        }
    }

    pub(crate) fn peer(&mut self, peer: PeerIndex) -> &mut PeerStats {
        self.peers.entry(peer).or_default()
    }

    pub(crate) fn sent(&mut self, from: PeerIndex, to: PeerIndex, particle: &Particle, after: Duration) {
        let bytes = wire_len(particle) as u64;
        self.data_bytes += particle.data.len() as u64;
        self.hops += 1;
        self.bytes += bytes;
        let sender = self.peer(from);
        sender.bytes_out += bytes;
        sender.answered.get_or_insert(after);
        if to != self.initiator {
            self.peer(to).asked.get_or_insert(after);
        }
    }

    /// It was sent to a peer outside of this process.
    pub(crate) fn left(&mut self, from: PeerIndex, particle: &Particle, after: Duration) {
        let bytes = wire_len(particle) as u64;
        self.data_bytes += particle.data.len() as u64;
        self.hops += 1;
        self.bytes += bytes;
        let sender = self.peer(from);
        sender.bytes_out += bytes;
        sender.answered.get_or_insert(after);
    }

    pub(crate) fn ran(&mut self, peer: PeerIndex, time: Duration) {
        self.avm_calls += 1;
        self.avm_time += time;
        let peer = self.peer(peer);
        peer.avm_calls += 1;
        peer.avm_time += time;
    }

    pub(crate) fn called(&mut self, peer: PeerIndex, name: String, time: Duration) {
        self.service_calls += 1;
        self.service_time += time;
        let peer = self.peer(peer);
        peer.service_time += time;
        *peer.calls.entry(name).or_default() += 1;
    }

    pub(crate) fn error(&mut self, peer: PeerIndex, message: String) {
        let errors = &mut self.peer(peer).errors;
        if errors.len() < ERRORS_MAX {
            errors.push(message);
        }
    }

    /// All errors, each with its peer.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        let of_peer = |(peer, stats): (&PeerIndex, &PeerStats)| {
            let with_peer = |error: &String| format!("{peer}: {error}");
            stats.errors.iter().map(with_peer).collect::<Vec<_>>()
        };
        self.peers.iter().flat_map(of_peer).collect()
    }

    /// Peers that were sent the particle.
    pub fn asked(&self) -> impl Iterator<Item = PeerIndex> + '_ {
        self.peers.iter().filter_map(|(peer, stats)| stats.asked.map(|_| *peer))
    }

    /// Peers that were sent the particle and sent it on.
    pub fn answered(&self) -> impl Iterator<Item = PeerIndex> + '_ {
        self.peers
            .iter()
            .filter_map(|(peer, stats)| stats.asked.and(stats.answered).map(|_| *peer))
    }

    /// How often `service.function` was called, on all peers together.
    #[must_use]
    pub fn calls_of(&self, service: &str, function: &str) -> u64 {
        let name = format!("{service}.{function}");
        let of_peer = |stats: &PeerStats| stats.calls.get(&name).copied().unwrap_or(0);
        self.peers.values().map(of_peer).sum()
    }
}

fn as_ms<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64() * 1000.0)
}

fn as_ms_opt<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_ms(time, serializer),
        None => serializer.serialize_none(),
    }
}
