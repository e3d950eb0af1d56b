//! Calls that were refused, by reason: what an operator sees of attacks, wrong clocks and limits that are too low.

use super::CallError;
use crate::auth::AuthError;
use crate::domain::Error;

/// Why a call was refused or failed, as far as an operator does something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// An argument does not come from where it has to.
    Unproved,
    /// The function is for the node or the service's creator alone.
    Forbidden,
    /// Too long, too many, malformed or out of range.
    Malformed,
    /// A signature or key id does not fit.
    NotGenuine,
    /// The signer's clock is ahead of this node's.
    Ahead,
    Expired,
    UnknownKey,
    /// Something later stands, or what ranks higher fills the key.
    Superseded,
    /// Over the limit of one owner.
    OwnerFull,
    /// The node is full.
    Full,
    /// The database failed.
    Storage,
}

impl Reason {
    pub const ALL: [Self; 11] = [
        Self::Unproved,
        Self::Forbidden,
        Self::Malformed,
        Self::NotGenuine,
        Self::Ahead,
        Self::Expired,
        Self::UnknownKey,
        Self::Superseded,
        Self::OwnerFull,
        Self::Full,
        Self::Storage,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Unproved => "unproved",
            Self::Forbidden => "forbidden",
            Self::Malformed => "malformed",
            Self::NotGenuine => "not_genuine",
            Self::Ahead => "ahead",
            Self::Expired => "expired",
            Self::UnknownKey => "unknown_key",
            Self::Superseded => "superseded",
            Self::OwnerFull => "owner_full",
            Self::Full => "full",
            Self::Storage => "storage",
        }
    }

    const fn of(error: &CallError) -> Self {
        match error {
            CallError::Store(_) => Self::Storage,
            CallError::Refused(error) | CallError::Unproved(AuthError::Invalid(error)) => Self::of_refusal(error),
            CallError::Unproved(AuthError::Unproved { .. } | AuthError::WeightOfAnother { .. }) => Self::Unproved,
            CallError::Unproved(AuthError::HostOnly { .. } | AuthError::HostOrCreatorOnly { .. }) => Self::Forbidden,
        }
    }

    const fn of_refusal(error: &Error) -> Self {
        match error {
            Error::TooLong { .. }
            | Error::TooMany { .. }
            | Error::Empty { .. }
            | Error::Malformed { .. }
            | Error::TimestampTooLarge { .. }
            | Error::SeveralKeys { .. }
            | Error::StorageLimitOutOfRange { .. }
            | Error::TimeoutOutOfRange { .. }
            | Error::LeaseOutOfRange { .. }
            | Error::LeaseOfHost { .. }
            | Error::NotThisHost { .. }
            | Error::Unsigned { .. }
            | Error::UnsignedTimestamp { .. }
            | Error::HostRecordFailed { .. }
            | Error::BadReplica { .. }
            | Error::NoRound { .. }
            | Error::EmptyLabel
            | Error::BadPacked { .. } => Self::Malformed,
            Error::KeyIdMismatch { .. } | Error::BadSignature { .. } | Error::NoneGenuine { .. } => Self::NotGenuine,
            Error::FromFuture { .. }
            | Error::ClockBehind { .. }
            | Error::ClocksApart { .. }
            | Error::DatedAhead { .. } => Self::Ahead,
            Error::ExpiredRecord { .. } | Error::ExpiredTombstone { .. } => Self::Expired,
            Error::UnknownKey { .. } | Error::NoHostRecord { .. } => Self::UnknownKey,
            Error::Superseded { .. } | Error::Outranked { .. } | Error::TombstonesFull { .. } => Self::Superseded,
            Error::OwnerFull { .. } => Self::OwnerFull,
            Error::StorageFull { .. } | Error::HostFull { .. } | Error::HostRecordsFull { .. } => Self::Full,
        }
    }
}

/// How many calls were refused since the service started.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Refusals([u64; Reason::ALL.len()]);

impl Refusals {
    pub(super) fn note(&mut self, error: &CallError) {
        let count = &mut self.0[Reason::of(error) as usize];
        // Marine ends a call that returns a larger one.
        *count = (*count + 1).min(i64::MAX as u64);
    }

    /// The reasons that there were.
    pub(super) fn counts(&self) -> Vec<(Reason, u64)> {
        let counts = Reason::ALL.into_iter().zip(self.0);
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_place_and_a_name_of_its_own() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            assert_eq!(
                Reason::ALL
                    .into_iter()
                    .filter(|other| other.name() == reason.name())
                    .count(),
                1
            );
        }
    }
}
