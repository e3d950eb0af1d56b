//! How long a script waits for nodes that do not answer. All waits of a call together take at most 70 % of its particle's
//! time to live, so that an answer or errors come before it ends.

/// Parts of a particle's time to live, in percent. A call has a look-up of the neighbourhood, a look-up of the key, and one
/// thing that it does with what it found: 10 + 25 + 35.
pub const HEDGE_PERCENT: u8 = 5;
/// For looking up a key where something is done with it afterwards.
pub const LOOKUP_PERCENT: u8 = 25;
/// The same where that was all: a reader's.
pub const READ_PERCENT: u8 = 60;
/// For the provider, before the neighbours are told of it.
pub const HOST_PERCENT: u8 = 10;
/// For the neighbours that are to store something.
pub const PUBLISH_PERCENT: u8 = 25;
/// For the providers that are called.
pub const CALL_PERCENT: u8 = 35;

/// The time to live of a particle.
#[derive(Debug, Clone, Copy)]
pub struct TimeToLive(u32);

impl TimeToLive {
    /// In milliseconds; 0 where the host does not say.
    pub const fn new(ttl_ms: u32) -> Self {
        Self(ttl_ms)
    }

    /// A part of it, but at most `max_ms`, in milliseconds.
    pub fn part(self, percent: u8, max_ms: u32) -> u32 {
        if self.0 == 0 {
            return max_ms;
        }
        let part = u64::from(self.0) * u64::from(percent) / 100;
        u32::try_from(part).unwrap_or(u32::MAX).min(max_ms)
    }
}
