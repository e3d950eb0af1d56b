//! One queue of events under one clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events in the order of their times, and of their coming among those of one time.
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<Item<E>>>,
    count: u64,
}

#[derive(Debug)]
struct Item<E> {
    at: (u64, u64),
    event: E,
}

impl<E> PartialEq for Item<E> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<E> Eq for Item<E> {}

impl<E> PartialOrd for Item<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Item<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            count: 0,
        }
    }
}

impl<E> Queue<E> {
    pub fn push(&mut self, at_ms: u64, event: E) {
        self.count += 1;
        self.heap.push(Reverse(Item {
            at: (at_ms, self.count),
            event,
        }));
    }

    /// The next event, if it is not later than `end_ms`.
    pub fn pop_until(&mut self, end_ms: u64) -> Option<(u64, E)> {
        if self.heap.peek()?.0.at.0 > end_ms {
            return None;
        }
        let Reverse(item) = self.heap.pop()?;
        Some((item.at.0, item.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_time_come_in_their_order() {
        let mut queue = Queue::default();
        for (at, event) in [(5, 'c'), (3, 'a'), (5, 'd'), (3, 'b'), (9, 'e')] {
            queue.push(at, event);
        }
        let came: String = std::iter::from_fn(|| queue.pop_until(8).map(|(_, event)| event)).collect();
        assert_eq!(came, "abcd");
    }
}
