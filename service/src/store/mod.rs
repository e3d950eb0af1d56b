//! Where keys and their entries lie: one SQLite connection, prepared statements kept, one transaction for each
//! exported call. Takes and gives only what `domain` verified.
//!
//! Every call into SQLite crosses a module boundary, and each costs more than the work behind it. So a key is read as
//! one row of one column, all changes of a call are written by one script, and keys in use stay in memory (`cache`).

mod accounts;
mod backend;
mod cache;
mod error;
mod fit;
#[cfg(target_arch = "wasm32")]
mod marine;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod open;
mod row;
mod schema;
mod script;
mod sql;

pub use backend::{Backend, Value};
pub use error::StoreError;
pub use fit::{SaveError, Unfit};
#[cfg(target_arch = "wasm32")]
pub use marine::MarineBackend;
#[cfg(not(target_arch = "wasm32"))]
pub use native::NativeBackend;
pub use open::move_aside;
pub use schema::SCHEMA_VERSION;

use std::collections::{BTreeMap, BTreeSet};

use self::accounts::{Account, Accounts};
use self::cache::Cache;
use self::fit::{Batch, Today};
use self::row::DueKey;
use crate::domain::limits::{
    BEHIND_COUNTED_MAX, CLEAR_BATCH_MAX, LEASE_SEC, RENEW_AHEAD_MAX, RENEW_BATCH_MAX, REPLICA_BYTES_MAX,
    ROOM_BATCH_KEYS, SPREAD_ONE_IN, TIMESTAMP_MAX,
};
use crate::domain::{
    Circumstances, HeldRecord, Here, HostTimestamp, KeyId, KeyState, KeyTag, StorageLimits, Timeouts, PARTIAL_DUE_AT,
    URGENT_DUE_AT,
};

/// What one `clear_expired` removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleared {
    pub keys: u64,
    pub records: u64,
    pub tombstones: u64,
}

/// What the database holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub keys: u64,
    /// Of other providers.
    pub records: u64,
    pub host_records: u64,
    pub tombstones: u64,
    pub db_size_bytes: u64,
}

/// What replication has still to do; no more than [`BEHIND_COUNTED_MAX`] keys are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Behind {
    pub due: u64,
    /// For how long the longest due key is, but for urgent ones and partial ones that are due at once; 0 where none is.
    pub oldest_due_sec: u64,
    pub partial: u64,
}

/// Keys by the time at which they are to be due.
pub type KeysByDue = BTreeMap<u64, Vec<KeyId>>;

/// The database of one registry.
#[derive(Debug)]
pub struct Store<B> {
    backend: B,
    cache: Cache,
    accounts: Accounts,
    limits: StorageLimits,
    today: Today,
    timeouts: Timeouts,
    /// The node, as the current call names it.
    here: Here,
    moved_aside: Option<String>,
    /// Rows of each kind that are cleared at once.
    clear_batch_max: u64,
    /// When all that had expired was last removed, since the service started.
    cleared_at: Option<u64>,
    ran_at: Option<u64>,
    peers_expected: u64,
    /// The life and the id of the last key that was taken of those due at once: the index is their `due_at`.
    last_at_once: [Option<(u64, KeyId)>; 2],
}

/// What one look for keys that are due has in common.
struct DueSearch {
    now: HostTimestamp,
    limit: usize,
    rows_gone: usize,
}

