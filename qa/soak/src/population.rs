//! Resources and their providers, and what their owners do for them.

use std::collections::BTreeSet;
use std::time::Duration;

use devnet::PeerIndex;
use eyre::Result;
use rand::seq::SliceRandom;
use serde_json::json;

use crate::scenario::{HOUR, LEASE};
use crate::world::World;

/// So many records a key can hold.
const PROVIDERS_MAX: usize = 32;

/// A provider of a resource, registered once or more.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub(crate) key_id: String,
    /// The client that registered it.
    pub(crate) issuer: PeerIndex,
    /// The issuer itself, or a node.
    pub(crate) peer: PeerIndex,
    pub(crate) live: bool,
    /// When it was deleted, in seconds since 1970.
    pub(crate) deleted_at_sec: Option<u64>,
    /// Between which moments it registered last.
    registered: (Duration, Duration),
}

impl Provider {
    /// Of who registered it, and its own.
    fn ids(&self, world: &World) -> (String, String) {
        (world.id(self.issuer), world.id(self.peer))
    }

    /// Readers may be told of it or not.
    fn release(&self, world: &mut World) {
        let (issuer_id, peer_id) = self.ids(world);
        world.ledger.release(&self.key_id, &issuer_id, &peer_id);
    }
}

/// All resources and providers of a run.
#[derive(Debug, Default, Clone)]
pub(crate) struct Population {
    pub(crate) keys: Vec<String>,
    pub(crate) providers: Vec<Provider>,
}

impl Population {
    /// Creates resources: a third with a client as provider, a third with a node, a third with both.
    ///
    /// # Errors
    /// Where a registration fails for good.
    pub(crate) fn settle(world: &mut World, resources: usize, hosts: &[PeerIndex]) -> Result<Self> {
        let mut population = Self::default();
        for index in 0..resources {
            let owner = world.add_client()?;
            let key_id = create(world, owner, &format!("resource {index}"))?;
            population.keys.push(key_id.clone());
            if index % 3 != 1 {
                population.add(world, &key_id, owner, owner)?;
            }
            if index % 3 != 0 {
                population.add(world, &key_id, owner, hosts[index % hosts.len()])?;
            }
        }
        let crowd = world.options.crowd.saturating_sub(1);
        for _ in 0..crowd {
            let key_id = population.keys[0].clone();
            population.add_client(world, &key_id)?;
        }
        world.figures.resources += resources as u64;
        Ok(population)
    }

    /// Registers a provider; returns its number.
    ///
    /// # Errors
    /// Where that fails for good.
    pub(crate) fn add(&mut self, world: &mut World, key_id: &str, issuer: PeerIndex, peer: PeerIndex) -> Result<usize> {
        self.providers.push(Provider {
            key_id: key_id.to_owned(),
            issuer,
            peer,
            live: true,
            deleted_at_sec: None,
            registered: (Duration::ZERO, Duration::ZERO),
        });
        let index = self.providers.len() - 1;
        self.register(world, index)?;
        Ok(index)
    }

    /// Registers a provider again; one that was deleted stays so.
    ///
    /// # Errors
    /// Where that fails for good.
    pub(crate) fn register(&mut self, world: &mut World, index: usize) -> Result<()> {
        let provider = self.providers[index].clone();
        if !provider.live {
            return Ok(());
        }
        let (issuer_id, peer_id) = provider.ids(world);
        let value = format!("provider {index}");
        let began = world.network.now();
        if provider.issuer == provider.peer {
            let args = [json!(provider.key_id), json!(value), json!(null)];
            world.write(provider.issuer, "registerProvider", &args)?;
        } else {
            let args = [json!(peer_id), json!(provider.key_id), json!(value), json!(null)];
            world.write(provider.issuer, "registerNodeProvider", &args)?;
        }
        // Of more providers than fit, who has missed a renewal puts the provider out for the others'.
        let is_crowded = self.live_count(&provider.key_id) > PROVIDERS_MAX;
        world.note_registered((&provider.key_id, &issuer_id, &peer_id), is_crowded);
        self.providers[index].registered = (began, world.network.now());
        self.release_surplus(world, &provider.key_id);
        Ok(())
    }

