//! What a run did, as a table.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use super::explorer::Figures;
use super::session::Outcome;

/// Executions, what became of them, time and findings of every target, and of all.
pub fn table(outcome: &Outcome) -> String {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header([
        "target",
        "executions",
        "accepting",
        "refusing",
        "per CPU second",
        "slowest",
        "findings",
    ]);
    let mut all = Figures::default();
    for (target, figures) in &outcome.figures {
        let findings = outcome
            .findings
            .iter()
            .filter(|finding| finding.target == target.name)
            .count();
        table.add_row(row(target.name, figures, findings));
        all.add(figures);
    }
    table.add_row(row("all", &all, outcome.findings.len()));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn row(name: &str, figures: &Figures, findings: usize) -> [String; 7] {
    let each_second = figures.executions as f64 / figures.time.as_secs_f64().max(f64::EPSILON);
    [
        name.to_owned(),
        thousands(figures.executions),
        thousands(figures.accepted),
        thousands(figures.refused),
        thousands(each_second as u64),
        format!("{:.0} ms", figures.slowest.as_secs_f64() * 1e3),
        findings.to_string(),
    ]
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
