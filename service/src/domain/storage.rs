//! How much a node stores, and which keys go first when it is full.
//!
//! Identities cost nothing, so no limit per owner stops a flood, and what a flood does most is what an honest client does
//! too: register, put, read. What it cannot do is to have come earlier, or to be weighed. So a key's priority is, in this
//! order, the highest weight that was proved for it here, the day of its arrival (the earlier stays), and how close it
//! is to this node (a node in its neighbourhood that is closer holds it as well). Whatever grows competes as if it had
//! arrived today, so nobody keeps a place for later.

use super::error::Error;
use super::id::KeyId;
use super::limits::{OWNER_BYTES_DEFAULT, STORAGE_BYTES_DEFAULT};
use super::limits::{OWNER_BYTES_MIN, STORAGE_BYTES_MAX, STORAGE_BYTES_MIN};
use super::neighbourhood::distance;
use super::{Here, HostTimestamp};

const SEC_PER_DAY: u64 = 86_400;
/// The days that a priority can tell apart end in 2149.
const DAY_MAX: u64 = 0xffff;
const WEIGHT_SHIFT: u32 = 48;
const DAY_SHIFT: u32 = 32;
const WEIGHT_MAX: u32 = 0x7ffe;

/// How much this node stores: charged are the stored bytes of a row and
/// [`ROW_OVERHEAD_BYTES`](super::limits::ROW_OVERHEAD_BYTES).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLimits {
    /// For everybody together.
    pub total_bytes: u64,
    /// For the keys of one owner and the records and tombstones of one issuer, together where they are one peer.
    pub owner_bytes: u64,
}

impl Default for StorageLimits {
    fn default() -> Self {
        Self {
            total_bytes: STORAGE_BYTES_DEFAULT,
            owner_bytes: OWNER_BYTES_DEFAULT,
        }
    }
}

impl StorageLimits {
    /// # Errors
    /// [`Error::StorageLimitOutOfRange`].
    pub fn check_range(self) -> Result<Self, Error> {
        let check = |what, given, min, max| {
            if (min..=max).contains(&given) {
                return Ok(());
            }
            Err(Error::StorageLimitOutOfRange { what, given, min, max })
        };
        check("total_bytes", self.total_bytes, STORAGE_BYTES_MIN, STORAGE_BYTES_MAX)?;
        check("owner_bytes", self.owner_bytes, OWNER_BYTES_MIN, self.total_bytes)?;
        Ok(self)
    }

    /// What a day's newcomers may take from those of earlier days, together with the room that was free.
    pub const fn newcomers_bytes(&self) -> u64 {
        self.total_bytes / 4
    }
}

/// Who goes first: the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(u64);

impl Priority {
    /// A key with nothing but records of this very node, which never go.
    pub const HOSTED: Self = Self(i64::MAX as u64);
    /// Before all days: what was here before arrivals were noted.
    pub const FIRST: Self = Self(DAY_MAX << DAY_SHIFT);

    /// Of a key that arrives, or grows.
    pub fn arriving(key_id: &KeyId, here: &Here, weight: u32, now: HostTimestamp) -> Self {
        let far = distance(key_id, here);
        let closeness = far.map_or(0, |far| !u32::from_be_bytes([far[0], far[1], far[2], far[3]]));
        Self(Self::day_begins(now).0 | u64::from(closeness)).weighed(weight)
    }

    /// As [`as_u64`](Self::as_u64) gave it.
    pub const fn from_u64(priority: u64) -> Self {
        Self(priority)
    }

    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// At least that of this weight.
    #[must_use]
    pub fn weighed(self, weight: u32) -> Self {
        if self == Self::HOSTED || weight <= self.weight() {
            return self;
        }
        let rest = self.0 & ((1 << WEIGHT_SHIFT) - 1);
        Self(u64::from(weight.min(WEIGHT_MAX)) << WEIGHT_SHIFT | rest)
    }

    pub const fn weight(self) -> u32 {
        (self.0 >> WEIGHT_SHIFT) as u32
    }

    /// The lowest of the keys without weight that arrived before today.
    pub fn of_earlier_days(now: HostTimestamp) -> Self {
        Self(Self::day_begins(now).0.saturating_add(1 << DAY_SHIFT))
    }

    /// The lowest with a weight.
    pub const fn weighty() -> Self {
        Self(1 << WEIGHT_SHIFT)
    }

    fn day_begins(now: HostTimestamp) -> Self {
        Self((DAY_MAX - day(now).min(DAY_MAX)) << DAY_SHIFT)
    }
}

/// Days since 1970.
pub fn day(now: HostTimestamp) -> u64 {
    now.as_sec() / SEC_PER_DAY
}
