//! Tables for people, JSON for programs. Colours only where somebody looks: `anstream` takes them out elsewhere.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ContentArrangement, Table};
use registry_client::NodeError;
use serde::Serialize;

const DIM: Style = Style::new().dimmed();

fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(colour.into()))
}

/// One line of JSON on stdout.
pub(crate) fn json(value: &impl Serialize) {
    let text = serde_json::to_string(value).expect("what is shown is JSON");
    anstream::println!("{text}");
}

pub(crate) fn line(text: &str) {
    anstream::println!("{text}");
}

pub(crate) fn good(text: &str) {
    anstream::println!("{0}{text}{0:#}", colour(AnsiColor::Green));
}

/// What is beside the result, on stderr.
pub(crate) fn note(text: &str) {
    anstream::eprintln!("{DIM}{text}{DIM:#}");
}

pub(crate) fn error(text: &str) {
    anstream::eprintln!("{0}error:{0:#} {text}", colour(AnsiColor::Red).bold());
}

pub(crate) fn hint(text: &str) {
    anstream::eprintln!("{0}try:{0:#} {text}", colour(AnsiColor::Cyan));
}

pub(crate) fn warning(text: &str) {
    anstream::eprintln!("{0}warning:{0:#} {text}", colour(AnsiColor::Yellow));
}

/// Errors of single nodes beside a result.
pub(crate) fn node_errors(errors: &[NodeError]) {
    for error in errors {
        warning(&error.to_string());
    }
}

/// A table without frames, which tools can cut into columns.
pub(crate) fn table<R: IntoIterator<Item = String>>(head: &[&str], rows: impl IntoIterator<Item = R>) {
    let mut table = Table::new();
    table
        .load_preset(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        anstream::println!("{}", line.trim_end());
    }
}

/// The time since a second of 1970, as people say it.
pub(crate) fn age(unix_sec: u64) -> String {
    let now = unix_now_sec();
    match now.checked_sub(unix_sec) {
        Some(age) => duration(Duration::from_secs(age)),
        None => format!("{} ahead", duration(Duration::from_secs(unix_sec - now))),
    }
}

pub(crate) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds @ 1..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

pub(crate) fn unix_now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn unix_now_sec() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}

/// The end of a peer id: what people tell peers apart by.
pub(crate) fn short(peer_id: &str) -> &str {
    peer_id.get(peer_id.len().saturating_sub(8)..).unwrap_or(peer_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_the_unit_that_people_use() {
        let text = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(duration(Duration::from_millis(250)), "250 ms");
        assert_eq!(
            [text(119), text(120), text(7_200), text(172_800)],
            ["119 s", "2 min", "2 h", "2 days"]
        );
    }
}
