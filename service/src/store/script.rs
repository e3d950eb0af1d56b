//! Changes as SQL scripts: one call into SQLite writes them all, where a prepared statement takes one for each
//! parameter and two more. They hold numbers and hex only.

use std::fmt::Write;

use super::row::{columns, encode, encode_entry};
use super::StoreError;
use crate::domain::data::Key;
use crate::domain::{Here, KeyState};

/// What brings the database up to `state`; none where it is.
pub(super) fn changes(state: &KeyState, here: &Here) -> Result<Option<String>, StoreError> {
    changes_of(std::slice::from_ref(state), here)
}

/// The same for several keys.
pub(super) fn changes_of(states: &[KeyState], here: &Here) -> Result<Option<String>, StoreError> {
    let mut statements = Statements::default();
    for state in states {
        write_changes(&mut statements, state, here)?;
    }
    Ok(statements.finish())
}

fn write_changes(statements: &mut Statements, state: &KeyState, here: &Here) -> Result<(), StoreError> {
    if state.meta_dirty() {
        let key: &Key = state.key();
        let body = encode(key)?;
        statements.begin();
        statements.text("INSERT OR REPLACE INTO keys VALUES (");
        statements.blob(state.key_id().as_bytes());
        statements.number(state.life_at());
        statements.number(state.published_at());
        statements.text(",");
        statements.blob(&body);
        statements.text(")");
    }
    for (identity, entry) in state.changes() {
        statements.begin();
        let digest = identity.digest();
        match entry {
            Some(entry) => {
                let (kind, dated) = columns(entry, here);
                statements.text("INSERT OR REPLACE INTO entries VALUES (");
                statements.blob(state.key_id().as_bytes());
                statements.text(",");
                statements.blob(&digest);
                statements.number(kind);
                statements.number(dated);
                statements.text(",");
                statements.blob(&encode_entry(entry)?);
                statements.text(")");
            }
            None => {
                statements.text("DELETE FROM entries WHERE key_id=");
                statements.blob(state.key_id().as_bytes());
                statements.text(" AND identity=");
                statements.blob(&digest);
            }
        }
    }
    Ok(())
}

/// What writes the `published_at` of these keys.
pub(super) fn published<'s>(states: impl Iterator<Item = &'s KeyState>) -> Option<String> {
    let mut statements = Statements::default();
    for state in states {
        statements.begin();
        // Writing to a string cannot fail.
        let _ = write!(
            statements.sql,
            "UPDATE keys SET published_at={} WHERE id=",
            state.published_at()
        );
        statements.blob(state.key_id().as_bytes());
    }
    statements.finish()
}

#[derive(Default)]
struct Statements {
    sql: String,
    count: usize,
}

impl Statements {
    fn begin(&mut self) {
        if self.count > 0 {
            self.sql.push(';');
        }
        self.count += 1;
    }

    fn text(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    fn number(&mut self, number: u64) {
        let _ = write!(self.sql, ",{number}");
    }

    fn blob(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.sql.reserve(2 * bytes.len() + 3);
        self.sql.push_str("x'");
        for byte in bytes {
            self.sql.push(char::from(DIGITS[usize::from(byte >> 4)]));
            self.sql.push(char::from(DIGITS[usize::from(byte & 0x0f)]));
        }
        self.sql.push('\'');
    }

    /// One statement is a transaction by itself, several are made one.
    fn finish(self) -> Option<String> {
        match self.count {
            0 => None,
            1 => Some(self.sql),
            _ => Some(format!("BEGIN IMMEDIATE;{};COMMIT", self.sql)),
        }
    }
}
