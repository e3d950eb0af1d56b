//! What clients do through a node: put, have a node provide, remove, in the order of the Resources API.

use rand::seq::SliceRandom;
use rand::Rng;
use registry_service::calls::{CallError, Plan, Published};
use registry_service::domain::data::{Record, Tombstone};
use registry_service::domain::limits::NEIGHBOURHOOD_MAX;
use registry_testkit::{no_weight, Origins, Peer};

use crate::cost::Job;
use crate::directory::NodeIx;
use crate::node::Node;
use crate::resource::{identity, key_len, record_len, Fate, Resource};
use crate::world::{Event, World};

/// A client that could not store anything tries again after so long.
const RETRY_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;

/// What travels to the neighbours of a key.
#[derive(Debug, Clone)]
enum Parcel {
    Record(Record),
    /// What `put_host_record` returned on the provider.
    HostRecord(Record),
    Tombstone(Tombstone),
}

impl Parcel {
    fn len(&self) -> usize {
        match self {
            Self::Record(record) | Self::HostRecord(record) => record_len(record),
            Self::Tombstone(tombstone) => 3 * 52 + tombstone.issuer_signature.len() + 8,
        }
    }

    /// The origins of `publish` or, with `spread`, of `spread`.
    fn origins(&self, node: &Node, client: &Peer, spread: bool) -> Origins {
        let origins = match spread {
            true => node.from(client, 8).time(7),
            false => node.from(client, 6).time(5),
        };
        match self {
            Self::HostRecord(record) => origins.with(2, &record.metadata.peer_id, "registry", "put_host_record"),
            Self::Record(_) | Self::Tombstone(_) => origins,
        }
    }

    fn published(self, resource: &Resource) -> Published {
        let mut published = Published {
            keys: vec![resource.key.clone()],
            ..Published::default()
        };
        match self {
            Self::Record(record) => published.records.push(record),
            Self::HostRecord(record) => published.hosted.push(Ok(record)),
            Self::Tombstone(tombstone) => published.tombstones.push(tombstone),
        }
        published
    }
}

impl World {
    /// `registerProvider`: the client of a resource puts its record.
    pub(crate) fn put(&mut self, ix: usize) {
        let Some(relay) = self.any_node() else {
            return self.queue.push(self.now_ms + RETRY_MS, Event::Put(ix));
        };
        let now = self.clock_sec(relay);
        let resource = &self.resources[ix];
        let client = &self.clients[resource.owner];
        let record = resource.own_record(client, self.directory.id(relay), now);
        if !self.publish(ix, relay, Parcel::Record(record)) {
            return self.queue.push(self.now_ms + RETRY_MS, Event::Put(ix));
        }
        let resource = &mut self.resources[ix];
        resource.dated_sec = now;
        resource.registered = true;
        match resource.fate {
            Fate::Kept => self.schedule_renewal(ix),
            Fate::Deleted => {
                let wait_ms = self.rng.gen_range(HOUR_MS..3 * HOUR_MS);
                self.queue.push(self.now_ms + wait_ms, Event::Delete(ix));
            }
            Fate::Hosted | Fate::Unused => {}
        }
    }

    /// The client puts its record again when seven to eight tenths of its time are over.
    pub(crate) fn schedule_renewal(&mut self, ix: usize) {
        if !self.config.renewal {
            return;
        }
        let expired_ms = self.timeouts.expired_sec * 1_000;
        let after_ms = self.rng.gen_range(expired_ms / 10 * 7..expired_ms / 10 * 8);
        let dated_ms = self.resources[ix].dated_sec as i64 * 1_000 - crate::node::EPOCH_SEC as i64 * 1_000;
        let at_ms = (dated_ms + after_ms as i64).max(self.now_ms as i64) as u64;
        self.queue.push(at_ms, Event::Put(ix));
    }

