//! What a run can be told.

use std::time::Duration;

use serde::Serialize;

/// What all scenarios have in common. Times are virtual.
#[derive(Debug, Clone, Serialize, clap::Args)]
pub struct Options {
    /// Decides everything that is random: the same seed gives the same run.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many nodes there are at any time [default: 40 in `churn`, 44 in `partition`, 64 in `short-tables`, else 24: more than a neighbourhood].
    #[arg(long)]
    pub nodes: Option<usize>,
    /// How long `churn` lasts, in days.
    #[arg(long, default_value_t = 7.0)]
    pub days: f64,
    /// How long `busy-keys`, `suppression` and `short-tables` last, in hours [default: 8, 14 and 4].
    #[arg(long)]
    pub hours: Option<f64>,
    /// How long a record and an unused key live, in hours; a tombstone lives twice as long.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub lifetime: u64,
    /// Minutes from one round of checks to the next; a round looks every resource up.
    #[arg(long, value_name = "MIN", default_value_t = 25)]
    pub check_every: u64,
    /// Resources with providers.
    #[arg(long, default_value_t = 25)]
    pub resources: usize,
    /// Seconds from one run of a node's spell to the next. Real nodes take 60; a longer time is harder on the data and
    /// easier on the machine.
    #[arg(long, value_name = "SEC", default_value_t = 600)]
    pub tick: u64,
    /// How many nodes must answer a lookup: each check is made with each of these numbers.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 3])]
    pub ack: Vec<i16>,
    /// Providers of the first resource: more than the 32 that a key can hold.
    #[arg(long, default_value_t = 36)]
    pub crowd: usize,
    /// The share of messages between peers that is lost.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub loss: f64,
    /// How far apart the clocks of two peers are at most, in seconds.
    #[arg(long, value_name = "SEC", default_value_t = 20)]
    pub clock_skew: u64,
    /// After how long nodes notice that another one is gone, in seconds.
    #[arg(long, value_name = "SEC", default_value_t = 60)]
    pub notice_after: u64,
    /// Give every node a trust-graph; without it, as on today's networks, all weights are 0.
    #[arg(long)]
    pub trust_graph: bool,
    /// Nodes do not replicate: a scenario that shows something must meet violations then. For tests alone.
    #[arg(skip)]
    #[serde(skip)]
    pub without_replication: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            nodes: None,
            days: 7.0,
            hours: None,
            lifetime: 24,
            check_every: 25,
            resources: 25,
            tick: 600,
            ack: vec![1, 3],
            crowd: 36,
            loss: 0.05,
            clock_skew: 20,
            notice_after: 60,
            trust_graph: false,
            without_replication: false,
        }
    }
}

impl Options {
    /// # Errors
    /// What cannot be run, and what can.
    pub fn check(&self) -> Result<(), String> {
        let share = |name: &str, value: f64, max: f64| {
            if (0.0..=max).contains(&value) {
                Ok(())
            } else {
                Err(format!("--{name} {value}: 0 to {max} are possible"))
            }
        };
        if self.ack.is_empty() || self.ack.len() > 4 {
            return Err(format!("--ack {:?}: one to four numbers are possible", self.ack));
        }
        share("loss", self.loss, 0.5)?;
        share("days", self.days, 366.0)?;
        share("hours", self.hours.unwrap_or(0.0), 366.0 * 24.0)?;
        let count = |name: &str, value: u64, min: u64, max: u64| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(format!("--{name} {value}: {min} to {max} are possible"))
            }
        };
        count("nodes", self.nodes.unwrap_or(12) as u64, 3, 200)?;
        count("resources", self.resources as u64, 3, 1_000)?;
        count("crowd", self.crowd as u64, 0, 64)?;
        count("check-every", self.check_every, 1, 24 * 60)?;
        count("tick", self.tick, 1, 3_600)?;
        // Below that a record is not surely renewed in time.
        count("lifetime", self.lifetime, 6, 24 * 30)?;
        // Beyond 30 s a timestamp counts as forged.
        count("clock-skew", self.clock_skew, 0, 25)?;
        count("notice-after", self.notice_after, 0, 3_600)
    }

    /// How long a scenario lasts that lasts for so many hours unless `--hours` says otherwise.
    #[must_use]
    pub(crate) fn length(&self, hours: f64) -> Duration {
        Duration::from_secs_f64(self.hours.unwrap_or(hours) * 3_600.0)
    }

    #[must_use]
    pub(crate) fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime * 3_600)
    }

    #[must_use]
    pub(crate) fn tick(&self) -> Duration {
        Duration::from_secs(self.tick)
    }
}
