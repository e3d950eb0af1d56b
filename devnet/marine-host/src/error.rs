use std::path::PathBuf;

use fluence_app_service::{AppServiceError, MarineError};

/// Why a host or a service could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file or directory that the host needs cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// The module's file does not exist.
    #[error("module `{module}`: no file at {} - build it first, or name another path", path.display())]
    NoModuleFile { module: String, path: PathBuf },
    /// The service has no module.
    #[error("service `{0}` has no module: add at least one, the facade last")]
    NoModules(String),
    /// wasmtime refused its configuration.
    #[error("wasmtime cannot be set up: {0}")]
    Engine(String),
    /// Marine could not load or instantiate the service's modules.
    #[error("service `{service}` does not start: {source}")]
    Marine {
        service: String,
        source: Box<AppServiceError>,
    },
}

/// Why a call did not return a value.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The facade module exports no such function.
    #[error("service `{service}` has no function `{function}`")]
    UnknownFunction { service: String, function: String },
    /// The arguments do not fit the function's signature.
    #[error("`{service}.{function}`: {reason}")]
    Arguments {
        service: String,
        function: String,
        reason: String,
    },
    /// The module trapped, ran out of memory or returned what is not of its own interface.
    #[error("`{service}.{function}` failed: {source}")]
    Failed {
        service: String,
        function: String,
        source: Box<AppServiceError>,
    },
}

impl CallError {
    pub(crate) fn new(service: &str, function: &str, source: AppServiceError) -> Self {
        let (service, function) = (service.to_owned(), function.to_owned());
        match source {
            AppServiceError::MarineError(MarineError::MissingFunctionError(_)) => {
                Self::UnknownFunction { service, function }
            }
            AppServiceError::MarineError(MarineError::JsonArgumentsDeserializationError { error, .. }) => {
                Self::Arguments {
                    service,
                    function,
                    reason: error.to_string(),
                }
            }
            source => Self::Failed {
                service,
                function,
                source: Box::new(source),
            },
        }
    }
}
