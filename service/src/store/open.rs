//! Opening: what is there is used, what is of an earlier version is migrated, what is unreadable is moved aside.

#[cfg(not(target_arch = "wasm32"))]
use super::accounts::Account;
use super::accounts::Accounts;
use super::cache::Cache;
use super::fit::Today;
#[cfg(not(target_arch = "wasm32"))]
use super::NativeBackend;
use super::{row, schema, script, sql, Backend, Store, StoreError, Value};
use crate::domain::limits::CLEAR_BATCH_MAX;
use crate::domain::{Here, StorageLimits, Timeouts};
#[cfg(not(target_arch = "wasm32"))]
use crate::domain::{KeyId, KeyState};

pub(super) const EXPIRED_TIMEOUT: &str = "expired_timeout_sec";
pub(super) const STALE_TIMEOUT: &str = "stale_timeout_sec";
pub(super) const RAN_AT: &str = "replication_ran_at";
pub(super) const PEERS_EXPECTED: &str = "replication_peers";
pub(super) const TOTAL_BYTES: &str = "storage_total_bytes";
pub(super) const OWNER_BYTES: &str = "storage_owner_bytes";

/// What lies beside the database under the same name.
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];

impl<B: Backend> Store<B> {
    /// Opens the database at `path`. One that SQLite cannot read is renamed to `<path>.corrupt` (an older one of that
    /// name is replaced) and a fresh one begun: the node comes up, and its neighbours refill it.
    ///
    /// # Errors
    /// [`StoreError`], with the file as it was.
    pub fn open(path: &str) -> Result<Self, StoreError> {
        match Self::open_readable(path) {
            Err(error) if error.prevents_opening() => {
                move_aside(path)?;
                let mut store = Self::open_readable(path)?;
                store.moved_aside = Some(format!(
                    "{path} is unreadable: {error}. It is kept as {path}.corrupt, a fresh one begins"
                ));
                Ok(store)
            }
            outcome => outcome,
        }
    }

    fn open_readable(path: &str) -> Result<Self, StoreError> {
        let backend = B::open(path)?;
        backend.script(schema::CONNECTION)?;
        let version = row::number(&backend.read(sql::SCHEMA_VERSION, &[])?)? as u32;
        // A later version's database is left alone, whatever is the matter with it.
        if (1..=schema::SCHEMA_VERSION).contains(&version) {
            check_structure(&backend)?;
        }
        migrate(&backend, version)?;
        let mut store = Self {
            accounts: Accounts::count(&backend)?,
            limits: StorageLimits::default(),
            today: Today::default(),
            backend,
            cache: Cache::default(),
            timeouts: Timeouts::default(),
            here: Here::new("", ""),
            moved_aside: None,
            clear_batch_max: CLEAR_BATCH_MAX as u64,
            cleared_at: None,
            last_at_once: [None; 2],
            ran_at: None,
            peers_expected: 0,
        };
        store.read_settings()?;
        Ok(store)
    }

    fn read_settings(&mut self) -> Result<(), StoreError> {
        let settings = self.backend.read(sql::SETTINGS, &[])?;
        let settings = std::str::from_utf8(&settings).map_err(|_| StoreError::BadRow { why: "settings" })?;
        for (name, value) in settings.lines().filter_map(|line| line.split_once('=')) {
            match name {
                EXPIRED_TIMEOUT => self.timeouts.expired_sec = row::number(value.as_bytes())?,
                STALE_TIMEOUT => self.timeouts.stale_sec = row::number(value.as_bytes())?,
                TOTAL_BYTES => self.limits.total_bytes = row::number(value.as_bytes())?,
                OWNER_BYTES => self.limits.owner_bytes = row::number(value.as_bytes())?,
                RAN_AT => self.ran_at = Some(row::number(value.as_bytes())?),
                PEERS_EXPECTED => self.peers_expected = row::number(value.as_bytes())?,
                // A later version may have had settings of its own.
                _ => {}
            }
        }
        Ok(())
    }
}

/// Largest database that is checked whole whenever it is opened, in bytes: about 10^5 rows, a second in wasm. Of a larger
/// one only the pages are checked, which takes less time than [`Accounts::count`].
const CHECKED_WHOLE_BYTES_MAX: u64 = 64 << 20;

