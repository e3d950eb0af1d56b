//! Virtual time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Virtual time since the network's start.
pub type VirtualTime = Duration;

/// What every peer's clock shows at the network's start (2026-01-01T00:00:00Z), in seconds.
pub const EPOCH_SEC: u64 = 1_767_225_600;

/// The Unix time in milliseconds that virtual time stands for.
pub(crate) fn virtual_unix_ms(now: VirtualTime) -> u64 {
    EPOCH_SEC * 1000 + now.as_millis() as u64
}

/// The Unix time in milliseconds by the clock of this machine.
pub(crate) fn wall_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| time.as_millis() as u64)
}

/// `12.345 s`, for people.
pub(crate) fn show(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}
