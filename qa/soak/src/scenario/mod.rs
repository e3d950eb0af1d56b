//! The scenarios.

mod churn;
mod killed_midway;
mod last_one;
mod partition;
mod restart_all;

use std::time::Duration;

use eyre::Result;
use serde::Serialize;

use crate::figures::Figures;
use crate::options::Options;
use crate::progress::Progress;

const HOUR: Duration = Duration::from_secs(3_600);

/// What happens to a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Half of the nodes are replaced every two hours, for days.
    Churn,
    /// All nodes restart at once, three times.
    RestartAll,
    /// All nodes but one are lost; others join with empty storage.
    LastOne,
    /// The network falls apart for 30 hours, and both halves go on.
    Partition,
    /// Nodes are killed in the middle of replication, and restarted.
    KilledMidway,
}

impl Scenario {
    pub const ALL: [Self; 5] = [
        Self::Churn,
        Self::RestartAll,
        Self::LastOne,
        Self::Partition,
        Self::KilledMidway,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Churn => "churn",
            Self::RestartAll => "restart-all",
            Self::LastOne => "last-one",
            Self::Partition => "partition",
            Self::KilledMidway => "killed-midway",
        }
    }

    /// How much virtual time it takes, about.
    #[must_use]
    pub fn length(self, options: &Options) -> Duration {
        match self {
            Self::Churn => Duration::from_secs_f64(options.days * 86_400.0),
            Self::RestartAll => 7 * HOUR,
            Self::LastOne => 4 * HOUR,
            Self::Partition => 36 * HOUR,
            Self::KilledMidway => killed_midway::length(options),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// Where the network cannot be run, a checker objects, or an operation of a client fails for good. What readers must
    /// not see is a violation in the figures instead, and the run goes on.
    pub fn run(self, options: &Options, progress: Progress) -> Result<Figures> {
        let nodes = options.nodes.unwrap_or(if self == Self::Churn { 40 } else { 12 });
        match self {
            Self::Churn => churn::run(options, nodes, progress),
            Self::RestartAll => restart_all::run(options, nodes, progress),
            Self::LastOne => last_one::run(options, nodes, progress),
            Self::Partition => partition::run(options, nodes, progress),
            Self::KilledMidway => killed_midway::run(options, nodes, progress),
        }
    }
}
