//! Virtual time.

use std::time::Duration;

/// Virtual time since the network's start.
pub type VirtualTime = Duration;

/// What every peer's clock shows at the network's start (2026-01-01T00:00:00Z), in seconds.
pub const EPOCH_SEC: u64 = 1_767_225_600;

/// The Unix time in milliseconds on a clock that is `offset_ms` ahead (negative: behind).
pub(crate) fn unix_ms(now: VirtualTime, offset_ms: i64) -> u64 {
    let true_ms = EPOCH_SEC * 1000 + now.as_millis() as u64;
    true_ms.saturating_add_signed(offset_ms)
}

/// `12.345 s`, for people.
pub(crate) fn show(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}
