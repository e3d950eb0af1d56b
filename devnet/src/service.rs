//! Calls to services: what a peer is asked, and what it answers.

use std::fmt;
use std::time::Duration;

use marine_host::SecurityTetraplet;
use serde_json::Value;

/// The `ret_code` of a call that failed, as nox and the JS client report it.
pub const CALL_FAILED: i32 = 1;

/// One call of a service on a peer, as AquaVM asks for it.
#[derive(Debug, Clone)]
pub struct ServiceCall {
    /// The peer that is asked.
    pub peer_id: String,
    pub service: String,
    pub function: String,
    pub args: Vec<Value>,
    /// Where each argument comes from.
    pub tetraplets: Vec<Vec<SecurityTetraplet>>,
    pub particle_id: String,
    pub init_peer_id: String,
    /// The peer's own clock, Unix milliseconds.
    pub unix_ms: u64,
}

impl ServiceCall {
    /// Argument `index`, or null where there is none.
    #[must_use]
    pub fn arg(&self, index: usize) -> &Value {
        self.args.get(index).unwrap_or(&Value::Null)
    }
}

/// A result as AquaVM takes it: `ret_code` 0 is success, anything else raises `value` as an error in the script.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceResult {
    pub ret_code: i32,
    pub value: Value,
}

impl ServiceResult {
    pub fn ok(value: impl Into<Value>) -> Self {
        Self {
            ret_code: 0,
            value: value.into(),
        }
    }

    pub fn error(message: impl fmt::Display) -> Self {
        Self {
            ret_code: CALL_FAILED,
            value: Value::String(message.to_string()),
        }
    }

    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.ret_code == 0
    }
}

impl<E: fmt::Display> From<Result<Value, E>> for ServiceResult {
    fn from(result: Result<Value, E>) -> Self {
        match result {
            Ok(value) => Self::ok(value),
            Err(error) => Self::error(error),
        }
    }
}

/// When a service answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Now(ServiceResult),
    /// After this much virtual time.
    After(Duration, ServiceResult),
    /// The branch of the script that asked hangs until the particle expires.
    Never,
}

impl<T: Into<ServiceResult>> From<T> for Answer {
    fn from(result: T) -> Self {
        Self::Now(result.into())
    }
}

/// A service function that the embedding program provides.
pub type ServiceFn = Box<dyn FnMut(&ServiceCall) -> Answer>;
