//! A call's cost, for people and for programs.

use std::time::Duration;

use comfy_table::{presets, CellAlignment, Table};
use serde_json::{json, Value};

use crate::aqua::{AquaFunction, AquaType};
use crate::call::CallOutcome;
use crate::network::Network;
use crate::peer::{Peer, Role};
use crate::stats::PeerStats;

/// Services that scripts call on their initiator for bookkeeping.
const INTERNAL: [&str; 3] = ["getDataSrv.", "callbackSrv.", "errorHandlingSrv."];

/// What a function returned, for people: one value below the other, bytes in hexadecimal.
#[must_use]
pub fn values(function: &AquaFunction, values: &[Value]) -> String {
    let readable = |(index, value): (usize, &Value)| {
        let aqua_type = function.results().get(index).unwrap_or(&AquaType::Any);
        format!("{:#}", aqua_type.readable(value))
    };
    let shown: Vec<_> = values.iter().enumerate().map(readable).collect();
    shown.join("\n")
}

/// A table of the peers that took part, and a line with the sums.
#[must_use]
pub fn table(network: &Network, outcome: &CallOutcome) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header([
        "peer", "", "asked", "answered", "in", "out", "AVM", "AVM time", "services",
    ]);
    for column in [2, 3, 4, 5, 6, 7] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let stats = &outcome.stats;
    let mut rows: Vec<_> = stats.peers.iter().collect();
    rows.sort_by_key(|(peer, stats)| (stats.asked, **peer));
    for (index, stats) in rows {
        table.add_row(row(&network.peers()[index.0], stats));
    }
    let lost = match stats.lost {
        0 => String::new(),
        lost => format!(", {lost} lost"),
    };
    format!(
        "{table}\n{} of virtual time; {} ({} of data) in {} hops{lost}; {} AVM calls in {}; {} service calls in {}",
        ms(stats.latency),
        bytes(stats.bytes),
        bytes(stats.data_bytes),
        stats.hops,
        stats.avm_calls,
        ms(stats.avm_time),
        stats.service_calls,
        ms(stats.service_time),
    )
}

/// Result and cost as JSON.
#[must_use]
pub fn as_json(network: &Network, outcome: &CallOutcome) -> Value {
    let (result, error) = match outcome.value() {
        Ok(value) => (value, Value::Null),
        Err(failure) => (Value::Null, json!(failure.to_string())),
    };
    let mut stats = json!(outcome.stats);
    if let Some(peers) = stats["peers"].as_object_mut() {
        for (index, peer) in peers {
            let index: usize = index.parse().expect("keys are peer indices");
            peer["peer_id"] = json!(network.peers()[index].id());
        }
    }
    json!({
        "result": result,
        "error": error,
        "stats": stats,
        "seed": network.seed(),
        "digest": network.digest(),
    })
}

fn row(peer: &Peer, stats: &PeerStats) -> Vec<String> {
    let role = match peer.role() {
        Role::Node if peer.is_alive() => "node",
        Role::Node => "node, dead",
        Role::Client { .. } => "client",
    };
    let optional_ms = |time: Option<Duration>| time.map_or("-".to_owned(), ms);
    vec![
        format!("{} …{}", peer.index().0, peer.short_id()),
        role.to_owned(),
        optional_ms(stats.asked),
        optional_ms(stats.answered),
        bytes(stats.bytes_in),
        bytes(stats.bytes_out),
        stats.avm_calls.to_string(),
        ms(stats.avm_time),
        services(stats),
    ]
}

fn services(stats: &PeerStats) -> String {
    let is_internal = |name: &str| INTERNAL.iter().any(|prefix| name.starts_with(prefix));
    let shown = stats.calls.iter().filter(|(name, _)| !is_internal(name));
    let mut lines: Vec<String> = shown
        .map(|(name, count)| match count {
            1 => name.clone(),
            count => format!("{name} ×{count}"),
        })
        .collect();
    lines.extend(stats.errors.iter().map(|error| format!("! {error}")));
    lines.join("\n")
}

fn ms(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

fn bytes(count: u64) -> String {
    match count {
        0 => "-".to_owned(),
        1..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{:.1} KiB", count as f64 / 1024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(bytes(0), "-");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(3 << 20), "3.0 MiB");
        assert_eq!(ms(Duration::from_micros(12_600)), "13 ms");
    }
}
