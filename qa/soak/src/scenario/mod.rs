//! The scenarios.

mod away;
mod busy_keys;
mod churn;
mod killed_midway;
mod last_one;
mod no_peers_yet;
mod partition;
mod restart_all;
mod short_tables;
mod suppression;

use std::time::Duration;

use eyre::Result;
use serde::Serialize;

use crate::figures::Figures;
use crate::options::Options;
use crate::progress::Progress;

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
/// For so long a round keeps its keys: what it has not brought to an end is due again then.
pub(crate) const LEASE: Duration = Duration::from_secs(300);

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
    /// The network falls apart for twelve hours, and both halves go on.
    Partition,
    /// Nodes are killed in the middle of replication, and restarted.
    KilledMidway,
    /// Resources are registered anew and republished every few minutes, while half of the nodes are replaced.
    BusyKeys,
    /// A node tells all others that it holds the same, and republishes keys, all the time, while nodes are replaced.
    Suppression,
    /// Nodes are down for more than three hours, while providers are deleted and added, and come back.
    Away,
    /// Nodes restart and see nobody for more than an interval, and then a few.
    NoPeersYet,
    /// Nodes know few peers of a network that is larger, and half of them are replaced.
    ShortTables,
}

impl Scenario {
    pub const ALL: [Self; 10] = [
        Self::Churn,
        Self::RestartAll,
        Self::LastOne,
        Self::Partition,
        Self::KilledMidway,
        Self::BusyKeys,
        Self::Suppression,
        Self::Away,
        Self::NoPeersYet,
        Self::ShortTables,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Churn => "churn",
            Self::RestartAll => "restart-all",
            Self::LastOne => "last-one",
            Self::Partition => "partition",
            Self::KilledMidway => "killed-midway",
            Self::BusyKeys => "busy-keys",
            Self::Suppression => "suppression",
            Self::Away => "away",
            Self::NoPeersYet => "no-peers-yet",
            Self::ShortTables => "short-tables",
        }
    }

    /// How much virtual time it takes, about.
    #[must_use]
    pub fn length(self, options: &Options) -> Duration {
        match self {
            Self::Churn => Duration::from_secs_f64(options.days * 86_400.0),
            Self::RestartAll => 7 * HOUR,
            Self::LastOne => 4 * HOUR,
            Self::Partition => 17 * HOUR,
            Self::KilledMidway => killed_midway::length(options),
            Self::BusyKeys => options.length(busy_keys::HOURS),
            Self::Suppression => options.length(suppression::HOURS),
            Self::Away => 14 * HOUR,
            Self::NoPeersYet => 6 * HOUR,
            Self::ShortTables => options.length(short_tables::HOURS),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// Where the network cannot be run, a checker objects, or an operation of a client fails for good. What readers must
    /// not see is a violation in the figures instead, and the run goes on.
    pub fn run(self, options: &Options, progress: Progress) -> Result<Figures> {
        let nodes = options.nodes.unwrap_or(match self {
            Self::Churn => 40,
            // Each half is larger than a neighbourhood, too.
            Self::Partition => 44,
            Self::ShortTables => 64,
            _ => 24,
        });
        match self {
            Self::Churn => churn::run(options, nodes, progress),
            Self::RestartAll => restart_all::run(options, nodes, progress),
            Self::LastOne => last_one::run(options, nodes, progress),
            Self::Partition => partition::run(options, nodes, progress),
            Self::KilledMidway => killed_midway::run(options, nodes, progress),
            Self::BusyKeys => busy_keys::run(options, nodes, progress),
            Self::Suppression => suppression::run(options, nodes, progress),
            Self::Away => away::run(options, nodes, progress),
            Self::NoPeersYet => no_peers_yet::run(options, nodes, progress),
            Self::ShortTables => short_tables::run(options, nodes, progress),
        }
    }
}