    /// Of more providers than a key can hold, those that may not be among the latest: readers may be told of them or not.
    fn release_surplus(&self, world: &mut World, key_id: &str) {
        let skew = Duration::from_secs(world.options.clock_skew);
        let is_live = |provider: &&Provider| provider.live && provider.key_id == key_id;
        let live: Vec<&Provider> = self.providers.iter().filter(is_live).collect();
        for provider in &live {
            let maybe_later = |other: &&&Provider| other.registered.1 + skew >= provider.registered.0;
            // Itself among them.
            if live.iter().filter(maybe_later).count() > PROVIDERS_MAX {
                provider.release(world);
            }
        }
    }

    /// Deletes a provider.
    ///
    /// # Errors
    /// Where that fails for good.
    pub(crate) fn delete(&mut self, world: &mut World, index: usize) -> Result<()> {
        self.delete_unheard(world, index)?;
        self.expect_deleted(world, index);
        Ok(())
    }

    /// The same, where readers may be told of the provider until [`expect_deleted`](Self::expect_deleted).
    ///
    /// # Errors
    /// Where that fails for good.
    pub(crate) fn delete_unheard(&mut self, world: &mut World, index: usize) -> Result<()> {
        let provider = self.providers[index].clone();
        // While the deletion is under way readers may be told either.
        provider.release(world);
        let args = [json!(provider.key_id), json!(world.id(provider.peer))];
        world.write(provider.issuer, "unregisterService", &args)?;
        // The node that dated the deletion may be ahead.
        let at_sec = world.now_sec() + world.options.clock_skew;
        world.figures.providers_deleted += 1;
        self.providers[index].live = false;
        self.providers[index].deleted_at_sec = Some(at_sec);
        Ok(())
    }

    /// Readers may be told of a provider or not.
    pub(crate) fn release(&self, world: &mut World, index: usize) {
        self.providers[index].release(world);
    }

    /// Readers must be told of a provider, though it has not registered again.
    pub(crate) fn expect(&self, world: &mut World, index: usize) {
        let provider = &self.providers[index];
        let (issuer_id, peer_id) = provider.ids(world);
        world.ledger.register(&provider.key_id, &issuer_id, &peer_id);
        self.release_surplus(world, &provider.key_id);
    }

    /// From now on nobody must be told of a provider that was deleted.
    pub(crate) fn expect_deleted(&self, world: &mut World, index: usize) {
        let provider = &self.providers[index];
        let (issuer_id, peer_id) = provider.ids(world);
        let at_sec = provider.deleted_at_sec.unwrap_or_default();
        world.ledger.delete(&provider.key_id, &issuer_id, &peer_id, at_sec);
    }

    /// The providers of nodes that have left: readers need not be told of them any more.
    pub(crate) fn release_hosts(&mut self, world: &mut World, gone: &BTreeSet<PeerIndex>) {
        for provider in self
            .providers
            .iter_mut()
            .filter(|provider| gone.contains(&provider.peer))
        {
            provider.live = false;
            provider.release(world);
        }
    }

    /// A node leaves for ever, another one with empty storage takes its place, which is returned; who registered what it
    /// provided has a third one take over.
    ///
    /// # Errors
    /// Where a registration fails for good.
    pub(crate) fn replace(&mut self, world: &mut World, node: PeerIndex) -> Result<PeerIndex> {
        let provided = self.provided_by(node);
        world.retire(node)?;
        self.release_hosts(world, &BTreeSet::from([node]));
        let newcomer = world.add_node()?;
        for (key_id, issuer) in provided {
            self.succeed(world, &key_id, issuer)?;
        }
        world.figures.nodes_replaced += 1;
        Ok(newcomer)
    }

    /// Who registered a node that provides no more has another one take over, if there is one.
    ///
    /// # Errors
    /// Where that fails for good.
    pub(crate) fn succeed(&mut self, world: &mut World, key_id: &str, issuer: PeerIndex) -> Result<()> {
        if let Some(next) = self.movable(world).choose(&mut world.rng).copied() {
            self.add(world, key_id, issuer, next)?;
        }
        Ok(())
    }

