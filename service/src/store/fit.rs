//! Keeping within the limits: what an owner may not have is refused, and for what nobody's limit forbids others make room,
//! the lowest priority first.

use std::collections::BTreeSet;

use super::accounts::{Account, Charge, Pending};
use super::script::{Item, Piece, Removal};
use super::{cutoff, integer, open, row, sql, write_setting, Backend, Store, StoreError, Value};
use crate::domain::limits::{HOST_RECORDS_MAX, ROOM_BATCHES_MAX, ROOM_BATCH_KEYS, SHRINK_BATCH_KEYS};
use crate::domain::{day, Error, HostTimestamp, Identity, KeyId, KeyState, Priority, StorageLimits};

/// What was not written because of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    pub key_id: KeyId,
    /// None: the key itself, and all that came with it.
    pub identity: Option<Identity>,
    pub error: Error,
}

/// A save that was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    #[error(transparent)]
    Unfit(#[from] Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What newcomers have taken today, since the service started.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Today {
    day: u64,
    /// All there was when the day began.
    began_with: u64,
    /// What keys of earlier days had to leave.
    displaced: u64,
}

/// What one transaction is to write, as far as it fits. Nothing of it counts before it is written.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) pieces: Vec<Piece>,
    pub(super) unfit: Vec<Unfit>,
    pending: Pending,
    /// The keys of the batch, which may not make room.
    in_flight: BTreeSet<KeyId>,
}

/// Changes of one key, as far as they fit.
struct Fitting<'s> {
    state: &'s KeyState,
    pieces: Vec<Piece>,
    unfit: Vec<Unfit>,
}

impl<B: Backend> Store<B> {
    pub fn storage_limits(&self) -> StorageLimits {
        self.limits
    }

    /// The bytes that all rows are charged.
    pub fn stored_bytes(&self) -> u64 {
        self.accounts.total()
    }

    /// The bytes that a peer's rows are charged, or a little more.
    pub fn stored_bytes_of(&self, peer_id: &str) -> u64 {
        self.accounts.of(Account::of(peer_id))
    }

    /// What is above a lower limit goes with the next `clear_expired` and the next writes.
    ///
    /// # Errors
    /// [`StoreError`], with nothing changed.
    pub fn set_storage_limits(&mut self, limits: StorageLimits) -> Result<(), StoreError> {
        self.transaction(|backend| {
            write_setting(backend, open::TOTAL_BYTES, &limits.total_bytes.to_string())?;
            write_setting(backend, open::OWNER_BYTES, &limits.owner_bytes.to_string())
        })?;
        self.limits = limits;
        Ok(())
    }

    /// Whether this host may take in one more record of its own that nobody has weighed.
    ///
    /// # Errors
    /// [`Error::HostFull`].
    pub fn check_room_for_host_record(&self) -> Result<(), SaveError> {
        let max = HOST_RECORDS_MAX;
        if self.count_host_records_without_weight(max as u64)? >= max as u64 {
            return Err(Error::HostFull { max }.into());
        }
        Ok(())
    }

    /// Adds to a batch what fits of the changes of a key, and notes what does not.
    pub(super) fn fit(
        &mut self,
        batch: &mut Batch,
        state: &KeyState,
        pieces: Vec<Piece>,
        now: HostTimestamp,
    ) -> Result<(), StoreError> {
        self.begin_day(now);
        let mut fitting = Fitting {
            state,
            pieces: Vec::new(),
            unfit: Vec::new(),
        };
        for piece in pieces {
            match self.check_owner(&batch.pending, state, &piece) {
                Ok(()) => {
                    batch.pending.grow(piece.account, piece.delta.grows());
                    fitting.pieces.push(piece);
                }
                Err(error) => fitting.refuse(piece.item, error),
            }
        }
        let grows: i64 = fitting.pieces.iter().map(|piece| piece.delta.grows()).sum();
        if !fitting.is_refused() && grows > 0 && self.excess(&batch.pending) > 0 {
            let incoming = Priority::arriving(state.key_id(), &self.here, state.weight_ever(), now);
            self.make_room(incoming, batch, now)?;
            if self.excess(&batch.pending) > 0 {
                let bytes = self.accounts.total().saturating_add_signed(batch.pending.bytes - grows);
                let max = self.limits.total_bytes;
                let key_id = state.key_id().to_string();
                for item in fitting.leave(batch, |piece| piece.delta.grows() > 0 && !piece.renews) {
                    let key_id = key_id.clone();
                    fitting.refuse(item, Error::StorageFull { key_id, bytes, max });
                }
            }
        }
        if fitting.is_refused() {
            // Without its key nothing of it fits.
            fitting.leave(batch, |_| true);
        } else {
            fitting.keep_displaced(batch);
        }
        batch.pieces.append(&mut fitting.pieces);
        batch.unfit.append(&mut fitting.unfit);
        Ok(())
    }