/// A changed byte that puts a row out of order hides others behind it, and they stay hidden when neighbours bring them
/// again; one in an index hides what is due. SQLite reads on as if nothing had happened, unless it is asked.
fn check_structure<B: Backend>(backend: &B) -> Result<(), StoreError> {
    let size_bytes = row::number(&backend.read(sql::SIZE_BYTES, &[])?)?;
    let check = if size_bytes <= CHECKED_WHOLE_BYTES_MAX {
        sql::INTEGRITY_CHECK
    } else {
        sql::QUICK_CHECK
    };
    match backend.read(check, &[])? {
        verdict if verdict == b"ok" => Ok(()),
        verdict => Err(StoreError::damaged(&String::from_utf8_lossy(&verdict))),
    }
}

/// Each migration and its `user_version` are one transaction: a crash leaves a database of one version or the next.
fn migrate<B: Backend>(backend: &B, found: u32) -> Result<(), StoreError> {
    if found > schema::SCHEMA_VERSION {
        return Err(StoreError::TooNew {
            found,
            known: schema::SCHEMA_VERSION,
        });
    }
    for (version, migration) in schema::MIGRATIONS.iter().enumerate().skip(found as usize) {
        let outcome = backend
            .script(&format!("BEGIN IMMEDIATE; {migration}"))
            .and_then(|()| match version {
                schema::BACKFILLED => backfill(backend),
                _ => Ok(()),
            })
            .and_then(|()| backend.script(&format!("PRAGMA user_version = {}; COMMIT", version + 1)));
        if let Err(error) = outcome {
            let _ = backend.run(sql::ROLLBACK, &[]);
            return Err(error);
        }
    }
    Ok(())
}

/// Keys whose entries are decoded at once.
const BACKFILLED_KEYS: u64 = 8;

/// Writes into entries of earlier versions the columns that follow from their bodies. What cannot be read stays as it is.
fn backfill<B: Backend>(backend: &B) -> Result<(), StoreError> {
    // Before every id.
    let mut after = vec![0];
    loop {
        let rows = backend.read(
            sql::ENTRIES_AFTER,
            &[Value::Blob(after), Value::Integer(BACKFILLED_KEYS as i64 - 1)],
        )?;
        let (last, placed) = row::read_placed(&rows)?;
        if let Some(script) = script::placed(&placed) {
            backend.script(&script)?;
        }
        match last {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

/// Renames a closed database that is beyond use to `<path>.corrupt`, with all that belongs to it.
///
/// # Errors
/// [`StoreError::CannotQuarantine`].
pub fn move_aside(path: &str) -> Result<(), StoreError> {
    for companion in COMPANIONS {
        let from = format!("{path}{companion}");
        let to = format!("{path}.corrupt{companion}");
        if let Err(error) = std::fs::rename(&from, &to) {
            if error.kind() != std::io::ErrorKind::NotFound {
                return Err(StoreError::CannotQuarantine {
                    path: from,
                    why: error.to_string(),
                });
            }
        }
    }
    Ok(())
}

/// For tests of migrations: SQL as an earlier version or a damaged disk would have left it.
#[cfg(not(target_arch = "wasm32"))]
impl<B: Backend> Store<B> {
    /// What was kept in memory does not count any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn run_raw(&mut self, sql: &str) -> Result<(), StoreError> {
        self.cache.clear();
        self.backend.script(sql)?;
        self.accounts = Accounts::count(&self.backend)?;
        Ok(())
    }

    /// So few rows of each kind are cleared at once that a short history meets the limit.
    pub fn set_clear_batch(&mut self, rows: u64) {
        self.clear_batch_max = rows;
    }

    /// How many keys, records and tombstones there are.
    pub fn row_counts(&self) -> [u64; 3] {
        let rows = self.accounts.rows();
        [rows.keys, rows.records, rows.tombstones]
    }

    /// What this account is charged, or a little more.
    pub fn stored_bytes_of_account(&self, account: u64) -> u64 {
        self.accounts.of(Account::from_column(account))
    }

    /// The keys that are kept in memory.
    pub fn cached(&self) -> impl Iterator<Item = &KeyState> {
        self.cache.states()
    }

    /// The key as it lies in the database, whatever is kept in memory.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn stored(&self, key_id: &KeyId) -> Result<Option<KeyState>, StoreError> {
        let rows = self.read_raw(sql::LOAD_KEY, &[Value::Blob(key_id.as_bytes().to_vec())])?;
        Ok(row::read_states(&rows)?.into_iter().next())
    }

    /// # Errors
    /// [`StoreError`].
    pub fn read_raw(&self, sql: &'static str, params: &[Value]) -> Result<Vec<u8>, StoreError> {
        self.backend.read(sql, params)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Store<NativeBackend> {
    /// What its statements have taken since it was opened, but for scripts, in steps of SQLite's machine.
    pub fn steps(&self) -> u64 {
        self.backend.steps()
    }
}
