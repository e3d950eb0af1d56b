//! What a database holds, row by row, without the service: the files are copied and SQLite is asked.

use std::fs;
use std::path::Path;

use registry_service::store::{Backend, NativeBackend, Store};
use tempfile::TempDir;

use crate::Failure;

/// The database's file in `storage`.
pub(super) const DATABASE: &str = "registry.sqlite";
/// What a database that could not be read is renamed to.
pub(super) const MOVED_ASIDE: &str = "registry.sqlite.corrupt";

/// Every row.
const ROWS: &str = "
    SELECT group_concat(item, char(10)) FROM (
        SELECT 'key ' || hex(id) || ' ' || life_at || ' ' || due_at || ' ' || exchanged_at || ' ' || hex(body) AS item
            FROM keys
        UNION ALL
        SELECT 'entry ' || hex(key_id) || ' ' || hex(identity) || ' ' || kind || ' ' || dated || ' ' || hex(body)
            FROM entries
        UNION ALL
        SELECT 'setting ' || name || ' ' || value FROM settings
        ORDER BY 1
    )";
const INTEGRITY: &str = "SELECT group_concat(integrity_check, char(10)) FROM pragma_integrity_check";

/// Longest part of a row in an error text, in characters.
const ROW_CHARS_MAX: usize = 200;

/// All rows, as sorted lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows(String);

impl Rows {
    /// The rows of an open store.
    ///
    /// # Errors
    /// [`Failure`] where SQLite cannot read them.
    pub fn of(store: &Store<NativeBackend>) -> Result<Self, Failure> {
        let rows = store
            .read_raw(ROWS, &[])
            .map_err(|error| Failure::Broken(error.to_string()))?;
        Ok(Self::text(rows))
    }

    /// The rows in the files of `storage` as they are now, with the log, once SQLite has found them sound.
    ///
    /// # Errors
    /// [`Failure`] where they are not, or there are none.
    pub fn in_files(storage: &Path) -> Result<Self, Failure> {
        let copy = TempDir::new()?;
        for name in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
            if storage.join(&name).is_file() {
                fs::copy(storage.join(&name), copy.path().join(&name))?;
            }
        }
        let unreadable = |error: registry_service::store::StoreError| Failure::Broken(format!("the files: {error}"));
        let database = NativeBackend::open(&copy.path().join(DATABASE).to_string_lossy()).map_err(unreadable)?;
        let verdict = database.read(INTEGRITY, &[]).map_err(unreadable)?;
        if verdict != b"ok" {
            let verdict = String::from_utf8_lossy(&verdict).into_owned();
            return Err(Failure::Broken(format!("integrity_check: {verdict}")));
        }
        Ok(Self::text(database.read(ROWS, &[]).map_err(unreadable)?))
    }

    fn text(rows: Vec<u8>) -> Self {
        Self(String::from_utf8_lossy(&rows).into_owned())
    }

    pub fn count(&self) -> usize {
        self.0.lines().count()
    }

    /// The first rows that only one of them has.
    pub fn difference(&self, other: &Self) -> String {
        let only = |rows: &Self, others: &Self| {
            let others: std::collections::HashSet<&str> = others.0.lines().collect();
            let only: Vec<String> = rows
                .0
                .lines()
                .filter(|row| !others.contains(row))
                .map(|row| row.chars().take(ROW_CHARS_MAX).collect())
                .collect();
            format!(
                "{}: {}",
                only.len(),
                only.join(", ").chars().take(5 * ROW_CHARS_MAX).collect::<String>()
            )
        };
        format!(
            "rows missing {}; rows too many {}",
            only(other, self),
            only(self, other)
        )
    }
}
