use std::time::Duration;

use comfy_table::{presets, CellAlignment, Table};

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) reference: Option<Duration>,
    pub(crate) here: Duration,
    pub(crate) goal: Option<f64>,
}

/// Medians in milliseconds, how many times as fast as the compared, and whether that is the goal.
pub(crate) fn calls(rows: &[Row], compared: &str) {
    let mut table = new_table(["call", compared, "here ms", "times as fast", "goal", ""]);
    for row in rows {
        let ratio = row
            .reference
            .map(|reference| reference.as_secs_f64() / row.here.as_secs_f64());
        let verdict = match (ratio, row.goal) {
            (Some(ratio), Some(goal)) if ratio >= goal => "reached",
            (Some(_), Some(_)) => "MISSED",
            _ => "",
        };
        table.add_row([
            row.name.to_owned(),
            row.reference.map_or_else(|| "-".to_owned(), milliseconds),
            milliseconds(row.here),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            row.goal.map_or_else(String::new, |goal| format!("{goal:.0}")),
            verdict.to_owned(),
        ]);
    }
    print_table(table);
}

pub(crate) fn new_table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

pub(crate) fn print_table(table: Table) {
    println!("{table}\n");
}

pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1_000.0)
}
