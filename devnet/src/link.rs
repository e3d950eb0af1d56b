//! What lies between two peers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::Rng;

use crate::peer::PeerIndex;
use crate::time::VirtualTime;

/// The properties of the link between two peers, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    pub latency: Duration,
    /// Up to this much is added to each message's latency, evenly distributed.
    pub jitter: Duration,
    /// The share of messages that are lost, in `0.0..=1.0`.
    pub drop_rate: f64,
}

impl Link {
    #[must_use]
    pub fn with_latency(latency: Duration) -> Self {
        Self {
            latency,
            jitter: Duration::ZERO,
            drop_rate: 0.0,
        }
    }
}

/// Why a message does not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    Partition,
    Dropped,
}

/// All links: a default, exceptions by pair, peers that are slow as a whole, and a partition.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    pub(crate) default: Link,
    exceptions: BTreeMap<(PeerIndex, PeerIndex), Link>,
    slow: BTreeMap<PeerIndex, Duration>,
    /// Peers on one side; messages between the sides are lost.
    cut_off: BTreeSet<PeerIndex>,
    cut_off_at: VirtualTime,
}

impl Links {
    pub(crate) fn new(default: Link) -> Self {
        Self {
            default,
            exceptions: BTreeMap::new(),
            slow: BTreeMap::new(),
            cut_off: BTreeSet::new(),
            cut_off_at: VirtualTime::ZERO,
        }
    }

    pub(crate) fn set(&mut self, a: PeerIndex, b: PeerIndex, link: Link) {
        self.exceptions.insert(pair(a, b), link);
    }

    /// Adds `extra` to each message from or to the peer; zero makes it as fast as the others.
    pub(crate) fn set_slow(&mut self, peer: PeerIndex, extra: Duration) {
        if extra.is_zero() {
            self.slow.remove(&peer);
        } else {
            self.slow.insert(peer, extra);
        }
    }

    pub(crate) fn cut_off(&mut self, peers: impl IntoIterator<Item = PeerIndex>, now: VirtualTime) {
        self.cut_off = peers.into_iter().collect();
        self.cut_off_at = now;
    }

    /// Since when a partition lies between two peers.
    pub(crate) fn apart_since(&self, a: PeerIndex, b: PeerIndex) -> Option<VirtualTime> {
        (self.cut_off.contains(&a) != self.cut_off.contains(&b)).then_some(self.cut_off_at)
    }

    /// The latency of one message, or why it is lost. Draws from `rng` only where a link is not ideal.
    pub(crate) fn transmit(&self, from: PeerIndex, to: PeerIndex, rng: &mut StdRng) -> Result<Duration, Loss> {
        if self.apart_since(from, to).is_some() {
            return Err(Loss::Partition);
        }
        let link = self.exceptions.get(&pair(from, to)).unwrap_or(&self.default);
        if link.drop_rate > 0.0 && rng.gen_bool(link.drop_rate.min(1.0)) {
            return Err(Loss::Dropped);
        }
        let jitter_us = link.jitter.as_micros() as u64;
        let jitter = match jitter_us {
            0 => Duration::ZERO,
            most => Duration::from_micros(rng.gen_range(0..=most)),
        };
        let slow = |peer| self.slow.get(&peer).copied().unwrap_or_default();
        Ok(link.latency + jitter + slow(from) + slow(to))
    }
}

fn pair(a: PeerIndex, b: PeerIndex) -> (PeerIndex, PeerIndex) {
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const A: PeerIndex = PeerIndex(0);
    const B: PeerIndex = PeerIndex(1);
    const C: PeerIndex = PeerIndex(2);

    fn links() -> (Links, StdRng) {
        let link = Link::with_latency(Duration::from_millis(50));
        (Links::new(link), StdRng::seed_from_u64(1))
    }

    #[test]
    fn an_exception_holds_in_both_directions() {
        let (mut links, mut rng) = links();
        links.set(B, A, Link::with_latency(Duration::from_millis(7)));
        let ms = |n| Ok(Duration::from_millis(n));
        assert_eq!(links.transmit(A, B, &mut rng), ms(7));
        assert_eq!(links.transmit(B, A, &mut rng), ms(7));
        assert_eq!(links.transmit(A, C, &mut rng), ms(50));
    }

    #[test]
    fn a_slow_peer_is_slow_for_everybody() {
        let (mut links, mut rng) = links();
        links.set_slow(A, Duration::from_millis(100));
        assert_eq!(links.transmit(C, A, &mut rng), Ok(Duration::from_millis(150)));
        assert_eq!(links.transmit(C, B, &mut rng), Ok(Duration::from_millis(50)));
    }

    #[test]
    fn a_partition_leaves_each_side_whole() {
        let (mut links, mut rng) = links();
        links.cut_off([A, B], Duration::from_secs(3));
        assert!(links.transmit(A, B, &mut rng).is_ok());
        assert_eq!(links.apart_since(A, B), None);
        assert_eq!(links.transmit(A, C, &mut rng), Err(Loss::Partition));
        assert_eq!(links.apart_since(C, A), Some(Duration::from_secs(3)));
        assert_eq!(links.transmit(C, B, &mut rng), Err(Loss::Partition));
        links.cut_off([], Duration::from_secs(4));
        assert!(links.transmit(C, B, &mut rng).is_ok());
    }

    #[test]
    fn messages_are_lost_at_about_the_drop_rate() {
        let (mut links, mut rng) = links();
        links.default.drop_rate = 0.25;
        let lost = (0..1000).filter(|_| links.transmit(A, B, &mut rng).is_err()).count();
        assert!((200..300).contains(&lost), "{lost} of 1000");
    }

    #[test]
    fn jitter_stays_within_its_bound() {
        let (mut links, mut rng) = links();
        links.default.jitter = Duration::from_millis(10);
        for _ in 0..100 {
            let latency = links.transmit(A, B, &mut rng).unwrap();
            assert!((50..=60).contains(&latency.as_millis()), "{latency:?}");
        }
    }
}
