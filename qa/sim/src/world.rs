//! The world: its nodes, its clock, what happens next, and what was seen.

use std::collections::HashMap;

use eyre::{eyre, Result, WrapErr};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use registry_service::calls::NodeReply;
use registry_service::domain::{Step, Timeouts};
use registry_testkit::Peer;

use crate::census::Sample;
use crate::config::Config;
use crate::cost::{Costs, Job};
use crate::directory::{Directory, NodeIx};
use crate::node::Node;
use crate::outcome::Outcome;
use crate::resource::{Fate, Resource};
use crate::round::Round;

/// Clients that own the keys.
const CLIENTS_MAX: usize = 500;
const MINUTE_MS: u64 = 60_000;
/// How long a message takes.
const DELAY_MS: std::ops::Range<u64> = 15..250;

/// What can happen. Rounds are named by their numbers, resources and nodes by their indices.
#[derive(Debug)]
pub(crate) enum Event {
    Spell(NodeIx),
    Ask {
        round: u64,
        at: Step,
        ask: usize,
    },
    Answer {
        round: u64,
        at: Step,
        from: NodeIx,
        answer: NodeReply,
    },
    Late {
        round: u64,
        at: Step,
    },
    Put(usize),
    Host(usize),
    Delete(usize),
    Create,
    Lookup,
    Departure,
    Return(NodeIx),
    Arrival,
    Census,
}

#[derive(Debug)]
pub struct World {
    pub(crate) config: Config,
    pub(crate) timeouts: Timeouts,
    pub(crate) rng: StdRng,
    pub(crate) now_ms: u64,
    pub(crate) queue: crate::queue::Queue<Event>,
    pub(crate) directory: Directory,
    pub(crate) nodes: Vec<Node>,
    /// Indices of the nodes that are up.
    pub(crate) up: Vec<NodeIx>,
    pub(crate) clients: Vec<Peer>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) by_key: HashMap<[u8; 32], usize>,
    pub(crate) rounds: HashMap<u64, Round>,
    pub(crate) rounds_begun: u64,
    pub(crate) costs: Costs,
    /// When the costs began to count.
    pub(crate) costs_since_ms: u64,
    pub(crate) outcome: Outcome,
    pub(crate) samples: Vec<Sample>,
}

impl World {
    /// A network as if it had been running for days.
    ///
    /// # Errors
    /// A configuration out of range; a database that does not open.
    pub fn new(config: Config) -> Result<Self> {
        config.check().map_err(|why| eyre!(why))?;
        let seed = config.seed;
        let clients = config.keys.clamp(1, CLIENTS_MAX);
        let mut world = Self {
            timeouts: Timeouts::default(),
            rng: StdRng::seed_from_u64(seed),
            now_ms: 0,
            queue: crate::queue::Queue::default(),
            directory: Directory::new(config.bucket),
            nodes: Vec::new(),
            up: Vec::new(),
            clients: (0..clients)
                .map(|n| Peer::named(&format!("client {seed} {n}")))
                .collect(),
            resources: Vec::new(),
            by_key: HashMap::new(),
            rounds: HashMap::new(),
            rounds_begun: 0,
            costs: Costs::default(),
            costs_since_ms: 0,
            outcome: Outcome::default(),
            samples: Vec::new(),
            config,
        };
        for _ in 0..world.config.nodes {
            world.add_node(None)?;
        }
        world.fill().wrap_err("filling the nodes")?;
        world.schedule();
        Ok(world)
    }

