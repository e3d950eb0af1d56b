//! Scripts that nodes run on their own, again and again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::call::Script;
use crate::error::{CallFailure, NetworkError};
use crate::log::What;
use crate::network::Network;
use crate::peer::PeerIndex;
use crate::queue::Event;
use crate::stats::ParticleStats;
use crate::time::VirtualTime;

/// How many of a schedule's latest runs are kept.
pub const SCHEDULED_RUNS_MAX: usize = 100;

/// A script that a node runs every so often, with its own peer id as initiator.
#[derive(Debug, Clone)]
pub struct ScheduledScript {
    pub air: Arc<str>,
    /// What `getDataSrv` answers; `-relay-` is the node itself unless given.
    pub data: BTreeMap<String, Value>,
    pub every: Duration,
    /// When it runs first, from now.
    pub first_after: Duration,
    /// The network's default unless given.
    pub ttl_ms: Option<u32>,
}

impl ScheduledScript {
    /// A script that runs every `every`, first after that time.
    pub fn new(air: impl Into<Arc<str>>, every: Duration) -> Self {
        Self {
            air: air.into(),
            data: BTreeMap::new(),
            every,
            first_after: every,
            ttl_ms: None,
        }
    }

    #[must_use]
    pub fn first_after(mut self, time: Duration) -> Self {
        self.first_after = time;
        self
    }

    #[must_use]
    pub fn ttl_ms(mut self, ttl_ms: u32) -> Self {
        self.ttl_ms = Some(ttl_ms);
        self
    }

    #[must_use]
    pub fn data(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.data.insert(name.into(), value.into());
        self
    }
}

/// One run of a scheduled script that has ended.
#[derive(Debug, Clone)]
pub struct ScheduledRun {
    pub at: VirtualTime,
    /// A script that never responds ends as [`CallFailure::Expired`].
    pub result: Result<Vec<Value>, CallFailure>,
    pub stats: ParticleStats,
}

/// A schedule's number in its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScheduleIndex(usize);

pub(crate) struct Schedule {
    peer: PeerIndex,
    script: ScheduledScript,
    /// The alias of the spell that holds the script.
    spell: Option<String>,
    runs: VecDeque<ScheduledRun>,
    /// Runs of a spell that have begun.
    cast: u64,
    ended: bool,
}

impl Schedule {
    pub(crate) fn is_of(&self, peer: PeerIndex) -> bool {
        self.peer == peer
    }

    pub(crate) fn casts(&self, peer: PeerIndex, alias: &str) -> bool {
        self.peer == peer && !self.ended && self.spell.as_deref() == Some(alias)
    }

    pub(crate) fn ttl_ms(&self) -> Option<u32> {
        self.script.ttl_ms
    }

    pub(crate) fn count_run(&mut self) {
        self.cast += 1;
    }

    /// It never runs again, and what it ran is forgotten.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.runs.clear();
        self.script.data.clear();
    }
}

impl Network {
    /// Has a node run a script again and again. While the node is dead nothing runs.
    pub fn schedule(&mut self, node: PeerIndex, script: ScheduledScript) -> Result<ScheduleIndex, NetworkError> {
        self.schedule_for(node, script, None)
    }

    pub(crate) fn schedule_for(
        &mut self,
        node: PeerIndex,
        mut script: ScheduledScript,
        spell: Option<String>,
    ) -> Result<ScheduleIndex, NetworkError> {
        let peer = self.peer(node)?;
        if !peer.is_node() {
            return Err(NetworkError::NotANode(node));
        }
        let relay = Value::from(peer.id());
        script.data.entry("-relay-".to_owned()).or_insert(relay);
        // A period of zero would never let time pass.
        script.every = script.every.max(Duration::from_millis(1));
        let schedule = self.schedules.len();
        let first = self.now + script.first_after;
        self.schedules.push(Schedule {
            peer: node,
            script,
            spell,
            runs: VecDeque::new(),
            cast: 0,
            ended: false,
        });
        self.queue.push(first, Event::Tick { schedule });
        Ok(ScheduleIndex(schedule))
    }

    /// The latest runs of a schedule that have ended, at most [`SCHEDULED_RUNS_MAX`], oldest first.
    pub fn scheduled_runs(&self, index: ScheduleIndex) -> impl Iterator<Item = &ScheduledRun> {
        self.schedules[index.0].runs.iter()
    }

    /// How often a node's spell has begun since the network started.
    pub(crate) fn spell_runs(&self, node: PeerIndex, alias: &str) -> u64 {
        let schedules = self.schedules.iter().filter(|schedule| schedule.casts(node, alias));
        schedules.map(|schedule| schedule.cast).sum()
    }

    pub(crate) fn tick(&mut self, schedule: usize) -> Result<(), NetworkError> {
        let due = &self.schedules[schedule];
        if due.ended {
            return Ok(());
        }
        let (peer, script, spell) = (due.peer, due.script.clone(), due.spell.clone());
        let next = self.now + script.every;
        self.queue.push(next, Event::Tick { schedule });
        if !self.peers[peer.0].alive {
            return Ok(());
        }
        self.record(peer, &Arc::from(""), What::Ticked);
        let ttl_ms = script.ttl_ms.unwrap_or(self.config.ttl_ms);
        if let Some(alias) = spell {
            return self.cast_spell(peer, &alias, schedule, ttl_ms, BTreeMap::new());
        }
        let script = Script::scheduled(script.air, script.data, ttl_ms, schedule);
        self.start_script(peer, script)?;
        Ok(())
    }

    pub(crate) fn note_scheduled_run(
        &mut self,
        schedule: usize,
        result: Result<Vec<Value>, CallFailure>,
        stats: ParticleStats,
    ) {
        let at = self.now;
        if self.schedules[schedule].ended {
            return;
        }
        let runs = &mut self.schedules[schedule].runs;
        if runs.len() == SCHEDULED_RUNS_MAX {
            runs.pop_front();
        }
        runs.push_back(ScheduledRun { at, result, stats });
    }
}
