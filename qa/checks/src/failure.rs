use marine_host::{CallError, StartError};

/// Why a check did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The module does not offer what the check asks of it.
    #[error("no such function: {0}")]
    NoSuchFunction(String),
    /// The module trapped.
    #[error("trap: {0}")]
    Trap(String),
    /// It answered, but not as the rule demands.
    #[error("{0}")]
    Broken(String),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::UnknownFunction { function, .. } => Self::NoSuchFunction(function),
            CallError::Arguments { .. } => Self::Broken(error.to_string()),
            CallError::Failed { .. } => Self::Trap(error.to_string()),
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Broken(format!("it does not start: {error}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Broken(why)
    }
}

impl From<&str> for Failure {
    fn from(why: &str) -> Self {
        Self::Broken(why.to_owned())
    }
}

/// Fails the check unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::Failure::Broken(format!($($why)+)));
        }
    };
}

pub(crate) use ensure;
