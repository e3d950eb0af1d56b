//! Nodes come and go: every two hours half of them leave for ever, and others with empty storage take their place.

use std::collections::BTreeMap;
use std::time::Duration;

use devnet::{PeerIndex, RegistryInvariants};
use eyre::Result;
use rand::seq::SliceRandom;
use rand::Rng;

use super::HOUR;
use crate::figures::Figures;
use crate::options::Options;
use crate::population::{create, Population};
use crate::progress::Progress;
use crate::world::{World, INTERVAL_SEC};

/// In this time half of the nodes are replaced.
const WINDOW: Duration = Duration::from_secs(2 * 3_600);
/// Nodes that provide something.
const HOSTS_ONE_IN: usize = 10;
/// A registry notes uses of a key in steps of this part of its lifetime: a key lives at most so much longer.
const USE_GRANULARITY_ONE_IN: u32 = 96;

enum Action {
    /// Chooses who is replaced in the next window.
    Window,
    Replace(PeerIndex),
    /// Looks up the resource with this number.
    Check(usize),
    /// A client registers again, as it does every few hours.
    Renew(usize),
    /// A client has lost its relay and registers through another one.
    Register(usize),
    /// One more client provides something, to be deleted some hours later.
    AddGuest,
    Delete(usize),
    /// A node stops providing something, another one takes over.
    ChangeHost,
    CreateUnused,
    UnusedIsThere(String),
    UnusedIsGone(String),
    Tombstones,
}

struct Churn {
    world: World,
    population: Population,
    agenda: BTreeMap<(Duration, u64), Action>,
    planned: u64,
    end: Duration,
    owner: PeerIndex,
    deletions: Vec<Duration>,
}

/// # Errors
/// Where the network cannot be run, or an operation fails for good.
pub(super) fn run(options: &Options, nodes: usize, progress: Progress) -> Result<Figures> {
    let mut world = World::start(options, nodes, progress)?;
    let hosts: Vec<PeerIndex> = world
        .live_nodes()
        .into_iter()
        .take((nodes / HOSTS_ONE_IN).max(1))
        .collect();
    let population = Population::settle(&mut world, options.resources, &hosts)?;
    // Two resources are watched on every node after every event: one of a client's, one of a node's.
    let watched = population.keys.iter().take(2).cloned();
    world.network.add_checker(RegistryInvariants::watching(watched));
    let owner = world.add_client()?;
    let end = world.network.now() + Duration::from_secs_f64(options.days * 86_400.0);
    let mut churn = Churn {
        world,
        population,
        agenda: BTreeMap::new(),
        planned: 0,
        end,
        owner,
        deletions: Vec::new(),
    };
    churn.plan_ahead();
    churn.run()?;
    churn.world.finish()
}

impl Churn {
    fn plan(&mut self, at: Duration, action: Action) {
        self.planned += 1;
        if at <= self.end {
            self.agenda.insert((at, self.planned), action);
        }
    }

    fn now(&self) -> Duration {
        self.world.network.now()
    }

    fn within(&mut self, time: Duration) -> Duration {
        self.now() + time.mul_f64(self.world.rng.gen())
    }

    fn plan_ahead(&mut self) {
        let now = self.now();
        self.plan(now, Action::Window);
        for provider in self.population.own_providers() {
            let at = self.within(self.renew_every());
            self.plan(at, Action::Renew(provider));
        }
        // Lookups lie apart, so that some of them meet nodes that have just left.
        let every = Duration::from_secs(self.world.options.check_every * 60);
        let resources = self.population.keys.len() as u32;
        for index in 0..resources {
            self.plan(now + every * index / resources, Action::Check(index as usize));
        }
        // Whatever is deleted is forgotten at the end.
        let lifetime = self.world.options.lifetime();
        let mut at = now + HOUR;
        while at + lifetime / 2 + self.tombstones_end() < self.end {
            self.plan(at, Action::AddGuest);
            self.plan(at + lifetime / 8, Action::ChangeHost);
            self.plan(at + lifetime / 5, Action::CreateUnused);
            at += lifetime / 2;
        }
        self.plan(self.end, Action::Tombstones);
    }

    /// How often a client registers again what it provides.
    fn renew_every(&self) -> Duration {
        self.world.options.lifetime() / 4
    }

    /// How long after a deletion its tombstones are gone.
    fn tombstones_end(&self) -> Duration {
        2 * self.world.options.lifetime() + interval(self.world.options.tick())
    }

    fn run(&mut self) -> Result<()> {
        while let Some(((at, _), action)) = self.agenda.pop_first() {
            self.world.run_until(at)?;
            self.act(at, action)?;
        }
        self.world.run_until(self.end)?;
        self.population.check_replicas_in_an_interval(&mut self.world)
    }