    /// Lets everything happen until `until_ms`, which should not be beyond [`Config::end_ms`].
    ///
    /// # Errors
    /// A database that does not open.
    pub fn run_until(&mut self, until_ms: u64) -> Result<()> {
        while let Some((at_ms, event)) = self.queue.pop_until(until_ms) {
            self.now_ms = at_ms;
            self.happen(event)?;
        }
        self.now_ms = until_ms;
        Ok(())
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// What was seen so far, one after each census.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// How much time has passed.
    #[must_use]
    pub fn hours(&self) -> f64 {
        self.now_ms as f64 / 3_600_000.0
    }

    /// Peers in the routing table of a node that is up, on average.
    #[must_use]
    pub fn table_len(&self) -> f64 {
        let sum: usize = self
            .up
            .iter()
            .map(|ix| self.directory.table(*ix, self.now_ms).len())
            .sum();
        sum as f64 / self.up.len().max(1) as f64
    }

    /// Forgets what everything has cost so far: for measuring a network that has settled.
    pub fn forget_costs(&mut self) {
        self.costs = Costs::default();
        self.costs_since_ms = self.now_ms;
    }

    /// What everything has cost since, and for how many hours of one node.
    #[must_use]
    pub fn costs(&self) -> (&Costs, f64) {
        let hours = (self.now_ms - self.costs_since_ms) as f64 / 3_600_000.0;
        (&self.costs, hours * self.config.nodes as f64)
    }

    fn happen(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Spell(node) => self.spell(node),
            Event::Ask { round, at, ask } => self.asked(round, at, ask),
            Event::Answer {
                round,
                at,
                from,
                answer,
            } => self.answered(round, at, from, &answer),
            Event::Late { round, at } => self.go_on(round, at),
            Event::Put(resource) => self.put(resource),
            Event::Host(resource) => self.host(resource),
            Event::Delete(resource) => self.delete(resource),
            Event::Create => self.create(),
            Event::Lookup => self.check_lookup(),
            Event::Departure => self.departure(),
            Event::Return(node) => self.returns(node),
            Event::Arrival => return self.add_node(Some(self.now_ms)).map(|_| ()),
            Event::Census => self.census()?,
        }
        Ok(())
    }

    /// A node comes. Without a time it was there before everything.
    pub(crate) fn add_node(&mut self, since_ms: Option<u64>) -> Result<NodeIx> {
        let peer = Peer::named(&format!("node {} {}", self.config.seed, self.nodes.len()));
        let half = (self.config.clock_spread_sec / 2) as i64;
        let offset_sec = self.rng.gen_range(-half..=half);
        let mut node = Node::new(peer, offset_sec)?;
        node.up_since_ms = since_ms.unwrap_or(0);
        let ix = self.directory.add(node.id(), since_ms);
        self.nodes.push(node);
        self.up.push(ix);
        let first_ms = self.now_ms + self.rng.gen_range(0..self.config.spell.period_sec * 1_000);
        self.queue.push(first_ms, Event::Spell(ix));
        Ok(ix)
    }

    fn schedule(&mut self) {
        let hour = |count: f64| 3_600_000.0 / count;
        self.queue.push(0, Event::Census);
        self.schedule_departure();
        if self.config.lookups_per_hour > 0 {
            self.queue
                .push(hour(self.config.lookups_per_hour as f64) as u64, Event::Lookup);
        }
        if self.new_per_hour() > 0.0 {
            self.queue.push(hour(self.new_per_hour()) as u64, Event::Create);
        }
        for ix in 0..self.resources.len() {
            match self.resources[ix].fate {
                Fate::Hosted => {
                    let at_ms = self.rng.gen_range(0..10 * MINUTE_MS);
                    self.queue.push(at_ms, Event::Host(ix));
                }
                Fate::Kept => self.schedule_renewal(ix),
                Fate::Deleted | Fate::Unused => {}
            }
        }
    }

    pub(crate) fn new_per_hour(&self) -> f64 {
        self.config.mix.new_per_hour * self.config.keys as f64
    }

    /// A message of so many bytes goes out: how long it takes, or none if it is lost.
    pub(crate) fn send(&mut self, job: Job, bytes: usize) -> Option<u64> {
        self.costs.sent(job, bytes);
        let delay_ms = self.rng.gen_range(DELAY_MS);
        (self.rng.gen::<f64>() >= self.config.loss).then_some(delay_ms)
    }

    /// Any node that is up.
    pub(crate) fn any_node(&mut self) -> Option<NodeIx> {
        if self.up.is_empty() {
            return None;
        }
        let at = self.rng.gen_range(0..self.up.len());
        Some(self.up[at])
    }

    pub(crate) fn is_up(&self, ix: NodeIx) -> bool {
        self.nodes[ix as usize].up
    }

    /// What the clock of a node says.
    pub(crate) fn clock_sec(&self, ix: NodeIx) -> u64 {
        self.nodes[ix as usize].clock_sec(self.now_ms)
    }
}
