//! How many bytes everybody together, and each owner, has here. Kept in memory and counted anew when the database is
//! opened: a counter in the database would cost every write as much as the row itself.

use std::hash::{BuildHasher, RandomState};

use sha2::{Digest, Sha256};

use super::{row, sql, Backend, StoreError, Value};
use crate::domain::limits::ROW_OVERHEAD_BYTES;

/// Keys whose rows are counted at once.
const COUNTED_KEYS: u64 = 2_000;
const SKETCHES: usize = 4;
const CELLS: usize = 1 << 15;

/// Who is charged for a row: the owner of a key, the issuer of a record or tombstone.
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

/// What a row is charged.
pub(super) const fn charge(body_len: usize) -> u64 {
    body_len as u64 + ROW_OVERHEAD_BYTES
}

/// The sum, exact, and for each owner at least what he has, in the same memory for however many: each of several tables
/// adds up many owners in one cell, and the least of an owner's cells counts. It is too much by about the sum divided by
/// the cells of a table (64 KiB of 2 GiB); who shares a cell nobody can choose, as the hashes are secret.
#[derive(Debug)]
pub(super) struct Accounts {
    total: u64,
    sketches: [(RandomState, Vec<u64>); SKETCHES],
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            total: 0,
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
            accounts.add_all(&charges);
            match last {
                Some(last) => after = last,
                None => return Ok(accounts),
            }
        }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// At least what the account has.
    pub(super) fn of(&self, account: Account) -> u64 {
        let cells = self.sketches.iter().map(|(hash, cells)| cells[cell(hash, account)]);
        cells.min().unwrap_or(0)
    }

    pub(super) fn grow(&mut self, account: Option<Account>, bytes: i64) {
        self.total = self.total.saturating_add_signed(bytes);
        let Some(account) = account else {
            return;
        };
        for (hash, cells) in &mut self.sketches {
            let cell = &mut cells[cell(hash, account)];
            *cell = cell.saturating_add_signed(bytes);
        }
    }

    fn add_all(&mut self, charges: &[Charge]) {
        for charge in charges {
            self.grow(charge.account, charge.bytes as i64);
        }
    }

    /// Takes away what was removed; its bytes.
    pub(super) fn remove_all(&mut self, charges: &[Charge]) -> u64 {
        for charge in charges {
            self.grow(charge.account, -(charge.bytes as i64));
        }
        charges.iter().map(|charge| charge.bytes).sum()
    }
}

fn cell(hash: &RandomState, account: Account) -> usize {
    hash.hash_one(account) as usize % CELLS
}

/// What one stored row is charged, to nobody where it cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) account: Option<Account>,
    pub(super) bytes: u64,
}