impl<B: Backend> Store<B> {
    /// For the operator: that an unreadable database was found and moved aside on opening.
    pub fn moved_aside(&self) -> Option<&str> {
        self.moved_aside.as_deref()
    }

    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) -> Result<(), StoreError> {
        self.transaction(|backend| {
            write_setting(backend, open::EXPIRED_TIMEOUT, &timeouts.expired_sec.to_string())?;
            write_setting(backend, open::STALE_TIMEOUT, &timeouts.stale_sec.to_string())
        })?;
        self.timeouts = timeouts;
        Ok(())
    }

    /// Says who this node is. Which records are its own follows from that and from the records, and from nothing that was
    /// before.
    pub fn set_here(&mut self, here: &Here) {
        if self.here != *here {
            self.here.clone_from(here);
        }
    }

    /// The key, to be given back to [`save`](Self::save) or dropped.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(&mut self, key_id: &KeyId) -> Result<Option<KeyState>, StoreError> {
        if let Some(state) = self.cache.take(key_id) {
            return Ok(Some(state));
        }
        let rows = self.backend.read(sql::LOAD_KEY, &[blob(key_id.as_bytes())])?;
        Ok(row::read_states(&rows)?.into_iter().next())
    }

    /// Keeps a key as it lies in the database. What was proved in a call goes with it.
    pub fn keep(&mut self, mut state: KeyState) {
        state.mark_saved();
        self.cache.put(state);
    }

    /// Writes what has changed, in one transaction, if all of it fits.
    ///
    /// # Errors
    /// [`SaveError`], with nothing changed in the key.
    pub fn save(&mut self, mut state: KeyState, now: HostTimestamp) -> Result<(), SaveError> {
        if !state.is_dirty() {
            self.keep(state);
            return Ok(());
        }
        let mut batch = Batch::of([&state]);
        self.add(&mut batch, &mut state, now)?;
        if !batch.unfit.is_empty() {
            self.cache.take(state.key_id());
            return Err(batch.unfit.swap_remove(0).error.into());
        }
        self.write(batch)?;
        self.keep(state);
        Ok(())
    }

    /// Writes what has changed of many keys, as far as it fits, in one transaction. Returns what does not.
    ///
    /// # Errors
    /// [`StoreError`], with nothing changed in the keys.
    pub fn save_fitting(&mut self, mut states: Vec<KeyState>, now: HostTimestamp) -> Result<Vec<Unfit>, StoreError> {
        let mut batch = Batch::of(&states);
        for state in &mut states {
            self.add(&mut batch, state, now)?;
        }
        let unfit = self.write(batch)?;
        let cut: BTreeSet<KeyId> = unfit.iter().map(|unfit| unfit.key_id).collect();
        for state in states {
            if cut.contains(state.key_id()) {
                // It holds what was refused. The next call reads the key as it lies in the database.
                self.cache.take(state.key_id());
            } else {
                self.keep(state);
            }
        }
        Ok(unfit)
    }

    /// Adds the changes of a key to a batch. With them goes what has ended, so that what lies under a key is bounded.
    fn add(&mut self, batch: &mut Batch, state: &mut KeyState, now: HostTimestamp) -> Result<(), StoreError> {
        if !state.is_dirty() {
            return Ok(());
        }
        let at = Circumstances {
            here: &self.here,
            now,
            timeouts: self.timeouts,
        };
        state.remove_ended(&at);
        state.settle_priority(&self.here, now);
        let pieces = script::changes(state, &at)?;
        self.fit(batch, state, pieces, now)
    }

    /// One script is one transaction, and the sums change exactly with it. What did not fit into the batch.
    fn write(&mut self, batch: Batch) -> Result<Vec<Unfit>, StoreError> {
        if let Some(script) = script::script(batch.pieces.iter()) {
            self.run_script(&script)?;
        }
        for piece in &batch.pieces {
            self.accounts.apply(&piece.delta);
        }
        Ok(batch.unfit)
    }

    /// The parameters of a statement that asks which records are this node's own: its names come first.
    fn with_names<const N: usize>(&self, params: [Value; N]) -> Vec<Value> {
        let mut names = self.here.names().map(|name| integer(Account::of(name).as_column()));
        let first = names.next().unwrap_or(NOBODY);
        let second = names.next().unwrap_or_else(|| first.clone());
        [first, second].into_iter().chain(params).collect()
    }

    /// A script is one transaction, and undone where it fails.
    fn run_script(&self, script: &str) -> Result<(), StoreError> {
        let outcome = self.backend.script(script);
        if outcome.is_err() {
            // Fails in its turn where SQLite has rolled back by itself: the first error counts.
            let _ = self.backend.run(sql::ROLLBACK, &[]);
        }
        outcome
    }

    /// The keys that are due now, but for those to `skip`, which are `skipped` at most: at most `keys_max`. Urgent ones, partial
    /// ones and the others take turns, so that none keep the rest waiting. Of the others the longest due come first; of those
    /// that are due at once, one after the other however many there are, as each call goes on where the last one ended. A key
    /// that says that it is due later than an interval from now is due as well: the clock was set back, or the interval was
    /// longer.
    ///
    /// Dead keys that are met go at once, so that none is met twice; at most about [`CLEAR_BATCH_MAX`] rows a call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn due_ids(
        &mut self,
        (now, interval_sec): (HostTimestamp, u64),
        keys_max: usize,
        (skip, skipped): (impl Fn(&KeyId) -> bool, usize),
    ) -> Result<Vec<KeyId>, StoreError> {
        let mut search = DueSearch {
            now,
            limit: keys_max + skipped,
            rows_gone: 0,
        };
        let latest = now.as_sec().saturating_add(latest_due_sec(interval_sec));
        let urgent = self.due_at_once(&mut search, URGENT_DUE_AT)?;
        let partial = self.due_at_once(&mut search, PARTIAL_DUE_AT)?;
        let mut others = self.due_between(&mut search, PARTIAL_DUE_AT, now.as_sec())?;
        others.extend(self.due_between(&mut search, latest, TIMESTAMP_MAX)?);
        let mut queues = [urgent, partial, others].map(|keys| keys.into_iter().filter(|key| !skip(&key.id)).peekable());
        let mut ids = Vec::new();
        while ids.len() < keys_max && queues.iter_mut().any(|queue| queue.peek().is_some()) {
            for (number, queue) in queues.iter_mut().enumerate() {
                let Some(key) = queue.next().filter(|_| ids.len() < keys_max) else {
                    continue;
                };
                if let Some(last) = self.last_at_once.get_mut(number) {
                    *last = Some((key.life_at, key.id));
                }
                ids.push(key.id);
            }
        }
        Ok(ids)
    }

    /// Those that are due at this time exactly, from behind the last one that was taken, and then from the beginning.
    fn due_at_once(&mut self, search: &mut DueSearch, due_at: u64) -> Result<Vec<DueKey>, StoreError> {
        let after = |last: Option<(u64, KeyId)>| match last {
            Some((life_at, id)) => vec![integer(life_at), blob(id.as_bytes())],
            None => vec![BEFORE_ALL, blob(&[])],
        };
        let last = self.last_at_once[due_at as usize];
        let mut due = self.living_due(search, sql::DUE_AT_KEYS, integer(due_at), after(last))?;
        if let Some(last) = last.filter(|_| due.len() < search.limit) {
            let first = self.living_due(search, sql::DUE_AT_KEYS, integer(due_at), after(None))?;
            due.extend(first.into_iter().take_while(|key| (key.life_at, key.id) <= last));
        }
        Ok(due)
    }

    fn due_between(&mut self, search: &mut DueSearch, after: u64, until: u64) -> Result<Vec<DueKey>, StoreError> {
        self.living_due(search, sql::DUE_KEYS, integer(after), vec![integer(until)])
    }

    fn living_due(
        &mut self,
        search: &mut DueSearch,
        sql: &'static str,
        from: Value,
        rest: Vec<Value>,
    ) -> Result<Vec<DueKey>, StoreError> {
        let mut params = self.with_names([
            from,
            integer(search.limit as u64),
            cutoff(search.now, self.timeouts.expired_sec),
            cutoff(search.now, self.timeouts.tombstone_sec()),
        ]);
        params.extend(rest);
        loop {
            let due = row::read_due(&self.backend.read(sql, &params)?)?;
            let (living, dead): (Vec<DueKey>, Vec<DueKey>) = due.into_iter().partition(|key| key.lives);
            let dead: Vec<KeyId> = dead.into_iter().map(|key| key.id).collect();
            let rows_before = search.rows_gone;
            for ids in dead.chunks(ROOM_BATCH_KEYS) {
                if search.rows_gone < CLEAR_BATCH_MAX {
                    search.rows_gone += self.remove_keys(ids)?.len();
                }
            }
            if search.rows_gone == rows_before {
                return Ok(living);
            }
        }
    }

    /// Loads the first of these keys, in their order: those with no more than `entries_max` entries together, or the first
    /// alone, and no more than [`REPLICA_BYTES_MAX`], or [`LOADED_KEYS`] of them. The others are returned as they are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_bounded<'i>(
        &mut self,
        ids: &'i [KeyId],
        entries_max: usize,
    ) -> Result<(Vec<KeyState>, &'i [KeyId]), StoreError> {
        let mut loaded: Vec<KeyState> = Vec::new();
        let (mut entries, mut bytes) = (0, 0);
        for (number, chunk) in ids.chunks(LOADED_KEYS).enumerate() {
            if bytes > REPLICA_BYTES_MAX {
                return Ok((loaded, &ids[number * LOADED_KEYS..]));
            }
            let (states, read_bytes) = self.load_chunk(chunk)?;
            bytes += read_bytes;
            let mut states: BTreeMap<KeyId, KeyState> =
                states.into_iter().map(|state| (*state.key_id(), state)).collect();
            for (at, id) in chunk.iter().enumerate() {
                let Some(state) = states.remove(id) else { continue };
                entries += state.entry_count();
                if entries > entries_max && !loaded.is_empty() {
                    return Ok((loaded, &ids[number * LOADED_KEYS + at..]));
                }
                loaded.push(state);
            }
        }
        Ok((loaded, &[]))
    }

    /// The ids that begin with one of these tags.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ids_tagged(&self, tags: &[KeyTag]) -> Result<Vec<KeyId>, StoreError> {
        if tags.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.backend.read(sql::TAGGED_KEYS, &[Value::Blob(tag_ranges(tags))])?;
        row::read_ids(&rows)
    }

    /// Loads keys. One with an unreadable row is passed over: it must not hold up the others.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_many(&mut self, ids: &[KeyId]) -> Result<Vec<KeyState>, StoreError> {
        let mut states = Vec::new();
        for chunk in ids.chunks(LOADED_KEYS) {
            states.extend(self.load_chunk(chunk)?.0);
        }
        Ok(states)
    }

    /// The same, and how many bytes their rows have.
    fn load_chunk(&mut self, ids: &[KeyId]) -> Result<(Vec<KeyState>, usize), StoreError> {
        let rows = self.backend.read(sql::LOAD_KEYS, &[concatenated(ids)])?;
        let states = match row::read_states(&rows) {
            Err(StoreError::BadRow { .. }) => {
                let readable = |id| match self.load(id) {
                    Err(StoreError::BadRow { .. }) => Ok(None),
                    outcome => outcome,
                };
                ids.iter().map(readable).filter_map(Result::transpose).collect()
            }
            outcome => outcome,
        };
        // They come in hex.
        Ok((states?, rows.len() / 2))
    }

    /// Removes keys with all their entries.
    ///
    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn drop_keys(&mut self, ids: &[KeyId]) -> Result<(), StoreError> {
        self.remove_keys(ids).map(|_| ())
    }

    /// Says when keys, which it gives by that time, were exchanged last and are due again; unknown ones are passed over.
    ///
    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn set_exchanged(&mut self, by_due: &KeysByDue, now: HostTimestamp) -> Result<(), StoreError> {
        let work = |backend: &B| schedule(backend, sql::SET_EXCHANGED, by_due, Some(now.as_sec()));
        self.reschedule(by_due, work)
    }

    /// The same for keys that another node has exchanged: none that is urgent or partial, and none for longer than `most_sec`
    /// since this node exchanged it.
    ///
    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn postpone(&mut self, by_due: &KeysByDue, most_sec: u64) -> Result<(), StoreError> {
        let work = |backend: &B| schedule(backend, sql::POSTPONE, by_due, Some(most_sec));
        self.reschedule(by_due, work)
    }

    /// What replication has still to do.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn behind(&self, now: HostTimestamp) -> Result<Behind, StoreError> {
        let params = [integer(now.as_sec()), integer(BEHIND_COUNTED_MAX)];
        let (due, since, partial) = row::read_behind(&self.backend.read(sql::BEHIND, &params)?)?;
        Ok(Behind {
            due,
            oldest_due_sec: now.as_sec().saturating_sub(since),
            partial,
        })
    }

    /// When others last answered this node, or it had nothing to ask them; none if they never have.
    pub fn ran_at(&self) -> Option<u64> {
        self.ran_at
    }

    /// How many peers a run is to see, as far as the ones before it have told.
    pub fn peers_expected(&self) -> u64 {
        self.peers_expected
    }

    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn expect_peers(&mut self, count: u64) -> Result<(), StoreError> {
        if self.peers_expected != count {
            write_setting(&self.backend, open::PEERS_EXPECTED, &count.to_string())?;
            self.peers_expected = count;
        }
        Ok(())
    }

    /// See [`ran_at`](Self::ran_at).
    ///
    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn note_ran(&mut self, now: HostTimestamp) -> Result<(), StoreError> {
        write_setting(&self.backend, open::RAN_AT, &now.as_sec().to_string())?;
        self.ran_at = Some(now.as_sec());
        Ok(())
    }

    /// Notes that this node was away: everything is partial, and due at once.
    ///
    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn note_away(&mut self) -> Result<(), StoreError> {
        self.backend.run(sql::NOTE_AWAY, &[])?;
        self.cache.clear();
        Ok(())
    }

    /// Says when keys are due that a run does not take.
    ///
    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn set_due(&mut self, by_due: &KeysByDue) -> Result<(), StoreError> {
        self.reschedule(by_due, |backend| schedule(backend, sql::SET_DUE, by_due, None))
    }

    /// The same, but for urgent ones.
    ///
    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn put_off(&mut self, by_due: &KeysByDue) -> Result<(), StoreError> {
        self.reschedule(by_due, |backend| schedule(backend, sql::PUT_OFF, by_due, None))
    }

    fn reschedule(
        &mut self,
        by_due: &KeysByDue,
        work: impl FnOnce(&B) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if by_due.values().all(Vec::is_empty) {
            return Ok(());
        }
        self.transaction(work)?;
        // What is in memory says something else now.
        for id in by_due.values().flatten() {
            self.cache.take(id);
        }
        Ok(())
    }

    /// Host records due for renewal, at most [`RENEW_BATCH_MAX`]: those without a signature, those whose signature is old,
    /// and those that are dated ahead, because this node's clock was, which neighbours refuse. One queue: who has been due
    /// for longest comes first, so that however many come anew, none is passed over for good.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn due_host_records(&self, now: HostTimestamp) -> Result<Vec<HeldRecord>, StoreError> {
        self.host_records_older_than(self.timeouts.renew_sec(), now)
    }

    /// The same for those that are `age_sec` old, or older.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn host_records_older_than(&self, age_sec: u64, now: HostTimestamp) -> Result<Vec<HeldRecord>, StoreError> {
        let params = self.with_names([
            cutoff(now, age_sec),
            integer(RENEW_BATCH_MAX as u64),
            integer(age_sec),
            integer(now.latest_accepted()),
            integer(RENEW_AHEAD_MAX as u64),
        ]);
        let mut due = row::read_records(&self.backend.read(sql::DUE_HOST_RECORDS, &params)?)?;
        // What its issuer has dated ahead is no better with another signature of the node.
        due.retain(|held| held.record.metadata.timestamp_issued <= now.latest_accepted());
        Ok(due)
    }

    /// Removes what has expired, at most [`CLEAR_BATCH_MAX`] rows of each kind. Keys go when no entry is left to go.
    ///
    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn clear_expired(&mut self, now: HostTimestamp) -> Result<Cleared, StoreError> {
        Ok(self.clear_batch(now)?.0)
    }

    /// The same, but nothing if all that had expired was removed less than `interval_sec` ago.
    ///
    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn clear_expired_every(&mut self, interval_sec: u64, now: HostTimestamp) -> Result<Cleared, StoreError> {
        let cleared_lately = |at: u64| now.as_sec() >= at && now.as_sec() - at < interval_sec;
        if self.cleared_at.is_some_and(cleared_lately) {
            return Ok(Cleared::default());
        }
        let (cleared, is_done) = self.clear_batch(now)?;
        self.cleared_at = is_done.then_some(now.as_sec());
        Ok(cleared)
    }

    /// What went, and whether nothing is left to go.
    fn clear_batch(&mut self, now: HostTimestamp) -> Result<(Cleared, bool), StoreError> {
        self.cache.clear();
        let batch_max = self.clear_batch_max;
        let records_before = cutoff(now, self.timeouts.expired_sec);
        let tombstones_before = cutoff(now, self.timeouts.tombstone_sec());
        let of_kind = |kind, before: &Value| self.with_names([integer(kind), before.clone(), integer(batch_max)]);
        let records = of_kind(row::KIND_RECORD, &records_before);
        let tombstones = of_kind(row::KIND_TOMBSTONE, &tombstones_before);
        let mut charges = Vec::new();
        let mut cleared = self.transaction(|backend| {
            let mut clear = |charges_sql, sql, params: &[Value]| {
                let going = row::read_charges(&backend.read(charges_sql, params)?)?;
                if going.is_empty() {
                    return Ok(0);
                }
                charges.extend(going);
                backend.run(sql, params)?;
                backend.changes()
            };
            let mut entries = |params: &[Value]| clear(sql::CHARGES_OF_CLEARED_ENTRIES, sql::CLEAR_ENTRIES, params);
            let mut cleared = Cleared {
                keys: 0,
                records: entries(&records)?,
                tombstones: entries(&tombstones)?,
            };
            if cleared.records < batch_max && cleared.tombstones < batch_max {
                let keys = [records_before, integer(batch_max)];
                cleared.keys = clear(sql::CHARGES_OF_CLEARED_KEYS, sql::CLEAR_KEYS, &keys)?;
            }
            Ok(cleared)
        })?;
        self.accounts.remove_all(&charges);
        let counts = [cleared.keys, cleared.records, cleared.tombstones];
        let all_cleared = counts.iter().all(|count| *count < batch_max);
        let (shrunk, all_shrunk) = self.shrink()?;
        cleared.keys += shrunk;
        Ok((cleared, all_cleared && all_shrunk))
    }

    /// How many rows there are: no row is looked at but this node's own records.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let db_size_bytes = row::number(&self.backend.read(sql::SIZE_BYTES, &[])?)?;
        let host_records = self.count_host_records(i64::MAX as u64)?;
        let rows = self.accounts.rows();
        Ok(Counts {
            keys: rows.keys,
            records: rows.records.saturating_sub(host_records),
            host_records,
            tombstones: rows.tombstones,
            db_size_bytes,
        })
    }

    /// Records of this node whose issuers have no weight, as many as `max` at most.
    fn count_host_records_without_weight(&self, max: u64) -> Result<u64, StoreError> {
        let params = self.with_names([integer(max)]);
        row::number(&self.backend.read(sql::COUNT_HOST_RECORDS_WITHOUT_WEIGHT, &params)?)
    }

    /// Records of this node, as many as `max` at most.
    fn count_host_records(&self, max: u64) -> Result<u64, StoreError> {
        row::number(
            &self
                .backend
                .read(sql::COUNT_HOST_RECORDS, &self.with_names([integer(max)]))?,
        )
    }

    /// Records of this node that are not signed, are due to be signed anew, or are dated ahead.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count_overdue_host_records(&self, now: HostTimestamp) -> Result<u64, StoreError> {
        let params = self.with_names([cutoff(now, self.timeouts.renew_sec()), integer(now.latest_accepted())]);
        row::number(&self.backend.read(sql::COUNT_OVERDUE_HOST_RECORDS, &params)?)
    }

    fn transaction<T>(&self, work: impl FnOnce(&B) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.backend.run(sql::BEGIN, &[])?;
        let outcome = work(&self.backend).and_then(|value| self.backend.run(sql::COMMIT, &[]).map(|()| value));
        if outcome.is_err() {
            // After some failures SQLite has rolled back by itself and this one fails: the first error counts.
            let _ = self.backend.run(sql::ROLLBACK, &[]);
        }
        outcome
    }
}

