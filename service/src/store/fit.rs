//! Keeping within the limits: what an owner may not have is refused, and for what nobody's limit forbids others make room,
//! the lowest priority first.

use std::collections::BTreeSet;

use super::accounts::Account;
use super::script::{Item, Piece};
use super::{cutoff, integer, open, row, sql, write_setting, Backend, Store, StoreError};
use crate::domain::limits::{HOST_RECORDS_MAX, ROOM_BATCHES_MAX, ROOM_BATCH_KEYS, SHRINK_BATCH_KEYS};
use crate::domain::{day, Error, Here, HostTimestamp, Identity, KeyId, KeyState, Priority, StorageLimits};

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

/// Changes of one key that fit.
pub(super) struct Fitting {
    pub(super) pieces: Vec<Piece>,
    pub(super) unfit: Vec<Unfit>,
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
        let count = row::number(&self.backend.read(sql::COUNT_HOST_RECORDS, &[integer(max as u64)])?)?;
        if count >= max as u64 {
            return Err(Error::HostFull { max }.into());
        }
        Ok(())
    }

    /// Of the changes of a key those that fit, already charged; `in_flight` are the keys that may not make room.
    pub(super) fn fit(
        &mut self,
        state: &KeyState,
        pieces: Vec<Piece>,
        (in_flight, here, now): (&BTreeSet<KeyId>, &Here, HostTimestamp),
    ) -> Result<Fitting, StoreError> {
        self.begin_day(now);
        let mut fitting = Fitting {
            pieces: Vec::new(),
            unfit: Vec::new(),
        };
        for piece in pieces {
            match self.check_owner(state, &piece) {
                Ok(()) => {
                    self.accounts.grow(Some(piece.account), piece.grows);
                    fitting.pieces.push(piece);
                }
                Err(error) => fitting.refuse(state, piece.item, error),
            }
        }
        if fitting.is_refused() {
            self.take_back(&mut fitting, |_| true);
            return Ok(fitting);
        }
        let grows: i64 = fitting.pieces.iter().map(|piece| piece.grows).sum();
        if grows > 0 && self.excess() > 0 {
            let incoming = Priority::arriving(state.key_id(), here, state.weight_ever(), now);
            if let Err(error) = self.make_room(incoming, in_flight, now) {
                self.take_back(&mut fitting, |_| true);
                return Err(error);
            }
            if self.excess() > 0 {
                let (bytes, max) = (self.accounts.total() - grows as u64, self.limits.total_bytes);
                let key_id = state.key_id().to_string();
                for item in self.take_back(&mut fitting, |piece| piece.grows > 0) {
                    let key_id = key_id.clone();
                    fitting.refuse(state, item, Error::StorageFull { key_id, bytes, max });
                }
                if fitting.is_refused() {
                    self.take_back(&mut fitting, |_| true);
                }
            }
        }
        self.keep_displaced(&mut fitting);
        Ok(fitting)
    }

    /// Uncharges and forgets changes; what they were.
    pub(super) fn take_back(&mut self, fitting: &mut Fitting, which: impl Fn(&Piece) -> bool) -> Vec<Item> {
        let (back, stay) = std::mem::take(&mut fitting.pieces)
            .into_iter()
            .partition(|piece| which(piece));
        fitting.pieces = stay;
        let back: Vec<Piece> = back;
        for piece in &back {
            self.accounts.grow(Some(piece.account), -piece.grows);
        }
        back.into_iter().map(|piece| piece.item).collect()
    }

    /// For each entry that is refused one stays that would have made room for it in its key.
    fn keep_displaced(&mut self, fitting: &mut Fitting) {
        for _ in 0..fitting.unfit.len() {
            let Some(at) = fitting.pieces.iter().position(|piece| piece.removes) else {
                return;
            };
            let piece = fitting.pieces.remove(at);
            self.accounts.grow(Some(piece.account), -piece.grows);
        }
    }

    fn check_owner(&self, state: &KeyState, piece: &Piece) -> Result<(), Error> {
        let max = self.limits.owner_bytes;
        let bytes = self.accounts.of(piece.account);
        if piece.grows <= 0 || bytes.saturating_add_signed(piece.grows) <= max {
            return Ok(());
        }
        Err(Error::OwnerFull {
            peer_id: match &piece.item {
                Item::Key => state.key().owner_peer_id.clone(),
                Item::Entry(identity) => identity.issued_by.clone(),
            },
            bytes,
            more: piece.grows.unsigned_abs(),
            max,
        })
    }

    fn excess(&self) -> u64 {
        self.accounts.total().saturating_sub(self.limits.total_bytes)
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
    fn make_room(
        &mut self,
        incoming: Priority,
        in_flight: &BTreeSet<KeyId>,
        now: HostTimestamp,
    ) -> Result<(), StoreError> {
        let limit = integer((ROOM_BATCH_KEYS + in_flight.len()) as u64);
        let mut dead_left = true;
        for _ in 0..ROOM_BATCHES_MAX {
            if self.excess() == 0 {
                break;
            }
            let mut ids = Vec::new();
            if dead_left {
                let dead_before = cutoff(now, self.timeouts.expired_sec);
                ids = self.candidates(sql::DEAD_KEYS, &[dead_before, limit.clone()], in_flight)?;
                dead_left = !ids.is_empty();
            }
            if ids.is_empty() && incoming.weight() == 0 && self.newcomers_may_displace() {
                let (from, to) = (Priority::of_earlier_days(now), Priority::weighty());
                let range = [integer(from.as_u64()), integer(to.as_u64()), limit.clone()];
                ids = self.candidates(sql::LOWEST_KEYS, &range, in_flight)?;
                self.today.displaced += self.remove_keys(&ids)?;
                if !ids.is_empty() {
                    continue;
                }
            }
            if ids.is_empty() {
                let range = [integer(0), integer(incoming.as_u64()), limit.clone()];
                ids = self.candidates(sql::LOWEST_KEYS, &range, in_flight)?;
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
        params: &[super::Value],
        in_flight: &BTreeSet<KeyId>,
    ) -> Result<Vec<KeyId>, StoreError> {
        let due = row::read_due(&self.backend.read(sql, params)?)?;
        let ids = due.into_iter().map(|(id, _)| id).filter(|id| !in_flight.contains(id));
        Ok(ids.take(ROOM_BATCH_KEYS).collect())
    }

    /// After the limit was lowered: removes the lowest keys, in a bounded batch; how many.
    pub(super) fn shrink(&mut self) -> Result<u64, StoreError> {
        let mut count = 0;
        while self.excess() > 0 && count < SHRINK_BATCH_KEYS {
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
        Ok(count as u64)
    }

    /// Removes keys with all their entries, but leaves records of this node, and their keys; the bytes that are free now.
    pub(super) fn remove_keys(&mut self, ids: &[KeyId]) -> Result<u64, StoreError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let all = super::concatenated(ids);
        let charges = self.transaction(|backend| {
            let charges = row::read_charges(&backend.read(sql::CHARGES_OF_KEYS, std::slice::from_ref(&all))?)?;
            backend.run(sql::DROP_ENTRIES, std::slice::from_ref(&all))?;
            backend.run(sql::DROP_KEYS, std::slice::from_ref(&all))?;
            backend.run(sql::STRIPPED_KEYS, &[all.clone(), integer(Priority::HOSTED.as_u64())])?;
            Ok(charges)
        })?;
        for id in ids {
            self.cache.take(id);
        }
        Ok(self.accounts.remove_all(&charges))
    }
}

impl Fitting {
    fn refuse(&mut self, state: &KeyState, item: Item, error: Error) {
        self.unfit.push(Unfit {
            key_id: *state.key_id(),
            identity: match item {
                Item::Key => None,
                Item::Entry(identity) => Some(identity),
            },
            error,
        });
    }

    /// Without its key nothing of it fits.
    fn is_refused(&self) -> bool {
        self.unfit.iter().any(|unfit| unfit.identity.is_none())
    }
}
