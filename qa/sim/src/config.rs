//! What a simulated network looks like. Everything that a run depends on is here; the same configuration gives the same
//! run.

use serde::Serialize;

/// A network, what happens in it, and for how long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    pub seed: u64,
    pub nodes: usize,
    pub keys: usize,
    /// Virtual time of the run.
    pub hours: f64,
    /// After so many hours half of the nodes have left and others have come; never where it is 0.
    pub half_life_hours: f64,
    /// Share of the departures that are restarts: the node comes back with its data after 5 to 60 minutes.
    pub restarts: f64,
    /// Share of the messages that are lost.
    pub loss: f64,
    /// Clocks are at most so far apart.
    pub clock_spread_sec: u64,
    /// Peers in one bucket of a node's routing table.
    pub bucket: usize,
    /// Whether a node that looks for a key's neighbours for a client asks the closest it knows for closer ones, as the
    /// Resources API does. Without that it must know every node.
    pub asks_closer: bool,
    /// Whether nodes replicate at all.
    pub replication: bool,
    /// Whether the clients whose keys live put their records again before they expire.
    pub renewal: bool,
    /// Lookups in an hour.
    pub lookups_per_hour: usize,
    /// How often all nodes are looked through.
    pub census_min: u64,
    pub spell: SpellConfig,
    pub mix: Mix,
}

/// What `registry-spell` is configured with, in seconds, and how often the host starts it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpellConfig {
    pub period_sec: u64,
    pub expired_interval_sec: u64,
    pub renew_interval_sec: u64,
    pub replicate_interval_sec: u64,
}

/// Shares of the keys; what is left is unused: put once, and to go when its time is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mix {
    /// A client provides, and puts its record again in time.
    pub kept: f64,
    /// A node provides.
    pub hosted: f64,
    /// The provider was removed.
    pub deleted: f64,
    /// New keys in an hour, as a share of all: half of them are deleted after one to three hours, the others unused.
    pub new_per_hour: f64,
}

impl Default for SpellConfig {
    fn default() -> Self {
        Self {
            period_sec: 60,
            expired_interval_sec: 3_600,
            renew_interval_sec: 43_200,
            replicate_interval_sec: 3_600,
        }
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            kept: 0.70,
            hosted: 0.04,
            deleted: 0.13,
            new_per_hour: 0.005,
        }
    }
}

impl Mix {
    /// Nothing but keys that clients provide: for pictures of survival.
    #[must_use]
    pub const fn kept_only() -> Self {
        Self {
            kept: 1.0,
            hosted: 0.0,
            deleted: 0.0,
            new_per_hour: 0.0,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            nodes: 1_000,
            keys: 100_000,
            hours: 3.0,
            half_life_hours: 2.0,
            restarts: 0.2,
            loss: 0.05,
            clock_spread_sec: 20,
            bucket: 20,
            asks_closer: true,
            replication: true,
            renewal: true,
            lookups_per_hour: 5_000,
            census_min: 30,
            spell: SpellConfig::default(),
            mix: Mix::default(),
        }
    }
}

/// More than these fit on no machine that anybody would run this on.
pub const NODES_MAX: usize = 5_000;
pub const KEYS_MAX: usize = 1_000_000;
/// Copies of keys that all nodes together hold at the start: about 3 kB of memory each.
pub const COPIES_MAX: usize = 8_000_000;

impl Config {
    /// # Errors
    /// What is out of range, its limits, and the way out.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: f64, least: f64, most: f64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(format!("{name} is {value}: it must be between {least} and {most}"))
        };
        within("--nodes", self.nodes as f64, 1.0, NODES_MAX as f64)?;
        within("--keys", self.keys as f64, 1.0, KEYS_MAX as f64)?;
        within("--hours", self.hours, 0.1, 24.0 * 365.0)?;
        within("--half-life-hours", self.half_life_hours, 0.0, 24.0 * 365.0)?;
        within("--restarts", self.restarts, 0.0, 1.0)?;
        within("--loss", self.loss, 0.0, 0.9)?;
        within("--clock-spread-sec", self.clock_spread_sec as f64, 0.0, 30.0)?;
        within("--bucket", self.bucket as f64, 1.0, NODES_MAX as f64)?;
        within("--lookups-per-hour", self.lookups_per_hour as f64, 0.0, 1e7)?;
        within("--census-min", self.census_min as f64, 1.0, 1_440.0)?;
        let copies = self.keys * self.nodes.min(20);
        if copies > COPIES_MAX {
            return Err(format!(
                "{} keys on 20 nodes each are {copies} copies: at most {COPIES_MAX}, so take fewer --keys",
                self.keys
            ));
        }
        Ok(())
    }

    #[must_use]
    pub fn end_ms(&self) -> u64 {
        (self.hours * 3_600_000.0) as u64
    }
}