    fn check_owner(&self, pending: &Pending, state: &KeyState, piece: &Piece) -> Result<(), Error> {
        let (max, grows) = (self.limits.owner_bytes, piece.delta.grows());
        let held = self.accounts.of(piece.account);
        let bytes = held.saturating_add_signed(pending.of(piece.account));
        if grows <= 0 || piece.renews || bytes.saturating_add_signed(grows) <= max {
            return Ok(());
        }
        Err(Error::OwnerFull {
            peer_id: match &piece.item {
                Item::Key => state.key().owner_peer_id.clone(),
                Item::Entry(identity) => identity.issued_by.clone(),
            },
            bytes,
            more: grows.unsigned_abs(),
            max,
        })
    }

    /// The bytes above the limit, with what is to be written.
    fn excess(&self, pending: &Pending) -> u64 {
        let bytes = self.accounts.total().saturating_add_signed(pending.bytes);
        bytes.saturating_sub(self.limits.total_bytes)
    }

    fn begin_day(&mut self, now: HostTimestamp) {
        if self.today.day != day(now) {
            self.today = Today {
                day: day(now),
                began_with: self.accounts.total(),
                displaced: 0,
            };
        }
    }

    /// Whether today's newcomers have had less than their share: what was free when the day began, and a part of what
    /// was not.
    fn newcomers_may_displace(&self) -> bool {
        let free = self.limits.total_bytes.saturating_sub(self.today.began_with);
        free + self.today.displaced < self.limits.newcomers_bytes()
    }

    /// Removes keys until the limit is kept, or none is left that goes before `incoming`: dead ones; those that came on
    /// the latest of earlier days, while newcomers may displace them; those of lower priority.
    fn make_room(&mut self, incoming: Priority, batch: &Batch, now: HostTimestamp) -> Result<(), StoreError> {
        let limit = integer((ROOM_BATCH_KEYS + batch.in_flight.len()) as u64);
        let mut dead_left = true;
        for _ in 0..ROOM_BATCHES_MAX {
            if self.excess(&batch.pending) == 0 {
                break;
            }
            let mut ids = Vec::new();
            if dead_left {
                let params = self.with_names([cutoff(now, self.timeouts.expired_sec), limit.clone()]);
                ids = self.candidates(sql::DEAD_KEYS, &params, &batch.in_flight)?;
                dead_left = !ids.is_empty();
            }
            if ids.is_empty() && incoming.weight() == 0 && self.newcomers_may_displace() {
                let (from, to) = (Priority::of_earlier_days(now), Priority::weighty());
                let range = [integer(from.as_u64()), integer(to.as_u64()), limit.clone()];
                ids = self.candidates(sql::LOWEST_KEYS, &range, &batch.in_flight)?;
                let charges = self.remove_keys(&ids)?;
                self.today.displaced += charges.iter().map(|charge| charge.bytes).sum::<u64>();
                if !ids.is_empty() {
                    continue;
                }
            }
            if ids.is_empty() {
                let range = [integer(0), integer(incoming.as_u64()), limit.clone()];
                ids = self.candidates(sql::LOWEST_KEYS, &range, &batch.in_flight)?;
            }
            if ids.is_empty() {
                break;
            }
            self.remove_keys(&ids)?;
        }
        Ok(())
    }

