//! What becomes of keys while nodes come and go, with replication and without.

use crate::config::{Config, Mix};
use crate::plot::{draw, Panel, Series};
use crate::report::Report;

/// Half-lives of the network, in hours, and whether it replicates.
pub const SCENARIOS: [(f64, bool); 6] = [
    (0.5, true),
    (2.0, true),
    (8.0, true),
    (0.5, false),
    (2.0, false),
    (8.0, false),
];

/// The records are put once, at the start, and live for a day: what is found until then, replication has kept.
const HOURS: f64 = 23.0;

/// The networks of the picture.
#[must_use]
pub fn configs(base: &Config) -> Vec<Config> {
    let config = |(half_life_hours, replication)| Config {
        half_life_hours,
        replication,
        hours: base.hours.min(HOURS),
        renewal: false,
        mix: Mix::kept_only(),
        ..base.clone()
    };
    SCENARIOS.map(config).to_vec()
}

/// Draws what was seen in them.
#[must_use]
pub fn picture(reports: &[Report]) -> String {
    let Some(first) = reports.first() else {
        return draw("no runs", &[]);
    };
    let x_max = first.config.hours.ceil();
    let panel = |title: &str, y_label: &str, y_max: f64, y_step: f64, series: Vec<Series>| Panel {
        title: title.to_owned(),
        x_label: "time since the records were put (hours)".to_owned(),
        y_label: y_label.to_owned(),
        x_max,
        y_max,
        x_step: if x_max > 12.0 { 2.0 } else { 1.0 },
        y_step,
        series,
    };
    let series = |value: fn(&crate::census::Sample) -> Option<f64>| -> Vec<Series> {
        let line = |(colour, report): (usize, &Report)| Series {
            label: label(&report.config),
            dashed: !report.config.replication,
            colour,
            points: report
                .samples
                .iter()
                .map(|sample| (sample.hours, value(sample)))
                .collect(),
        };
        reports.iter().enumerate().map(line).collect()
    };
    let title = format!(
        "Survival under churn: {} nodes, {} keys, {} % of messages lost",
        first.config.nodes,
        first.config.keys,
        first.config.loss * 100.0
    );
    draw(
        &title,
        &[
            panel(
                "Lookups that find the provider",
                "share of lookups (%)",
                100.0,
                20.0,
                series(|sample| sample.resolved.map(|share| share * 100.0)),
            ),
            panel(
                "Copies of a key: median (32 stands for more)",
                "nodes that hold its record",
                32.0,
                4.0,
                series(|sample| Some(f64::from(sample.copies.median.min(32)))),
            ),
            panel(
                "Copies of a key: the key that has fewest",
                "nodes that hold its record",
                32.0,
                4.0,
                series(|sample| Some(f64::from(sample.copies.min.min(32)))),
            ),
        ],
    )
}

fn label(config: &Config) -> String {
    let replication = if config.replication {
        "replicating"
    } else {
        "no replication"
    };
    format!("{replication}, half gone in {} h", config.half_life_hours)
}
