//! How far lookups reach. A Kademlia node knows all that are near it and few of those that are far, so from far away
//! it cannot name the closest to a key unless it asks closer nodes.

use comfy_table::Table;

use crate::config::{Config, Mix};
use crate::report::{align, table, Report};

/// See [`Config::asks_closer`].
pub const ASKS_CLOSER: [bool; 2] = [false, true];

/// Networks of these sizes in which nothing happens but lookups.
#[must_use]
pub fn configs(base: &Config, nodes: &[usize]) -> Vec<Config> {
    let config = |nodes, asks_closer| Config {
        nodes,
        asks_closer,
        half_life_hours: 0.0,
        replication: false,
        renewal: false,
        census_min: 24 * 60,
        mix: Mix::kept_only(),
        ..base.clone()
    };
    let of_size = |nodes: &usize| ASKS_CLOSER.map(|asks_closer| config(*nodes, asks_closer));
    nodes.iter().flat_map(of_size).collect()
}

/// Share of the lookups that found their key, by size, with and without asking closer nodes.
#[must_use]
pub fn table_of(reports: &[Report]) -> Table {
    let mut table = table(&["nodes", "peers in a table", "nobody asked", "Resources API"]);
    for reports in reports.chunks(ASKS_CLOSER.len()) {
        let mut row = vec![
            reports[0].config.nodes.to_string(),
            format!("{:.0}", reports[0].table_len),
        ];
        row.extend(reports.iter().map(|report| {
            let (found, looked_up) = report.outcome.resolved();
            format!("{:.2} %", found as f64 / looked_up.max(1) as f64 * 100.0)
        }));
        table.add_row(row);
    }
    align(table)
}