    /// Registers one more client as a provider.
    ///
    /// # Errors
    /// Where that fails for good.
    pub(crate) fn add_client(&mut self, world: &mut World, key_id: &str) -> Result<usize> {
        let client = world.add_client()?;
        self.add(world, key_id, client, client)
    }

    /// Deletes the provider of a resource that was added first, if there is another one. A node's place is taken by another node.
    ///
    /// # Errors
    /// Where that fails for good.
    pub(crate) fn delete_eldest(&mut self, world: &mut World, key_id: &str) -> Result<()> {
        if self.live_count(key_id) < 2 {
            return Ok(());
        }
        let of_key = |provider: &&Provider| provider.live && provider.key_id == key_id;
        let Some(eldest) = self.providers.iter().position(|provider| of_key(&provider)) else {
            return Ok(());
        };
        self.delete(world, eldest)?;
        let Provider { issuer, peer, .. } = self.providers[eldest].clone();
        let next = self.movable(world).choose(&mut world.rng).copied();
        if let Some(next) = next.filter(|_| issuer != peer) {
            self.add(world, key_id, issuer, next)?;
        }
        Ok(())
    }

    /// The nodes that provide nothing.
    #[must_use]
    pub(crate) fn movable(&self, world: &World) -> Vec<PeerIndex> {
        let hosts = self.hosts();
        let mut nodes = world.live_nodes();
        nodes.retain(|node| !hosts.contains(node));
        nodes
    }

    /// The resources that are lost with all nodes that held them are no longer anybody's.
    pub(crate) fn forget_all_but(&mut self, world: &mut World, held: &BTreeSet<String>) {
        self.keys.retain(|key_id| held.contains(key_id));
        for provider in self
            .providers
            .iter_mut()
            .filter(|provider| !held.contains(&provider.key_id))
        {
            provider.live = false;
            provider.release(world);
        }
    }

    /// Who registered the first provider of a resource: its owner.
    #[must_use]
    pub(crate) fn owner_of(&self, key_id: &str) -> Option<PeerIndex> {
        let first = self.providers.iter().find(|provider| provider.key_id == key_id);
        first.map(|provider| provider.issuer)
    }

    /// What a node provides, and who registered it.
    #[must_use]
    pub(crate) fn provided_by(&self, node: PeerIndex) -> Vec<(String, PeerIndex)> {
        let live = self
            .providers
            .iter()
            .filter(|provider| provider.live && provider.peer == node);
        live.map(|provider| (provider.key_id.clone(), provider.issuer))
            .collect()
    }

    /// The providers of a resource that were not deleted and have not left.
    fn live_count(&self, key_id: &str) -> usize {
        let live = self.providers.iter().filter(|provider| provider.live);
        live.filter(|provider| provider.key_id == key_id).count()
    }

    /// The resources that can have one more provider: of more than a key can hold, readers are told some.
    #[must_use]
    pub(crate) fn keys_with_room(&self) -> Vec<String> {
        let keys = self
            .keys
            .iter()
            .filter(|key_id| self.live_count(key_id) < PROVIDERS_MAX);
        keys.cloned().collect()
    }

    /// The nodes that provide something.
    #[must_use]
    pub(crate) fn hosts(&self) -> BTreeSet<PeerIndex> {
        let live = self.providers.iter().filter(|provider| provider.live);
        live.filter(|provider| provider.peer != provider.issuer)
            .map(|provider| provider.peer)
            .collect()
    }

    /// The clients that provide something, as provider numbers.
    #[must_use]
    pub(crate) fn own_providers(&self) -> Vec<usize> {
        let is_own = |provider: &Provider| provider.live && provider.peer == provider.issuer;
        (0..self.providers.len())
            .filter(|index| is_own(&self.providers[*index]))
            .collect()
    }

    /// A live provider that is a node.
    #[must_use]
    pub(crate) fn any_host_provider(&self, world: &mut World) -> Option<usize> {
        let is_host = |provider: &Provider| provider.live && provider.peer != provider.issuer;
        let hosts: Vec<usize> = (0..self.providers.len())
            .filter(|index| is_host(&self.providers[*index]))
            .collect();
        hosts.choose(&mut world.rng).copied()
    }

