//! Changes as SQL scripts: one call into SQLite writes them all, where a prepared statement takes one for each
//! parameter and two more. They hold numbers and hex only.

use std::fmt::Write;

use super::accounts::{charge, Account};
use super::row::{columns, encode, encode_entry};
use super::StoreError;
use crate::domain::data::Key;
use crate::domain::{Change, Here, Identity, KeyState};

/// What a change is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Key,
    Entry(Identity),
}

/// One change of a key as a statement, and what it adds to whose account.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) item: Item,
    pub(super) account: Account,
    pub(super) grows: i64,
    pub(super) removes: bool,
    sql: String,
}

/// What brings the database up to `state`, whose priority is settled.
pub(super) fn changes(state: &KeyState, here: &Here) -> Result<Vec<Piece>, StoreError> {
    let mut pieces = Vec::new();
    if state.meta_dirty() {
        pieces.push(key_row(state)?);
    }
    for change in state.changes() {
        pieces.push(entry_row(state, change, here)?);
    }
    Ok(pieces)
}

fn key_row(state: &KeyState) -> Result<Piece, StoreError> {
    let key: &Key = state.key();
    let body = encode(key)?;
    let grows = match state.held_key() {
        Some(held) if held == state.key() => 0,
        Some(held) => difference(body.len(), encode::<Key>(held)?.len()),
        None => charge(body.len()) as i64,
    };
    let account = Account::of(&key.owner_peer_id);
    let mut statements = Statements::default();
    statements.text("INSERT OR REPLACE INTO keys VALUES (");
    statements.blob(state.key_id().as_bytes());
    statements.number(state.life_at());
    statements.number(state.published_at());
    statements.text(",");
    statements.blob(&body);
    statements.number(account.as_column());
    statements.number(state.priority().as_u64());
    statements.text(")");
    Ok(Piece {
        item: Item::Key,
        account,
        grows,
        removes: false,
        sql: statements.sql,
    })
}

fn entry_row(state: &KeyState, change: Change<'_>, here: &Here) -> Result<Piece, StoreError> {
    let digest = change.identity.digest();
    let account = Account::of(&change.identity.issued_by);
    let held_len = change.held.map(encode_entry).transpose()?.map(|body| body.len());
    let mut statements = Statements::default();
    let grows = match change.now {
        Some(entry) => {
            let (kind, dated) = columns(entry, here);
            let body = encode_entry(entry)?;
            statements.text("INSERT OR REPLACE INTO entries VALUES (");
            statements.blob(state.key_id().as_bytes());
            statements.text(",");
            statements.blob(&digest);
            statements.number(kind);
            statements.number(dated);
            statements.text(",");
            statements.blob(&body);
            statements.number(account.as_column());
            statements.text(")");
            held_len.map_or(charge(body.len()) as i64, |held| difference(body.len(), held))
        }
        None => {
            statements.text("DELETE FROM entries WHERE key_id=");
            statements.blob(state.key_id().as_bytes());
            statements.text(" AND identity=");
            statements.blob(&digest);
            held_len.map_or(0, |held| -(charge(held) as i64))
        }
    };
    Ok(Piece {
        item: Item::Entry(change.identity.clone()),
        account,
        grows,
        removes: change.now.is_none(),
        sql: statements.sql,
    })
}

const fn difference(len: usize, held: usize) -> i64 {
    len as i64 - held as i64
}

/// One script of them all; none where there is nothing to do.
pub(super) fn script<'p>(pieces: impl Iterator<Item = &'p Piece>) -> Option<String> {
    let mut statements = Statements::default();
    for piece in pieces {
        statements.begin();
        statements.text(&piece.sql);
    }
    statements.finish()
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
