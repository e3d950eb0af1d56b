//! What a node's operator sets in the environment, because the service takes it from the node alone.

use std::env::VarError;
use std::fmt;
use std::ops::RangeInclusive;

use serde_json::Value;

/// How long records live, and unused keys.
const EXPIRED_TIMEOUT: &str = "REGISTRY_EXPIRED_TIMEOUT_SEC";
/// After what time `evict_stale` hands a key out.
const STALE_TIMEOUT: &str = "REGISTRY_STALE_TIMEOUT_SEC";
/// How much the node stores.
const TOTAL_BYTES: &str = "REGISTRY_TOTAL_BYTES";
/// How much of it one owner or issuer may take.
const OWNER_BYTES: &str = "REGISTRY_OWNER_BYTES";

// What the service takes; a test compares.
const TIMEOUT_SEC: RangeInclusive<u64> = 1..=31_536_000;
const TOTAL_RANGE: RangeInclusive<u64> = 1 << 20..=1 << 40;
const OWNER_MIN: u64 = 64 << 10;
const TOTAL_DEFAULT: u64 = 2 << 30;
const OWNER_DEFAULT: u64 = 64 << 20;

/// Timeouts and limits of the service. What is `None` is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// How long a record lives, and a key that nobody uses, in seconds: `REGISTRY_EXPIRED_TIMEOUT_SEC`.
    pub expired_timeout_sec: Option<u64>,
    /// After how many seconds a key is due for replication: `REGISTRY_STALE_TIMEOUT_SEC`.
    pub stale_timeout_sec: Option<u64>,
    /// What the node stores.
    pub storage: Option<StorageLimits>,
}

/// How many bytes a node stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLimits {
    /// For everybody together: `REGISTRY_TOTAL_BYTES`, 2 GiB if only the other is set.
    pub total_bytes: u64,
    /// For one owner or issuer: `REGISTRY_OWNER_BYTES`, at most 64 MiB if only the other is set.
    pub owner_bytes: u64,
}

/// A variable with a value that the service would not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    variable: &'static str,
    value: String,
    range: RangeInclusive<u64>,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, value, range } = self;
        let (min, max) = (range.start(), range.end());
        write!(
            f,
            "{variable} is `{value}`: it must be a whole number from {min} to {max}, or not be set"
        )
    }
}

impl std::error::Error for SettingError {}

impl Settings {
    /// What the environment of this process says.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for the first value that the service would not take.
    pub fn from_env() -> Result<Self, SettingError> {
        Self::from_variables(|name| match std::env::var(name) {
            Ok(value) => Some(value),
            Err(VarError::NotPresent) => None,
            Err(VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
        })
    }

    /// The same for variables from elsewhere: `variable` returns the value of the one that it is given the name of.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for the first value that the service would not take.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let number = |name: &'static str, range: RangeInclusive<u64>| {
            let Some(value) = variable(name) else {
                return Ok(None);
            };
            match value.parse() {
                Ok(number) if range.contains(&number) => Ok(Some(number)),
                _ => Err(SettingError {
                    variable: name,
                    value,
                    range,
                }),
            }
        };
        let expired_timeout_sec = number(EXPIRED_TIMEOUT, TIMEOUT_SEC)?;
        let stale_timeout_sec = number(STALE_TIMEOUT, TIMEOUT_SEC)?;
        let total_bytes = number(TOTAL_BYTES, TOTAL_RANGE)?;
        // The service takes both at once.
        let total = total_bytes.unwrap_or(TOTAL_DEFAULT);
        let owner_bytes = number(OWNER_BYTES, OWNER_MIN..=total)?;
        let storage = (total_bytes.is_some() || owner_bytes.is_some()).then(|| StorageLimits {
            total_bytes: total,
            owner_bytes: owner_bytes.unwrap_or(OWNER_DEFAULT.min(total)),
        });
        Ok(Self {
            expired_timeout_sec,
            stale_timeout_sec,
            storage,
        })
    }

    /// As the spell reads it: a list of one value, or of none.
    pub(crate) fn fields(&self) -> [(&'static str, Value); 4] {
        [
            ("expired_timeout_sec", optional(self.expired_timeout_sec)),
            ("stale_timeout_sec", optional(self.stale_timeout_sec)),
            ("total_bytes", optional(self.storage.map(|limits| limits.total_bytes))),
            ("owner_bytes", optional(self.storage.map(|limits| limits.owner_bytes))),
        ]
    }
}

fn optional(value: Option<u64>) -> Value {
    Vec::from_iter(value).into()
}