    fn act(&mut self, at: Duration, action: Action) -> Result<()> {
        match action {
            Action::Window => self.choose_who_leaves(at),
            Action::Replace(node) => self.replace(node)?,
            Action::Check(index) => {
                let key_id = self.population.keys[index].clone();
                self.world.check(&key_id)?;
                let every = Duration::from_secs(self.world.options.check_every * 60);
                self.plan(at + every, Action::Check(index));
            }
            Action::Renew(provider) => {
                self.population.register(&mut self.world, provider)?;
                self.plan(at + self.renew_every(), Action::Renew(provider));
            }
            Action::Register(provider) => self.population.register(&mut self.world, provider)?,
            Action::AddGuest => self.add_guest()?,
            Action::Delete(provider) => self.delete(provider)?,
            Action::ChangeHost => self.change_host()?,
            Action::CreateUnused => self.create_unused()?,
            Action::UnusedIsThere(key_id) => self.check_unused(&key_id, true)?,
            Action::UnusedIsGone(key_id) => self.check_unused(&key_id, false)?,
            Action::Tombstones => self.check_tombstones(at)?,
        }
        Ok(())
    }

    fn choose_who_leaves(&mut self, at: Duration) {
        let mut nodes = self.world.live_nodes();
        nodes.shuffle(&mut self.world.rng);
        let half = self.world.live_nodes().len() / 2;
        for node in nodes.into_iter().take(half) {
            let when = self.within(WINDOW);
            self.plan(when, Action::Replace(node));
        }
        self.plan(at + WINDOW, Action::Window);
    }

    fn replace(&mut self, node: PeerIndex) -> Result<()> {
        self.population.replace(&mut self.world, node)?;
        for provider in self.population.own_providers() {
            let client = self.population.providers[provider].peer;
            if self.world.network.peer(client)?.relay() == Some(node) {
                let when = self.within(Duration::from_secs(60));
                self.plan(when, Action::Register(provider));
            }
        }
        Ok(())
    }

    fn any_key(&mut self) -> String {
        let keys = self.population.keys_with_room();
        keys.choose(&mut self.world.rng).cloned().unwrap_or_default()
    }

    fn add_guest(&mut self) -> Result<()> {
        let key_id = self.any_key();
        let guest = self.world.add_client()?;
        let provider = self.population.add(&mut self.world, &key_id, guest, guest)?;
        let when = self.within(self.world.options.lifetime() / 3);
        self.plan(when, Action::Delete(provider));
        Ok(())
    }

    fn delete(&mut self, provider: usize) -> Result<()> {
        self.population.delete(&mut self.world, provider)?;
        self.deletions.push(self.now());
        Ok(())
    }

    fn change_host(&mut self) -> Result<()> {
        let Some(provider) = self.population.any_host_provider(&mut self.world) else {
            return Ok(());
        };
        let old = self.population.providers[provider].clone();
        self.delete(provider)?;
        let next = self.population.movable(&self.world);
        if let Some(next) = next.choose(&mut self.world.rng).copied() {
            self.population.add(&mut self.world, &old.key_id, old.issuer, next)?;
        }
        Ok(())
    }

    fn create_unused(&mut self) -> Result<()> {
        let label = format!("unused {}", self.world.figures.unused_keys);
        let key_id = create(&mut self.world, self.owner, &label)?;
        self.world.figures.unused_keys += 1;
        let now = self.now();
        let lives = self.world.options.lifetime();
        self.plan(now + lives - HOUR / 2, Action::UnusedIsThere(key_id.clone()));
        let late = lives + lives / USE_GRANULARITY_ONE_IN + interval(self.world.options.tick());
        self.plan(now + late, Action::UnusedIsGone(key_id));
        Ok(())
    }

    fn check_unused(&mut self, key_id: &str, expected: bool) -> Result<()> {
        self.world.figures.state_checks += 1;
        let holders = self.world.holders(key_id)?;
        match (expected, holders.is_empty()) {
            (true, true) => self.world.violation(format!("{key_id}: gone before its time")),
            (false, false) => self
                .world
                .violation(format!("{key_id}: unused, its time is over, yet held by {holders:?}")),
            _ => {}
        }
        Ok(())
    }

    /// At most those of deletions whose time is not over.
    fn check_tombstones(&mut self, at: Duration) -> Result<()> {
        self.world.figures.state_checks += 1;
        let end = self.tombstones_end();
        let young = self.deletions.iter().filter(|deleted| **deleted + end > at).count() as u64;
        let found = self.world.tombstones()?;
        let most = young * self.world.live_nodes().len() as u64;
        if found > most {
            let text = format!("{found} tombstones are left, at most {most} have a reason to be");
            self.world.violation(text);
        }
        Ok(())
    }
}

/// The longest from the moment when something may be cleared until it is.
fn interval(tick: Duration) -> Duration {
    const CLOCKS_APART: Duration = Duration::from_secs(60);
    Duration::from_secs(INTERVAL_SEC) + tick + CLOCKS_APART
}
