use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use futures_util::FutureExt;
use tokio::sync::watch;

/// What [`Discovery`](super::Discovery) knows of time.
pub trait Clock: Send + Sync + 'static {
    /// A time that never goes back.
    fn now(&self) -> Instant;
    /// The time of day, in seconds since 1970.
    fn unix_sec(&self) -> u64;
    /// Ready at that time.
    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()>;
}

/// The machine's.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix_sec(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        tokio::time::sleep_until(at.into()).boxed()
    }
}

/// A clock that stands until it is moved: for tests.
#[derive(Debug)]
pub struct ManualClock {
    began: Instant,
    now: watch::Sender<Instant>,
}

/// The time of day at which a [`ManualClock`] starts.
const MANUAL_START_SEC: u64 = 1_800_000_000;

impl Default for ManualClock {
    fn default() -> Self {
        let began = Instant::now();
        Self {
            began,
            now: watch::Sender::new(began),
        }
    }
}

impl ManualClock {
    /// What waits for a time up to then goes on.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now += by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        *self.now.borrow()
    }

    fn unix_sec(&self) -> u64 {
        MANUAL_START_SEC + self.now().duration_since(self.began).as_secs()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        let mut now = self.now.subscribe();
        async move {
            if now.wait_for(|now| *now >= at).await.is_err() {
                std::future::pending().await
            }
        }
        .boxed()
    }
}
