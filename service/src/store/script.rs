//! Changes as SQL scripts: one call into SQLite writes them all, where a prepared statement takes one for each
//! parameter and two more. They hold numbers and hex only.

use std::fmt::Write;

use super::accounts::{Account, Charge, Delta, RowOf};
use super::row::{columns, encode, encode_entry, row_of, Columns, Placed};
use super::StoreError;
use crate::domain::data::Key;
use crate::domain::{is_host_record, is_over, Change, Circumstances, Entry, Identity, KeyState};

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
    pub(super) delta: Delta,
    pub(super) removal: Option<Removal>,
    /// Whether it only adds the provider's signature to what was taken in, which no limit keeps from being renewed.
    pub(super) renews: bool,
    sql: String,
}

/// Why an entry goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removal {
    /// Its time is over, or a tombstone voids it: it goes whatever comes.
    Ended,
    /// It makes room for another one of its key: it goes only if that comes.
    Displaced,
}

/// What brings the database up to `state`, whose priority is settled. What has ended comes first, so that what comes finds
/// room.
pub(super) fn changes(state: &KeyState, at: &Circumstances<'_>) -> Result<Vec<Piece>, StoreError> {
    let mut pieces = Vec::new();
    if state.meta_dirty() {
        pieces.push(key_row(state)?);
    }
    for change in state.changes() {
        pieces.push(entry_row(state, change, at)?);
    }
    pieces.sort_by_key(|piece| piece.removal != Some(Removal::Ended));
    Ok(pieces)
}

fn key_row(state: &KeyState) -> Result<Piece, StoreError> {
    let key: &Key = state.key();
    let body = encode(key)?;
    let held_len = match state.held_key() {
        Some(held) if held == state.key() => Some(body.len()),
        Some(held) => Some(encode::<Key>(held)?.len()),
        None => None,
    };
    let account = Account::of(&key.owner_peer_id);
    let charge = |len| Charge::new(RowOf::Key, Some(account), len);
    let mut statements = Statements::default();
    statements.text("INSERT OR REPLACE INTO keys VALUES (");
    statements.blob(state.key_id().as_bytes());
    statements.number(state.life_at());
    statements.number(state.due_at());
    statements.text(",");
    statements.blob(&body);
    statements.number(account.as_column());
    statements.number(state.priority().as_u64());
    statements.number(state.exchanged_at());
    statements.text(")");
    Ok(Piece {
        item: Item::Key,
        account,
        delta: Delta {
            before: held_len.map(charge),
            after: Some(charge(body.len())),
        },
        removal: None,
        renews: false,
        sql: statements.sql,
    })
}

fn entry_row(state: &KeyState, change: Change<'_>, at: &Circumstances<'_>) -> Result<Piece, StoreError> {
    let digest = change.identity.row_id();
    let account = Account::of(&change.identity.issued_by);
    let charge = |entry, len| Charge::new(row_of(entry), Some(account), len);
    let before = match change.held {
        Some(held) => Some(charge(held, encode_entry(held)?.len())),
        None => None,
    };
    let mut statements = Statements::default();
    let mut after = None;
    let mut removal = None;
    match change.now {
        Some(entry) => {
            let columns = columns(entry);
            let waits = is_host_record(entry, at.here) && !entry.is_signed();
            let body = encode_entry(entry)?;
            statements.text("INSERT OR REPLACE INTO entries VALUES (");
            statements.blob(state.key_id().as_bytes());
            statements.text(",");
            statements.blob(&digest);
            statements.number(columns.kind);
            statements.number(if waits { at.now.as_sec() } else { columns.dated });
            statements.text(",");
            statements.blob(&body);
            statements.number(account.as_column());
            statements.number(columns.provider);
            statements.number(columns.signed);
            statements.number(columns.weight);
            statements.text(")");
            after = Some(charge(entry, body.len()));
        }
        None => {
            statements.text("DELETE FROM entries WHERE key_id=");
            statements.blob(state.key_id().as_bytes());
            statements.text(" AND identity=");
            statements.blob(&digest);
            let ended = change.voided || change.held.is_some_and(|held| is_over(held, at));
            removal = Some(if ended { Removal::Ended } else { Removal::Displaced });
        }
    }
    Ok(Piece {
        item: Item::Entry(change.identity.clone()),
        account,
        delta: Delta { before, after },
        removal,
        renews: is_renewal(&change),
        sql: statements.sql,
    })
}

fn is_renewal(change: &Change<'_>) -> bool {
    match (change.held, change.now) {
        (Some(Entry::Record(held)), Some(Entry::Record(now))) => held.record.metadata == now.record.metadata,
        _ => false,
    }
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

/// What writes the names and columns of these entries, each under the hex of its place; for a transaction that is under way.
pub(super) fn placed(entries: &[Placed<'_>]) -> Option<String> {
    let mut statements = Statements::default();
    for Placed { place, row_id, columns } in entries {
        let (key_id, identity) = place;
        let [key_id, identity] = [*key_id, *identity].map(String::from_utf8_lossy);
        let Columns {
            kind,
            dated,
            provider,
            signed,
            weight,
        } = columns;
        statements.begin();
        statements.text("UPDATE entries SET identity=");
        statements.blob(row_id);
        statements.text(&format!(
            ",kind={kind},dated={dated},provider={provider},signed={signed},weight={weight} \
             WHERE key_id=x'{key_id}' AND identity=x'{identity}'"
        ));
    }
    statements.into_script()
}

#[derive(Default)]
pub(super) struct Statements {
    sql: String,
    count: usize,
}

impl Statements {
    pub(super) fn begin(&mut self) {
        if self.count > 0 {
            self.sql.push(';');
        }
        self.count += 1;
    }

    pub(super) fn text(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    fn number(&mut self, number: u64) {
        let _ = write!(self.sql, ",{number}");
    }

    pub(super) fn blob(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.sql.reserve(2 * bytes.len() + 3);
        self.sql.push_str("x'");
        for byte in bytes {
            self.sql.push(char::from(DIGITS[usize::from(byte >> 4)]));
            self.sql.push(char::from(DIGITS[usize::from(byte & 0x0f)]));
        }
        self.sql.push('\'');
    }

    /// All statements, for a transaction that is open; none where there is nothing to do.
    pub(super) fn into_script(self) -> Option<String> {
        (self.count > 0).then_some(self.sql)
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