fn schedule<B: Backend>(
    backend: &B,
    sql: &'static str,
    by_due: &KeysByDue,
    time: Option<u64>,
) -> Result<(), StoreError> {
    for (due_at, ids) in by_due {
        let params = [Some(concatenated(ids)), Some(integer(*due_at)), time.map(integer)];
        backend.run(sql, &params.into_iter().flatten().collect::<Vec<_>>())?;
    }
    Ok(())
}

fn write_setting<B: Backend>(backend: &B, name: &str, value: &str) -> Result<(), StoreError> {
    backend.run(
        sql::WRITE_SETTING,
        &[Value::Text(name.to_owned()), Value::Text(value.to_owned())],
    )
}

/// Keys that are loaded at once: at most 14 MB, and as much again for their hex.
const LOADED_KEYS: usize = 16;

/// The account of no peer.
const NOBODY: Value = Value::Integer(-1);
const BEFORE_ALL: Value = Value::Integer(-1);
/// How long from now a key can be due at most: an interval and what it may be longer, or a lease.
fn latest_due_sec(interval_sec: u64) -> u64 {
    interval_sec.saturating_add(interval_sec / SPREAD_ONE_IN).max(LEASE_SEC)
}

fn blob(bytes: &[u8]) -> Value {
    Value::Blob(bytes.to_vec())
}

/// The least and the greatest id with each tag, one behind the other.
fn tag_ranges(tags: &[KeyTag]) -> Vec<u8> {
    let mut ranges = Vec::with_capacity(tags.len() * 64);
    for tag in tags {
        for fill in [0x00, 0xff] {
            ranges.extend_from_slice(tag);
            ranges.extend(std::iter::repeat_n(fill, 32 - tag.len()));
        }
    }
    ranges
}

fn concatenated(ids: &[KeyId]) -> Value {
    Value::Blob(ids.iter().flat_map(|id| *id.as_bytes()).collect())
}

/// Timestamps are at most `TIMESTAMP_MAX` when they come here.
fn integer(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

/// The latest timestamp that is `age_sec` old; -1, before every timestamp, where nothing can be so old.
fn cutoff(now: HostTimestamp, age_sec: u64) -> Value {
    now.as_sec().checked_sub(age_sec).map_or(Value::Integer(-1), integer)
}
