//! How many rows there are, and how many bytes everybody together, and each owner, has here. Kept in memory and counted
//! anew when the database is opened: a counter in the database would cost every write as much as the row itself. What a
//! transaction changes is added when it has come through, and not before.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use sha2::{Digest, Sha256};

use super::{row, sql, Backend, StoreError, Value};
use crate::domain::limits::ROW_OVERHEAD_BYTES;

/// Keys whose rows are counted at once.
const COUNTED_KEYS: u64 = 2_000;
const SKETCHES: usize = 4;
const CELLS: usize = 1 << 15;

/// A peer as a number: who is charged for a row (the owner of a key, the issuer of a record or tombstone), or who is named
/// as the provider of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Account(u64);

impl Account {
    /// A positive integer of SQLite's. 0 stands in rows of version 1, which do not say.
    pub(super) fn of(peer_id: &str) -> Self {
        let digest = Sha256::digest(peer_id);
        let first = std::array::from_fn(|at| digest[at]);
        Self((u64::from_le_bytes(first) >> 1).max(1))
    }

    pub(super) const fn from_column(value: u64) -> Self {
        Self(value)
    }

    pub(super) const fn as_column(self) -> u64 {
        self.0
    }
}

/// What a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowOf {
    Key,
    Record,
    Tombstone,
}

/// What one stored row is charged, to nobody where it cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) of: RowOf,
    pub(super) account: Option<Account>,
    pub(super) bytes: u64,
}

impl Charge {
    pub(super) const fn new(of: RowOf, account: Option<Account>, body_len: usize) -> Self {
        Self {
            of,
            account,
            bytes: body_len as u64 + ROW_OVERHEAD_BYTES,
        }
    }
}

/// What a row is charged before and after a change; none where there is no row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Delta {
    pub(super) before: Option<Charge>,
    pub(super) after: Option<Charge>,
}

impl Delta {
    pub(super) fn grows(&self) -> i64 {
        let bytes = |charge: Option<Charge>| charge.map_or(0, |charge| charge.bytes as i64);
        bytes(self.after) - bytes(self.before)
    }
}

/// What the changes of a transaction that is still to be written add up to.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) bytes: i64,
    of: HashMap<Account, i64>,
}

impl Pending {
    pub(super) fn grow(&mut self, account: Account, bytes: i64) {
        self.bytes += bytes;
        *self.of.entry(account).or_default() += bytes;
    }

    pub(super) fn of(&self, account: Account) -> i64 {
        self.of.get(&account).copied().unwrap_or(0)
    }
}

/// Numbers of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RowCounts {
    pub(super) keys: u64,
    pub(super) records: u64,
    pub(super) tombstones: u64,
}

/// The sums, exact, and for each owner at least what he has, in the same memory for however many: each of several tables
/// adds up many owners in one cell, and the least of an owner's cells counts. It is too much by about the sum divided by
/// the cells of a table (64 KiB of 2 GiB); who shares a cell nobody can choose, as the hashes are secret.
#[derive(Debug)]
pub(super) struct Accounts {
    total: u64,
    rows: RowCounts,
    sketches: [(RandomState, Vec<u64>); SKETCHES],
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            total: 0,
            rows: RowCounts::default(),
            sketches: std::array::from_fn(|_| (RandomState::new(), vec![0; CELLS])),
        }
    }
}

impl Accounts {
    /// Counts every row.
    pub(super) fn count<B: Backend>(backend: &B) -> Result<Self, StoreError> {
        let mut accounts = Self::default();
        // Before every id.
        let mut after = vec![0];
        loop {
            let rows = backend.read(
                sql::CHARGES_AFTER,
                &[Value::Blob(after), Value::Integer(COUNTED_KEYS as i64 - 1)],
            )?;
            let (last, charges) = row::read_counted(&rows)?;
            for charge in charges {
                accounts.apply(&Delta {
                    before: None,
                    after: Some(charge),
                });
            }
            match last {
                Some(last) => after = last,
                None => return Ok(accounts),
            }
        }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    pub(super) const fn rows(&self) -> RowCounts {
        self.rows
    }

    /// At least what the account has.
    pub(super) fn of(&self, account: Account) -> u64 {
        let cells = self.sketches.iter().map(|(hash, cells)| cells[cell(hash, account)]);
        cells.min().unwrap_or(0)
    }

    /// Notes a change that is in the database.
    pub(super) fn apply(&mut self, delta: &Delta) {
        if let Some(charge) = delta.before {
            let rows = self.rows_of(charge.of);
            *rows = rows.saturating_sub(1);
            self.grow(charge.account, -(charge.bytes as i64));
        }
        if let Some(charge) = delta.after {
            *self.rows_of(charge.of) += 1;
            self.grow(charge.account, charge.bytes as i64);
        }
    }

    /// Notes that these rows are gone.
    pub(super) fn remove_all(&mut self, charges: &[Charge]) {
        for charge in charges {
            self.apply(&Delta {
                before: Some(*charge),
                after: None,
            });
        }
    }

    fn rows_of(&mut self, of: RowOf) -> &mut u64 {
        match of {
            RowOf::Key => &mut self.rows.keys,
            RowOf::Record => &mut self.rows.records,
            RowOf::Tombstone => &mut self.rows.tombstones,
        }
    }

    fn grow(&mut self, account: Option<Account>, bytes: i64) {
        self.total = self.total.saturating_add_signed(bytes);
        let Some(account) = account else {
            return;
        };
        for (hash, cells) in &mut self.sketches {
            let cell = &mut cells[cell(hash, account)];
            *cell = cell.saturating_add_signed(bytes);
        }
    }
}

fn cell(hash: &RandomState, account: Account) -> usize {
    hash.hash_one(account) as usize % CELLS
}
