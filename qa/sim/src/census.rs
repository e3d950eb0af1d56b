//! A look into every node's database: who holds what, and whether that may be.

use eyre::{eyre, Result};
use serde::Serialize;

use crate::directory::NodeIx;
use crate::node::EPOCH_SEC;
use crate::outcome::Rule;
use crate::resource::Fate;
use crate::world::{Event, World};

/// Fixed-width items, one behind the other.
const KEYS: &str = "SELECT group_concat(hex(id), '') FROM keys";
const KEY_WIDTH: usize = 64;
const ENTRIES: &str = "SELECT group_concat(kind || hex(key_id) || hex(identity), '') FROM entries";
const ENTRY_WIDTH: usize = 1 + 64 + 42;
const SIZE: &str = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
/// How long a node that is back has until what it brings counts, beside the periods of its jobs.
const SLACK_SEC: u64 = 180;
/// Intervals of replication after which nothing of a deleted record lies anywhere.
const DELETED_INTERVALS: u64 = 3;

/// What one census saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sample {
    pub hours: f64,
    pub nodes_up: usize,
    /// Keys with a live provider.
    pub live_keys: usize,
    /// Those of them that no node holds.
    pub lost_keys: usize,
    /// Share of the lookups since the last census that found the provider; none where there were none.
    pub resolved: Option<f64>,
    /// Nodes that hold a live key's record.
    pub copies: Copies,
    pub keys_per_node: f64,
    pub db_bytes_per_node: f64,
    pub tombstones: u64,
    /// Of all nodes, by `get_stats`: keys that are due, for how long the longest due is, and keys that are partial.
    pub keys_due: u64,
    pub oldest_due_sec: u64,
    pub keys_partial: u64,
}

/// The distribution of copies over the live keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Copies {
    pub min: u32,
    pub p5: u32,
    pub median: u32,
    pub p95: u32,
    pub max: u32,
}

/// What the nodes hold of each resource.
struct Seen {
    records: Vec<u32>,
    key_at: Vec<Option<NodeIx>>,
    tombstone_at: Vec<Option<NodeIx>>,
    /// Deleted records on nodes that have had the time to learn it.
    deleted_at: Vec<Option<NodeIx>>,
    /// For hosted ones only.
    holders: Vec<Vec<NodeIx>>,
    keys: u64,
    tombstones: u64,
    db_bytes: u64,
}

impl World {
    pub(crate) fn census(&mut self) -> Result<()> {
        self.queue
            .push(self.now_ms + self.config.census_min * 60_000, Event::Census);
        let seen = self.look_through()?;
        self.check_seen(&seen);
        let mut counts: Vec<u32> = (0..self.resources.len())
            .filter(|ix| self.resources[*ix].must_be_found() && (!self.is_hosted(*ix) || self.provider_up(*ix)))
            .map(|ix| seen.records[ix])
            .collect();
        counts.sort_unstable();
        let at = |share: f64| counts.get((counts.len() as f64 * share) as usize).copied().unwrap_or(0);
        let window = std::mem::take(&mut self.outcome.window);
        let (keys_due, oldest_due_sec, keys_partial) = self.behind()?;
        let up = self.up.len();
        self.samples.push(Sample {
            hours: self.now_ms as f64 / 3_600_000.0,
            nodes_up: up,
            live_keys: counts.len(),
            lost_keys: counts.partition_point(|count| *count == 0),
            resolved: (window.0 > 0).then(|| window.1 as f64 / window.0 as f64),
            copies: Copies {
                min: at(0.0),
                p5: at(0.05),
                median: at(0.5),
                p95: at(0.95),
                max: counts.last().copied().unwrap_or(0),
            },
            keys_per_node: seen.keys as f64 / up.max(1) as f64,
            db_bytes_per_node: seen.db_bytes as f64 / up.max(1) as f64,
            tombstones: seen.tombstones,
            keys_due,
            oldest_due_sec,
            keys_partial,
        });
        Ok(())
    }

    /// What an operator sees who asks all nodes.
    fn behind(&mut self) -> Result<(u64, u64, u64)> {
        let (mut due, mut oldest_due_sec, mut partial) = (0, 0, 0);
        for ix in self.up.clone() {
            let now = self.clock_sec(ix);
            let node = &mut self.nodes[ix as usize];
            let origins = node.own(1).time(0);
            let behind = node.call(origins, |call| call.get_stats(now))?.behind;
            due += behind.due;
            partial += behind.partial;
            oldest_due_sec = behind.oldest_due_sec.max(oldest_due_sec);
        }
        Ok((due, oldest_due_sec, partial))
    }

    fn is_hosted(&self, ix: usize) -> bool {
        self.resources[ix].fate == Fate::Hosted
    }

