use comfy_table::{presets, Cell, ContentArrangement};

use crate::{Check, Failure, Subject};

/// Longest reason in the table, in characters.
const REASON_CHARS_MAX: usize = 100;

/// What became of a check on both modules.
#[derive(Debug)]
pub struct Row {
    pub check: Check,
    pub reference: Result<(), Failure>,
    pub here: Result<(), Failure>,
}

impl Row {
    /// Runs the check on both.
    pub fn of(check: Check) -> Self {
        Self {
            check,
            reference: check.on(Subject::Reference),
            here: check.on(Subject::Here),
        }
    }
}

/// "check | reference | here".
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many checks do not hold here.
    pub fn failures_here(&self) -> usize {
        self.rows.iter().filter(|row| row.here.is_err()).count()
    }

    /// How many checks do not hold in the reference.
    pub fn failures_in_reference(&self) -> usize {
        self.rows.iter().filter(|row| row.reference.is_err()).count()
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut table = comfy_table::Table::new();
        table
            .load_preset(presets::ASCII_MARKDOWN)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(["rule", "check", Subject::Reference.name(), Subject::Here.name()]);
        for row in &self.rows {
            table.add_row([
                Cell::new(row.check.rule),
                Cell::new(row.check.sentence()),
                Cell::new(verdict(&row.reference)),
                Cell::new(verdict(&row.here)),
            ]);
        }
        writeln!(f, "{table}")?;
        writeln!(
            f,
            "\n{} checks: {} do not hold in {}, {} do not hold {}.",
            self.rows.len(),
            self.failures_in_reference(),
            Subject::Reference.name(),
            self.failures_here(),
            Subject::Here.name()
        )
    }
}

fn verdict(outcome: &Result<(), Failure>) -> String {
    match outcome {
        Ok(()) => "holds".to_owned(),
        Err(Failure::NoSuchFunction(_)) => "no such function".to_owned(),
        Err(failure) => format!("fails: {}", short(&failure.to_string())),
    }
}

/// One line without what would break the table.
fn short(reason: &str) -> String {
    let line: String = reason
        .chars()
        .map(|c| if c.is_control() || c == '|' { ' ' } else { c })
        .collect();
    if line.chars().count() <= REASON_CHARS_MAX {
        return line;
    }
    let mut text: String = line.chars().take(REASON_CHARS_MAX).collect();
    text.push('…');
    text
}