    /// `registerNodeProvider` for any node that is up.
    pub(crate) fn host(&mut self, ix: usize) {
        let hosted = self.any_node().and_then(|provider| {
            let relay = self.any_node()?;
            let record = self.put_host_record(ix, relay, provider)?;
            self.publish(ix, relay, Parcel::HostRecord(record)).then_some(provider)
        });
        let Some(provider) = hosted else {
            return self.queue.push(self.now_ms + RETRY_MS, Event::Host(ix));
        };
        let identity = identity(
            &self.clients[self.resources[ix].owner],
            self.nodes[provider as usize].id(),
        );
        self.nodes[provider as usize].hosts.push(ix);
        let resource = &mut self.resources[ix];
        resource.provider = Some(provider);
        resource.identity = identity;
        resource.registered = true;
    }

    /// On the provider itself; none if it was not reached.
    fn put_host_record(&mut self, ix: usize, relay: NodeIx, provider: NodeIx) -> Option<Record> {
        let issued_sec = self.clock_sec(relay);
        let resource = &self.resources[ix];
        let client = &self.clients[resource.owner];
        let metadata = resource.node_metadata(client, &self.nodes[provider as usize].peer, issued_sec);
        let key = resource.key.clone();
        let (to, back) = (self.send(Job::Publish, 600), self.send(Job::Publish, 400));
        to.and(back)?;
        let now = self.clock_sec(provider);
        let client = &self.clients[self.resources[ix].owner];
        let node = &mut self.nodes[provider as usize];
        let (republish, put) = (node.from(client, 3).time(2), node.from(client, 3).time(2));
        let hosted = self.costs.timed(Job::Publish, || {
            node.call(republish, |call| call.republish_key(key, &no_weight(), now))?;
            node.call(put, |call| call.put_host_record(metadata, &[], now))
        });
        if let Err(error) = &hosted {
            self.refused(provider, "put_host_record", error);
        }
        hosted.ok()
    }

    /// `unregisterService`: the client of a resource removes itself.
    pub(crate) fn delete(&mut self, ix: usize) {
        let Some(relay) = self.any_node() else {
            return self.queue.push(self.now_ms + RETRY_MS, Event::Delete(ix));
        };
        let now = self.clock_sec(relay);
        let resource = &self.resources[ix];
        let tombstone = resource.tombstone(&self.clients[resource.owner], now);
        if !self.publish(ix, relay, Parcel::Tombstone(tombstone)) {
            return self.queue.push(self.now_ms + RETRY_MS, Event::Delete(ix));
        }
        let resource = &mut self.resources[ix];
        resource.dated_sec = now;
        resource.deleted_ms = Some(self.now_ms);
    }

    /// A new key, half of the time for being deleted soon.
    pub(crate) fn create(&mut self) {
        let wait_ms = HOUR_MS as f64 / self.new_per_hour();
        self.queue.push(self.now_ms + wait_ms as u64, Event::Create);
        let fate = if self.rng.gen() { Fate::Deleted } else { Fate::Unused };
        let number = self.resources.len();
        let owner = self.rng.gen_range(0..self.clients.len());
        let created_sec = crate::node::EPOCH_SEC + self.now_ms / 1_000;
        let resource = Resource::new(number, owner, &self.clients[owner], fate, created_sec);
        self.by_key.insert(*resource.key_id.as_bytes(), number);
        self.resources.push(resource);
        self.put(number);
    }

    /// `spread` on the relay, `publish` on the neighbours; whether any has taken it in.
    fn publish(&mut self, ix: usize, relay: NodeIx, parcel: Parcel) -> bool {
        self.outcome.published += 1;
        let near = self.near(ix, relay, Job::Publish).unwrap_or_else(|error| {
            self.refused(relay, "get_neighbourhood", &error);
            Vec::new()
        });
        let spread = self.spread(ix, relay, near, &parcel);
        let mut stored = spread.here.iter().filter(|here| !here.counts.is_empty()).count();
        let len = key_len(&self.resources[ix].key) + parcel.len();
        for peer_id in spread.ask {
            let sent = self.send(Job::Publish, len);
            let peer = self.directory.find(&peer_id).filter(|peer| self.is_up(*peer));
            let (Some(_), Some(peer)) = (sent, peer) else {
                continue;
            };
            let taken = self.publish_on(ix, peer, parcel.clone());
            let answered = self.send(Job::Publish, peer_id.len()).is_some();
            stored += usize::from(taken && answered);
        }
        self.outcome.publish_failures += u64::from(stored == 0);
        stored > 0
    }