    fn look_through(&self) -> Result<Seen> {
        let count = self.resources.len();
        let mut seen = Seen {
            records: vec![0; count],
            key_at: vec![None; count],
            tombstone_at: vec![None; count],
            deleted_at: vec![None; count],
            holders: vec![Vec::new(); count],
            keys: 0,
            tombstones: 0,
            db_bytes: 0,
        };
        for &node in &self.up {
            self.look_into(node, &mut seen)?;
        }
        Ok(seen)
    }

    fn look_into(&self, ix: NodeIx, seen: &mut Seen) -> Result<()> {
        let node = &self.nodes[ix as usize];
        let Some(registry) = node.registry() else {
            return Ok(());
        };
        let up_sec = (self.now_ms - node.up_since_ms) / 1_000;
        let settled = up_sec >= SLACK_SEC || node.up_since_ms == 0;
        let knows_deleted = node.up_since_ms == 0 || up_sec >= self.deleted_grace_sec();
        let size = registry.store().read_raw(SIZE, &[])?;
        seen.db_bytes += std::str::from_utf8(&size)?.parse::<u64>()?;
        for item in registry.store().read_raw(KEYS, &[])?.chunks_exact(KEY_WIDTH) {
            seen.keys += 1;
            let resource = self.resource_of(item)?;
            if settled {
                seen.key_at[resource] = Some(ix);
            }
        }
        for item in registry.store().read_raw(ENTRIES, &[])?.chunks_exact(ENTRY_WIDTH) {
            let resource = self.resource_of(&item[1..65])?;
            if item[0] == b'2' {
                seen.tombstones += 1;
                if settled {
                    seen.tombstone_at[resource] = Some(ix);
                }
                continue;
            }
            if unhex::<21>(&item[65..])? != self.resources[resource].identity {
                continue;
            }
            seen.records[resource] += 1;
            if self.resources[resource].fate == Fate::Deleted && knows_deleted {
                seen.deleted_at[resource] = Some(ix);
            }
            if self.is_hosted(resource) {
                seen.holders[resource].push(ix);
            }
        }
        Ok(())
    }

    fn resource_of(&self, hex: &[u8]) -> Result<usize> {
        let found = self.by_key.get(&unhex::<32>(hex)?);
        found
            .copied()
            .ok_or_else(|| eyre!("a node holds a key that nobody made"))
    }

    fn deleted_grace_sec(&self) -> u64 {
        self.config.spell.replicate_interval_sec * DELETED_INTERVALS + SLACK_SEC
    }

    fn check_seen(&mut self, seen: &Seen) {
        let now_sec = EPOCH_SEC + self.now_ms / 1_000;
        let expired_sec = self.timeouts.expired_sec;
        // A use is noted coarsely, rounded up; then the key waits for the job that removes it.
        let slack_sec = self.timeouts.use_granularity_sec() + self.config.spell.expired_interval_sec + SLACK_SEC;
        for ix in 0..self.resources.len() {
            let resource = &self.resources[ix];
            let age_sec = now_sec.saturating_sub(resource.dated_sec);
            match resource.fate {
                Fate::Unused if resource.registered && age_sec > expired_sec + slack_sec => {
                    self.check_nowhere(Rule::UnusedGoes, ix, seen.key_at[ix]);
                }
                Fate::Deleted if resource.deleted_ms.is_some() => {
                    if age_sec > 2 * expired_sec + slack_sec {
                        self.check_nowhere(Rule::TombstonesGo, ix, seen.tombstone_at[ix]);
                    }
                    if age_sec > self.deleted_grace_sec() && self.config.replication {
                        self.check_nowhere(Rule::StaysDeleted, ix, seen.deleted_at[ix]);
                    }
                }
                Fate::Hosted if resource.must_be_found() && self.provider_up(ix) => {
                    let near = self.directory.truly_closest(resource.target);
                    let there = seen.holders[ix].iter().any(|holder| near.contains(holder));
                    let (label, count) = (resource.key.label.clone(), seen.holders[ix].len());
                    self.outcome.check(Rule::HostRecordThere, there, || {
                        format!("{label} lies on {count} nodes, none of them in its neighbourhood")
                    });
                }
                _ => {}
            }
        }
    }

    fn check_nowhere(&mut self, rule: Rule, ix: usize, at: Option<NodeIx>) {
        let resource = &self.resources[ix];
        let age_hours = (EPOCH_SEC + self.now_ms / 1_000).saturating_sub(resource.dated_sec) as f64 / 3_600.0;
        let label = resource.key.label.clone();
        self.outcome.check(rule, at.is_none(), || {
            format!(
                "{label}, dated {age_hours:.2} h ago, lies on node {}",
                at.unwrap_or_default()
            )
        });
    }
}

fn unhex<const N: usize>(hex: &[u8]) -> Result<[u8; N]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        let (high, low) = digit(pair[0]).zip(digit(pair[1])).ok_or_else(|| eyre!("not hex"))?;
        *byte = high << 4 | low;
    }
    Ok(bytes)
}
