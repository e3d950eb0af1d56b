//! The one event queue, ordered by virtual time and then by the order of insertion.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::outside::Entry;
use crate::particle::Particle;
use crate::peer::PeerIndex;
use crate::service::ServiceResult;
use crate::time::VirtualTime;

#[derive(Debug)]
pub(crate) enum Event {
    /// A particle reaches a peer.
    Arrive {
        to: PeerIndex,
        from: PeerIndex,
        particle: Particle,
    },
    /// A particle reaches a node from a peer outside of this process.
    Enter { to: PeerIndex, entry: Entry },
    /// A service call that took its time is answered.
    Answer {
        peer: PeerIndex,
        /// A restarted peer knows nothing of the calls of its former life.
        incarnation: u32,
        particle_id: Arc<str>,
        call_id: u32,
        result: ServiceResult,
    },
    /// A scheduled script is due.
    Tick { schedule: usize },
    /// A particle's time to live is over.
    Expire { particle_id: Arc<str> },
}

impl Event {
    /// The peer that it is on, if it is on one.
    fn peer(&self) -> Option<PeerIndex> {
        match self {
            Self::Arrive { to, .. } | Self::Enter { to, .. } => Some(*to),
            Self::Answer { peer, .. } => Some(*peer),
            Self::Tick { .. } | Self::Expire { .. } => None,
        }
    }
}

struct Scheduled {
    at: VirtualTime,
    sequence: u64,
    event: Event,
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Scheduled {}

#[derive(Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Scheduled>>,
    next_sequence: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, at: VirtualTime, event: Event) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.heap.push(Reverse(Scheduled { at, sequence, event }));
    }

    /// When the next event is due.
    pub(crate) fn next_at(&self) -> Option<VirtualTime> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// On which peer the next event is, if it is on one.
    pub(crate) fn next_peer(&self) -> Option<PeerIndex> {
        let Reverse(entry) = self.heap.peek()?;
        entry.event.peer()
    }

    /// Whether an event of this peer is to come.
    pub(crate) fn has_for(&self, peer: PeerIndex) -> bool {
        self.heap.iter().any(|Reverse(entry)| entry.event.peer() == Some(peer))
    }

    pub(crate) fn pop(&mut self) -> Option<(VirtualTime, Event)> {
        let Reverse(entry) = self.heap.pop()?;
        Some((entry.at, entry.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn events_come_by_time_and_then_in_the_order_they_were_put() {
        let mut queue = Queue::default();
        for (ms, schedule) in [(5, 0), (1, 1), (5, 2), (0, 3), (1, 4)] {
            queue.push(Duration::from_millis(ms), Event::Tick { schedule });
        }
        let order: Vec<usize> = std::iter::from_fn(|| queue.pop())
            .map(|(_, event)| match event {
                Event::Tick { schedule } => schedule,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(order, [3, 1, 4, 0, 2]);
    }
}