    fn spread(&mut self, ix: usize, relay: NodeIx, near: Vec<String>, parcel: &Parcel) -> Plan {
        let now = self.clock_sec(relay);
        let resource = &self.resources[ix];
        let client = &self.clients[resource.owner];
        let node = &mut self.nodes[relay as usize];
        let origins = parcel.origins(node, client, true);
        let published = parcel.clone().published(resource);
        let plan = self.costs.timed(Job::Publish, || {
            node.call(origins, |call| Ok(call.spread(published, &[], (near, 1), now)))
        });
        match plan {
            Ok(plan) => {
                for here in plan.here.iter().filter(|here| !here.error.is_empty()) {
                    self.outcome
                        .check(crate::outcome::Rule::NothingRefused, false, || here.error.clone());
                }
                plan
            }
            Err(error) => {
                self.refused(relay, "spread", &error);
                Plan::default()
            }
        }
    }

    fn publish_on(&mut self, ix: usize, peer: NodeIx, parcel: Parcel) -> bool {
        let now = self.clock_sec(peer);
        let resource = &self.resources[ix];
        let client = &self.clients[resource.owner];
        let node = &mut self.nodes[peer as usize];
        let origins = parcel.origins(node, client, false);
        let taken = self.costs.timed(Job::Publish, || {
            node.call(origins, |call| call.publish(parcel.published(resource), &[], now))
        });
        if let Err(error) = &taken {
            self.refused(peer, "publish", error);
        }
        taken.is_ok()
    }

    /// The neighbours of a resource as the Resources API finds them through a node.
    pub(crate) fn near(&mut self, ix: usize, relay: NodeIx, job: Job) -> Result<Vec<String>, CallError> {
        if !self.config.asks_closer {
            return Ok(self.neighbourhood_on(relay, ix));
        }
        let client = self.clients[self.resources[ix].owner].clone();
        self.near_for(&client, ix, relay, job)
    }

    /// `findNeighbourhood` in a script of `init_peer`'s.
    pub(crate) fn near_for(
        &mut self,
        init_peer: &Peer,
        ix: usize,
        relay: NodeIx,
        job: Job,
    ) -> Result<Vec<String>, CallError> {
        let own = self.neighbourhood_on(relay, ix);
        let key_id = self.resources[ix].key.id.clone();
        let steps: &[u8] = match own.len() < NEIGHBOURHOOD_MAX {
            true => &[],
            false => &[1, 2],
        };
        let mut lists = vec![own];
        for step in steps {
            let node = &mut self.nodes[relay as usize];
            let origins = node.from(init_peer, 3);
            let closer = self.costs.timed(job, || {
                node.call(origins, |call| {
                    Ok(call.get_closer(&key_id, lists.clone(), *step, 1_000)?)
                })
            })?;
            let mut named = Vec::new();
            for peer_id in closer.ask {
                named.extend(self.ask_closer(ix, &peer_id, job));
            }
            // Those that answer first: any of them, as messages take any time.
            named.shuffle(&mut self.rng);
            let enough = closer.enough.first().map_or(0, |enough| *enough as usize + 1);
            named.truncate(enough.saturating_sub(lists.len()));
            lists.extend(named);
        }
        let node = &mut self.nodes[relay as usize];
        let origins = node.from(init_peer, 2);
        self.costs.timed(job, || {
            node.call(origins, |call| Ok(call.get_neighbourhood(&key_id, lists)?))
        })
    }

    fn ask_closer(&mut self, ix: usize, peer_id: &str, job: Job) -> Option<Vec<String>> {
        self.send(job, self.resources[ix].key.id.len())?;
        let peer = self.directory.find(peer_id).filter(|peer| self.is_up(*peer))?;
        let list = self.neighbourhood_on(peer, ix);
        self.send(job, list.iter().map(String::len).sum())?;
        Some(list)
    }

    /// `kad.neighborhood` of a resource on a node.
    fn neighbourhood_on(&self, node: NodeIx, ix: usize) -> Vec<String> {
        let near = self.directory.closest(node, self.resources[ix].target, self.now_ms);
        self.directory.ids(&near)
    }
}
