//! Where topics lie: one SQLite connection, each change of a topic in one transaction.

mod row;
mod sql;

use registry_service::store::{move_aside, Backend, StoreError, Value};

use crate::domain::{limits::KEYS_MAX, At, Error, Timeouts, Topic};

const STALE_TIMEOUT: &str = "stale_timeout_sec";
const EXPIRED_TIMEOUT: &str = "expired_timeout_sec";
const HOST_EXPIRED_TIMEOUT: &str = "host_expired_timeout_sec";

/// Why a topic was not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error(transparent)]
    Refused(#[from] Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The database of one aqua-dht.
#[derive(Debug)]
pub struct Store<B> {
    backend: B,
    timeouts: Timeouts,
    /// As many as there are rows: counting them takes longer the more there are.
    key_count: u64,
}

impl<B: Backend> Store<B> {
    /// Opens the database at `path`, or begins it. One that cannot be read is renamed to `<path>.corrupt`, and a fresh one
    /// begun: the neighbours have copies of most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &str) -> Result<Self, StoreError> {
        match Self::open_readable(path) {
            Err(error) if error.is_damaged_file() || matches!(error, StoreError::BadRow { .. }) => {
                move_aside(path)?;
                Self::open_readable(path)
            }
            outcome => outcome,
        }
    }

    fn open_readable(path: &str) -> Result<Self, StoreError> {
        let backend = B::open(path)?;
        backend.script(sql::CONNECTION)?;
        backend.script(sql::SCHEMA)?;
        let key_count = row::number(&backend.read(sql::COUNT_KEYS, &[])?)?;
        let timeouts = row::read_timeouts(&backend.read(sql::SETTINGS, &[])?)?;
        Ok(Self {
            backend,
            timeouts,
            key_count,
        })
    }

    pub const fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    pub const fn key_count(&self) -> u64 {
        self.key_count
    }

    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) -> Result<(), StoreError> {
        self.transaction(|backend| {
            for (name, timeout_sec) in row::settings(timeouts) {
                let value = integer(timeout_sec);
                backend.run(sql::WRITE_SETTING, &[Value::Text(name.to_owned()), value])?;
            }
            Ok(())
        })?;
        self.timeouts = timeouts;
        Ok(())
    }

    /// # Errors
    /// [`StoreError`].
    pub fn load(&self, key: &str) -> Result<Option<Topic>, StoreError> {
        row::read_topic(&self.backend.read(sql::LOAD, &[bytes(key)])?)
    }

    /// Writes what differs between two states of a topic; none of `before` is a new topic, none of `after` removes it.
    ///
    /// # Errors
    /// [`SaveError`], with nothing changed.
    pub fn save(&mut self, before: Option<Topic>, after: Option<Topic>) -> Result<(), SaveError> {
        self.save_all(&[(before, after)])
    }

    /// The same for several topics, in one transaction.
    ///
    /// # Errors
    /// [`SaveError`], with nothing changed.
    pub fn save_all(&mut self, changes: &[(Option<Topic>, Option<Topic>)]) -> Result<(), SaveError> {
        let added = changes.iter().filter(|(before, _)| before.is_none()).count() as u64;
        let removed = changes.iter().filter(|(_, after)| after.is_none()).count() as u64;
        if added > 0 && self.key_count + added > KEYS_MAX {
            return Err(Error::KeysLimit.into());
        }
        if changes.iter().all(|(before, after)| before == after) {
            return Ok(());
        }
        self.transaction(|backend| {
            let mut changes = changes.iter();
            changes.try_for_each(|(before, after)| write(backend, before.as_ref(), after.as_ref()))
        })?;
        self.key_count = (self.key_count + added).saturating_sub(removed);
        Ok(())
    }

    /// Keys last used at `accessed_at` or before, the longest unused first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unused_since(&self, accessed_at: u64, keys_max: usize) -> Result<Vec<String>, StoreError> {
        row::read_keys(
            &self
                .backend
                .read(sql::UNUSED_SINCE, &[integer(accessed_at), integer(keys_max as u64)])?,
        )
    }

    /// Keys behind `after` that have ended, or of which a value has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ended(&self, at: &At<'_>, after: &str, keys_max: usize) -> Result<Vec<String>, StoreError> {
        // Of a timeout that is longer than the time since 1970 nothing has ended.
        let created_until = |timeout_sec: u64| at.now.checked_sub(timeout_sec).map_or(Value::Integer(-1), integer);
        let parameters = [
            created_until(at.timeouts.expired_sec),
            bytes(&format!(">{after}")),
            integer(keys_max as u64),
            bytes(at.host),
            created_until(at.timeouts.host_expired_sec),
        ];
        row::read_keys(&self.backend.read(sql::ENDED, &parameters)?)
    }

    fn transaction(&self, work: impl FnOnce(&B) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.backend.run(sql::BEGIN, &[])?;
        let outcome = work(&self.backend).and_then(|()| self.backend.run(sql::COMMIT, &[]));
        if outcome.is_err() {
            // Fails where SQLite has rolled back by itself: the first error counts.
            let _ = self.backend.run(sql::ROLLBACK, &[]);
        }
        outcome
    }
}

fn write<B: Backend>(backend: &B, before: Option<&Topic>, after: Option<&Topic>) -> Result<(), StoreError> {
    let held = before.map_or(&[][..], |topic| &topic.records);
    let now = after.map_or(&[][..], |topic| &topic.records);
    if let Some(topic) = after {
        if before.is_none_or(|before| (&before.key, before.accessed_at) != (&topic.key, topic.accessed_at)) {
            backend.run(sql::WRITE_KEY, &row::key_columns(topic)?)?;
        }
        let key = &topic.key.key;
        for record in now.iter().filter(|record| !held.contains(record)) {
            backend.run(sql::WRITE_VALUE, &row::value_columns(key, record)?)?;
        }
    }
    let Some(topic) = before else {
        return Ok(());
    };
    let key = &topic.key.key;
    if after.is_none() {
        backend.run(sql::DELETE_KEY, &[bytes(key)])?;
    }
    let stays = |gone: &crate::domain::data::DhtRecord| now.iter().any(|record| record.identity() == gone.identity());
    for record in held.iter().filter(|record| !stays(record)) {
        let (peer_id, set_by) = record.identity();
        backend.run(sql::DELETE_VALUE, &[bytes(key), bytes(peer_id), bytes(set_by)])?;
    }
    Ok(())
}

/// Callers' texts may hold anything, also the zero byte at which SQLite's own text ends. One without bytes would be NULL.
fn bytes(text: &str) -> Value {
    Value::Blob(text.as_bytes().to_vec())
}

/// Times beyond SQLite's integers are as good as its greatest.
fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