    fn candidates(
        &self,
        sql: &'static str,
        params: &[Value],
        in_flight: &BTreeSet<KeyId>,
    ) -> Result<Vec<KeyId>, StoreError> {
        let ids = row::read_ids(&self.backend.read(sql, params)?)?;
        let ids = ids.into_iter().filter(|id| !in_flight.contains(id));
        Ok(ids.take(ROOM_BATCH_KEYS).collect())
    }

    /// After the limit was lowered: removes the lowest keys, in a bounded batch. How many, and whether that was all that
    /// can be done.
    pub(super) fn shrink(&mut self) -> Result<(u64, bool), StoreError> {
        let mut count = 0;
        while self.excess(&Pending::default()) > 0 {
            if count >= SHRINK_BATCH_KEYS {
                return Ok((count as u64, false));
            }
            let range = [
                integer(0),
                integer(Priority::HOSTED.as_u64()),
                integer(ROOM_BATCH_KEYS as u64),
            ];
            let ids = self.candidates(sql::LOWEST_KEYS, &range, &BTreeSet::new())?;
            if ids.is_empty() {
                break;
            }
            self.remove_keys(&ids)?;
            count += ids.len();
        }
        Ok((count as u64, true))
    }

    /// Removes keys with all their entries, but leaves records of this node, and their keys; what is gone.
    pub(super) fn remove_keys(&mut self, ids: &[KeyId]) -> Result<Vec<Charge>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let all = super::concatenated(ids);
        let of_others = self.with_names([all.clone()]);
        let charges = self.transaction(|backend| {
            let charges = row::read_charges(&backend.read(sql::CHARGES_OF_KEYS, &of_others)?)?;
            backend.run(sql::DROP_ENTRIES, &of_others)?;
            backend.run(sql::DROP_KEYS, std::slice::from_ref(&all))?;
            backend.run(sql::STRIPPED_KEYS, &[all.clone(), integer(Priority::HOSTED.as_u64())])?;
            Ok(charges)
        })?;
        for id in ids {
            self.cache.take(id);
        }
        self.accounts.remove_all(&charges);
        Ok(charges)
    }
}

impl Batch {
    pub(super) fn of<'s>(states: impl IntoIterator<Item = &'s KeyState>) -> Self {
        Self {
            pieces: Vec::new(),
            unfit: Vec::new(),
            pending: Pending::default(),
            in_flight: states.into_iter().map(|state| *state.key_id()).collect(),
        }
    }
}

impl Fitting<'_> {
    /// Takes changes out again; what they were.
    fn leave(&mut self, batch: &mut Batch, which: impl Fn(&Piece) -> bool) -> Vec<Item> {
        let (out, stay): (Vec<Piece>, Vec<Piece>) = std::mem::take(&mut self.pieces).into_iter().partition(which);
        self.pieces = stay;
        for piece in &out {
            batch.pending.grow(piece.account, -piece.delta.grows());
        }
        out.into_iter().map(|piece| piece.item).collect()
    }

    /// If an entry is refused, an old entry that it would have displaced stays.
    fn keep_displaced(&mut self, batch: &mut Batch) {
        for _ in 0..self.unfit.len() {
            let displaced = |piece: &Piece| piece.removal == Some(Removal::Displaced);
            let Some(at) = self.pieces.iter().position(displaced) else {
                return;
            };
            let piece = self.pieces.remove(at);
            batch.pending.grow(piece.account, -piece.delta.grows());
        }
    }

    fn refuse(&mut self, item: Item, error: Error) {
        self.unfit.push(Unfit {
            key_id: *self.state.key_id(),
            identity: match item {
                Item::Key => None,
                Item::Entry(identity) => Some(identity),
            },
            error,
        });
    }

    fn is_refused(&self) -> bool {
        self.unfit.iter().any(|unfit| unfit.identity.is_none())
    }
}
