//! Nodes leave and come.

use rand::Rng;

use crate::directory::NodeIx;
use crate::world::{Event, World};

const MINUTE_MS: u64 = 60_000;

impl World {
    /// Departures are a Poisson process: `ln 2` of the nodes in every half-life.
    pub(crate) fn schedule_departure(&mut self) {
        if self.config.half_life_hours <= 0.0 {
            return;
        }
        let rate_per_ms =
            std::f64::consts::LN_2 * self.config.nodes as f64 / (self.config.half_life_hours * 3_600_000.0);
        let wait_ms = -(1.0 - self.rng.gen::<f64>()).ln() / rate_per_ms;
        self.queue.push(self.now_ms + wait_ms as u64, Event::Departure);
    }

    /// A node leaves: for good, and a new one comes at about the same time, or for a while.
    pub(crate) fn departure(&mut self) {
        self.schedule_departure();
        let Some(ix) = self.any_node() else {
            return;
        };
        self.outcome.departures += 1;
        self.up.retain(|up| *up != ix);
        self.directory.set_up(ix, false, self.now_ms);
        if self.rng.gen::<f64>() < self.config.restarts {
            self.outcome.restarts += 1;
            self.nodes[ix as usize].up = false;
            let away_ms = self.rng.gen_range(5 * MINUTE_MS..60 * MINUTE_MS);
            self.queue.push(self.now_ms + away_ms, Event::Return(ix));
            return;
        }
        self.nodes[ix as usize].leave();
        let until_ms = self.now_ms + self.rng.gen_range(0..MINUTE_MS);
        self.queue.push(until_ms, Event::Arrival);
        // Their clients notice, and take another node.
        for resource in std::mem::take(&mut self.nodes[ix as usize].hosts) {
            self.resources[resource].registered = false;
            let notice_ms = self.rng.gen_range(MINUTE_MS..5 * MINUTE_MS);
            self.queue.push(self.now_ms + notice_ms, Event::Host(resource));
        }
    }

    /// A node is back, with its data.
    pub(crate) fn returns(&mut self, ix: NodeIx) {
        let node = &mut self.nodes[ix as usize];
        node.up = true;
        node.busy = false;
        node.up_since_ms = self.now_ms;
        self.up.push(ix);
        self.directory.set_up(ix, true, self.now_ms);
        let first_ms = self.now_ms + self.rng.gen_range(0..self.config.spell.period_sec * 1_000);
        self.queue.push(first_ms, Event::Spell(ix));
    }
}