    /// Looks every resource up.
    ///
    /// # Errors
    /// Where no answer comes at all.
    pub(crate) fn check_all(&self, world: &mut World) -> Result<()> {
        for key_id in &self.keys {
            world.check(key_id)?;
        }
        Ok(())
    }

    /// The same, within which they agree after whatever has happened: an interval, and what lost messages take.
    ///
    /// # Errors
    /// Where a registry does not answer.
    pub(crate) fn check_replicas_in_an_interval(&self, world: &mut World) -> Result<()> {
        self.check_replicas(world, in_an_interval(world))
    }

    /// Waits until all nodes that are up and belong to a resource's neighbourhood hold the same of it, of each resource. When
    /// the time is over, one in [`LATE_ONE_IN`] may be late, and [`LATE_INTERVALS`] later none.
    ///
    /// # Errors
    /// Where a registry does not answer.
    pub(crate) fn check_replicas(&self, world: &mut World, within: Duration) -> Result<()> {
        self.check_agreement(world, within, |_, _| true)
    }

    /// The same of those that hold the key: where nodes know few others, there may be some that nobody knows of who has it.
    ///
    /// # Errors
    /// Where a registry does not answer.
    pub(crate) fn check_holders_in_an_interval(&self, world: &mut World) -> Result<()> {
        self.check_agreement(world, in_an_interval(world), |holders, node| holders.contains(&node))
    }

    /// Of the neighbours that count, by who holds the key.
    fn check_agreement(
        &self,
        world: &mut World,
        within: Duration,
        counts: impl Fn(&[PeerIndex], PeerIndex) -> bool,
    ) -> Result<()> {
        const LOOK_EVERY: Duration = Duration::from_secs(300);
        let began = world.network.now();
        world.figures.state_checks += self.keys.len() as u64;
        let mut deadline = within;
        loop {
            let passed = world.network.now() - began;
            let (copies, late) = self.late_copies(world, &counts)?;
            if late.is_empty() {
                world.figures.agreed_after_sec.push(passed.as_secs());
                return Ok(());
            }
            if passed >= deadline {
                let is_chance = deadline == within && late.len() * LATE_ONE_IN <= copies;
                if !is_chance {
                    late.into_iter().for_each(|text| world.violation(text));
                    return Ok(());
                }
                world.figures.copies_late += late.len() as u64;
                deadline = within + LATE_INTERVALS * in_an_interval(world);
            }
            world.run_for(LOOK_EVERY.min(deadline - passed))?;
        }
    }

    /// How many copies there are of all resources, and a line for each that is not as most others.
    fn late_copies(
        &self,
        world: &mut World,
        counts: impl Fn(&[PeerIndex], PeerIndex) -> bool,
    ) -> Result<(usize, Vec<String>)> {
        let (mut copies, mut late) = (0, Vec::new());
        for key_id in &self.keys {
            let point = devnet::kademlia::resource_point(key_id).map_err(eyre::Report::msg)?;
            let holders = world.holders(key_id)?;
            let mut nodes = world.network.closest_nodes(point, devnet::kademlia::REPLICATION_FACTOR);
            nodes.retain(|node| counts(&holders, *node));
            copies += nodes.len();
            let differing = world.network.divergence(key_id, &nodes)?;
            late.extend(
                differing
                    .into_iter()
                    .map(|line| format!("replicas of {key_id}: {line}")),
            );
        }
        Ok((copies, late))
    }
}

/// Of so many copies one may be late: where 5 % of the messages are lost, a node's answer is in one exchange of ten, and where
/// no other shows a difference the exchange is not repeated.
const LATE_ONE_IN: usize = 20;

/// After so many further intervals none may be: the chance is one in ten thousand then.
const LATE_INTERVALS: u32 = 3;

fn in_an_interval(world: &World) -> Duration {
    HOUR + HOUR / 10 + LEASE + 2 * world.options.tick()
}

/// Creates a resource and returns its id.
///
/// # Errors
/// Where that fails for good.
pub(crate) fn create(world: &mut World, owner: PeerIndex, label: &str) -> Result<String> {
    let id = world.write(owner, "createResource", &[json!(label)])?;
    Ok(id[0].as_str().unwrap_or_default().to_owned())
}
