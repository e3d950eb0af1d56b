//! What a run says in the end: tables for people, JSON for programs.

use comfy_table::{presets::UTF8_FULL_CONDENSED, CellAlignment, Table};
use serde::Serialize;

use crate::census::Sample;
use crate::config::Config;
use crate::cost::{Cost, Job, JOBS};
use crate::outcome::Outcome;
use crate::world::World;

/// All of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub config: Config,
    /// Virtual hours that have passed.
    pub hours: f64,
    /// Peers in a node's routing table at the end, on average.
    pub table_len: f64,
    pub outcome: Outcome,
    pub per_node_hour: Vec<PerNodeHour>,
    pub samples: Vec<Sample>,
}

/// What a job costs one node in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PerNodeHour {
    pub job: Job,
    pub messages: f64,
    pub bytes: f64,
    pub calls: f64,
    /// Native; the only figures that differ between runs of one seed.
    pub cpu_ms: f64,
}

impl PerNodeHour {
    fn new(job: Job, cost: Cost, node_hours: f64) -> Self {
        let share = |sum: u64| sum as f64 / node_hours;
        Self {
            job,
            messages: share(cost.messages),
            bytes: share(cost.bytes),
            calls: share(cost.calls),
            cpu_ms: share(cost.cpu_ns) / 1e6,
        }
    }
}

impl Report {
    #[must_use]
    pub fn of(world: &World) -> Self {
        let (costs, node_hours) = world.costs();
        let node_hours = node_hours.max(f64::MIN_POSITIVE);
        Self {
            config: world.config().clone(),
            hours: world.hours(),
            table_len: world.table_len(),
            outcome: world.outcome().clone(),
            per_node_hour: JOBS
                .map(|job| PerNodeHour::new(job, costs.of(job), node_hours))
                .to_vec(),
            samples: world.samples().to_vec(),
        }
    }

    /// Costs of several jobs together.
    #[must_use]
    pub fn together(&self, jobs: &[Job]) -> PerNodeHour {
        let mut sum = PerNodeHour::new(jobs[0], Cost::default(), 1.0);
        for cost in self.per_node_hour.iter().filter(|cost| jobs.contains(&cost.job)) {
            sum.messages += cost.messages;
            sum.bytes += cost.bytes;
            sum.calls += cost.calls;
            sum.cpu_ms += cost.cpu_ms;
        }
        sum
    }

    /// The whole report as text.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{}\n\nper node and hour\n{}\n\nover time\n{}\n\nchecks\n{}\n{}",
            self.summary(),
            self.cost_table(),
            self.sample_table(),
            self.check_table(),
            self.told()
        )
    }

    fn summary(&self) -> String {
        let (config, outcome) = (&self.config, &self.outcome);
        format!(
            "seed {}: {} nodes, {} keys, {:.1} h; {} departures, {} of them restarts; {} rounds of replication, {} keys located, \
             {} taken, {} exchanged, {} dropped after the hand-over; {} publications, {} of them failed at first",
            config.seed,
            config.nodes,
            config.keys,
            self.hours,
            outcome.departures,
            outcome.restarts,
            outcome.rounds,
            outcome.keys_located,
            outcome.keys_taken,
            outcome.keys_exchanged,
            outcome.keys_dropped,
            outcome.published,
            outcome.publish_failures,
        )
    }

    fn cost_table(&self) -> Table {
        let mut table = table(&["job", "messages", "kB", "calls", "CPU ms (native)"]);
        for cost in &self.per_node_hour {
            table.add_row([
                format!("{:?}", cost.job).to_lowercase(),
                format!("{:.1}", cost.messages),
                format!("{:.1}", cost.bytes / 1e3),
                format!("{:.1}", cost.calls),
                format!("{:.1}", cost.cpu_ms),
            ]);
        }
        align(table)
    }

    fn sample_table(&self) -> Table {
        let mut table = table(&[
            "hours",
            "nodes",
            "live keys",
            "lost",
            "resolved",
            "copies min / 5 % / median / 95 % / max",
            "keys per node",
            "database kB",
            "tombstones",
            "due / longest, s / partial",
        ]);
        for sample in &self.samples {
            let copies = sample.copies;
            table.add_row([
                format!("{:.2}", sample.hours),
                sample.nodes_up.to_string(),
                sample.live_keys.to_string(),
                sample.lost_keys.to_string(),
                sample
                    .resolved
                    .map_or_else(String::new, |share| format!("{:.3} %", share * 100.0)),
                format!(
                    "{} / {} / {} / {} / {}",
                    copies.min, copies.p5, copies.median, copies.p95, copies.max
                ),
                format!("{:.0}", sample.keys_per_node),
                format!("{:.0}", sample.db_bytes_per_node / 1e3),
                sample.tombstones.to_string(),
                format!(
                    "{} / {} / {}",
                    sample.keys_due, sample.oldest_due_sec, sample.keys_partial
                ),
            ]);
        }
        align(table)
    }

    fn check_table(&self) -> Table {
        let mut table = table(&["rule", "checks", "violations"]);
        for (rule, checks) in &self.outcome.checks {
            let violations = self.outcome.violations.get(rule).copied().unwrap_or(0);
            table.add_row([format!("{rule:?}"), checks.to_string(), violations.to_string()]);
        }
        align(table)
    }

    fn told(&self) -> String {
        let outcome = &self.outcome;
        let mut text = format!(
            "host records read late: {}; deleted records read within the first interval: {}; renewals put off: {}",
            outcome.host_records_read_late, outcome.deleted_read_early, outcome.renewals_put_off
        );
        for told in &outcome.told {
            text.push_str("\n  ");
            text.push_str(told);
        }
        text
    }
}

/// How the costs grow with nodes and keys.
#[must_use]
pub fn growth_table(reports: &[Report]) -> Table {
    let mut table = table(&[
        "nodes",
        "keys",
        "keys per node",
        "messages",
        "kB compared",
        "kB transferred",
        "CPU ms replicating",
        "CPU ms all",
        "database kB",
        "violations",
    ]);
    for report in reports {
        let replication = report.together(&[Job::Compare, Job::Transfer, Job::Locate]);
        let last = report.samples.last().cloned().unwrap_or_default();
        table.add_row([
            report.config.nodes.to_string(),
            report.config.keys.to_string(),
            format!("{:.0}", last.keys_per_node),
            format!("{:.0}", replication.messages),
            format!("{:.1}", report.together(&[Job::Compare]).bytes / 1e3),
            format!("{:.1}", report.together(&[Job::Transfer]).bytes / 1e3),
            format!("{:.0}", replication.cpu_ms),
            format!("{:.0}", report.together(&JOBS).cpu_ms),
            format!("{:.0}", last.db_bytes_per_node / 1e3),
            report.outcome.violations.values().sum::<u64>().to_string(),
        ]);
    }
    align(table)
}

pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(header);
    table
}

pub(crate) fn align(mut table: Table) -> Table {
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
