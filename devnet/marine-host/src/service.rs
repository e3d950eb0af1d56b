use std::sync::Arc;

use fluence_app_service::{AppService, CallParameters, IValue, ServiceInterface};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::CallError;

/// A running service. Calls are synchronous; dropping it stops it.
pub struct Service {
    id: String,
    service: AppService,
    runtime: Arc<Runtime>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Service {
    pub(crate) fn new(id: String, service: AppService, runtime: Arc<Runtime>) -> Self {
        Self { id, service, runtime }
    }

    /// The id under which the service was started.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Calls a function of the facade module. `arguments` is an array in the function's order, or an object by
    /// argument name. A failing call leaves the service usable.
    pub fn call(&mut self, function: &str, arguments: Value, parameters: CallParameters) -> Result<Value, CallError> {
        self.runtime
            .block_on(self.service.call_async(function, arguments, parameters))
            .map_err(|e| CallError::new(&self.id, function, e))
    }

    /// Calls a function without the conversion from and to JSON: what benchmarks measure.
    pub fn call_with_ivalues(
        &mut self,
        function: &str,
        arguments: &[IValue],
        parameters: CallParameters,
    ) -> Result<Vec<IValue>, CallError> {
        self.runtime
            .block_on(self.service.call_with_ivalues_async(function, arguments, parameters))
            .map_err(|e| CallError::new(&self.id, function, e))
    }

    /// The linear memory of all modules together, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let modules = self.service.module_memory_stats().modules;
        modules.iter().map(|module| module.memory_size as u64).sum()
    }

    /// The facade's functions and record types.
    #[must_use]
    pub fn interface(&self) -> ServiceInterface {
        self.service.get_interface()
    }
}
