use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::sync::Arc;
use std::time::Duration;

use fluence_app_service::{
    AppServiceConfig, AppServiceFactory, EpochTicker, MarineConfig, MarineModuleConfig, MarineWASIConfig,
    ModuleDescriptor, WasmBackend, WasmtimeConfig,
};
use tokio::runtime::Runtime;

use crate::cache::{default_cache_dir, Cache};
use crate::{ModuleSource, ModuleSpec, Service, ServiceSpec, StartError};

/// What Marine's own default is; wasmtime's, a quarter of it, is too small for SQLite's parser.
const WASM_STACK_BYTES: usize = 2 << 20;
/// Host functions run on the same stack, above the wasm frames.
const ASYNC_STACK_BYTES: usize = 2 * WASM_STACK_BYTES;

/// One wasmtime engine with its cache of compiled modules: as many services as memory allows.
pub struct MarineHost {
    factory: AppServiceFactory,
    cache: Cache,
    runtime: Arc<Runtime>,
    /// What interrupts calls that take too long.
    ticker: Option<Ticker>,
}

/// How often a call that runs is asked whether its time is over.
const TICK: Duration = Duration::from_millis(100);

/// A thread that ticks as long as this lives.
struct Ticker {
    _lives: Sender<()>,
}

impl Ticker {
    fn start(epochs: EpochTicker) -> Self {
        let (lives, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                epochs.increment_epoch();
            }
        });
        Self { _lives: lives }
    }
}

/// A call was not done in its time. What it ran on is in no defined state any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call was interrupted after {} ms", .0.as_millis())]
pub struct TimedOut(pub Duration);

impl std::fmt::Debug for MarineHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MarineHost")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl MarineHost {
    /// A host whose cache is at [`default_cache_dir`].
    pub fn new() -> Result<Self, StartError> {
        Self::with_cache_dir(default_cache_dir())
    }

    /// A host that keeps compiled modules in `dir` (created when missing).
    pub fn with_cache_dir(dir: impl AsRef<Path>) -> Result<Self, StartError> {
        Self::build(dir.as_ref(), false)
    }

    /// A host that can end calls which take too long: see [`MarineHost::run_within`]. Its compiled modules are others.
    pub fn interruptible() -> Result<Self, StartError> {
        Self::build(&default_cache_dir(), true)
    }

    fn build(dir: &Path, interruptible: bool) -> Result<Self, StartError> {
        let cache = Cache::open(dir)?;
        let engine = |e: &dyn std::fmt::Display| StartError::Engine(e.to_string());

        let mut raw = wasmtime::Config::default();
        raw.max_wasm_stack(WASM_STACK_BYTES)
            .async_stack_size(ASYNC_STACK_BYTES)
            .debug_info(false)
            .epoch_interruption(interruptible)
            .cache_config_load(cache.wasmtime_config()?)
            .map_err(|e| engine(&e))?;
        let (factory, ticker) = AppServiceFactory::new(WasmtimeConfig::from_raw(raw)).map_err(|e| engine(&e))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|e| engine(&e))?;
        Ok(Self {
            factory,
            cache,
            runtime: Arc::new(runtime),
            ticker: interruptible.then(|| Ticker::start(ticker)),
        })
    }

    /// Runs a call to its end, or to the end of its time on a host that is [interruptible](Self::interruptible).
    pub fn run_within<T>(&self, limit: Duration, call: impl Future<Output = T>) -> Result<T, TimedOut> {
        if self.ticker.is_none() {
            return Ok(self.runtime.block_on(call));
        }
        let outcome = self.runtime.block_on(async { tokio::time::timeout(limit, call).await });
        outcome.map_err(|_| TimedOut(limit))
    }

    /// Loads, instantiates and initialises a service. Not to be called from inside an async runtime.
    pub fn start(&self, spec: ServiceSpec) -> Result<Service, StartError> {
        if spec.modules.is_empty() {
            return Err(StartError::NoModules(spec.id));
        }
        let modules_config = spec
            .modules
            .iter()
            .map(|module| self.descriptor(module, &spec))
            .collect::<Result<_, _>>()?;
        let config = AppServiceConfig {
            // Absolute mapped directories stay as they are; relative ones are relative to the process.
            service_working_dir: std::path::PathBuf::new(),
            marine_config: MarineConfig {
                modules_dir: None,
                total_memory_limit: spec.memory_limit_bytes,
                modules_config,
                default_modules_config: None,
            },
        };
        let start = self.factory.new_app_service(config, spec.id.clone(), HashMap::new());
        match self.runtime.block_on(start) {
            Ok(service) => Ok(Service::new(spec.id, service, self.runtime.clone())),
            Err(source) => Err(StartError::Marine {
                service: spec.id,
                source: Box::new(source),
            }),
        }
    }

    /// The path of a file with these bytes in the host's cache, for those who load modules by themselves.
    pub fn module_file(&self, wasm: &[u8]) -> Result<std::path::PathBuf, StartError> {
        self.cache.module_file(wasm)
    }

    /// The wasm backend, for other Marine based runtimes that share this engine and its cache.
    #[must_use]
    pub fn backend(&self) -> WasmBackend {
        self.factory.backend()
    }

    /// The current-thread executor that runs this host's calls.
    #[must_use]
    pub fn runtime(&self) -> Arc<Runtime> {
        self.runtime.clone()
    }

    fn descriptor(&self, module: &ModuleSpec, spec: &ServiceSpec) -> Result<ModuleDescriptor, StartError> {
        let path = match &module.source {
            ModuleSource::File(path) if path.is_file() => path.clone(),
            ModuleSource::File(path) => {
                return Err(StartError::NoModuleFile {
                    module: module.name.clone(),
                    path: path.clone(),
                })
            }
            ModuleSource::Bytes(wasm) => self.cache.module_file(wasm)?,
        };
        Ok(ModuleDescriptor {
            load_from: Some(path),
            file_name: module.name.clone(),
            import_name: module.name.clone(),
            config: MarineModuleConfig {
                logger_enabled: spec.logger_enabled,
                host_imports: HashMap::new(),
                wasi: Some(MarineWASIConfig {
                    envs: spec.envs.iter().cloned().collect(),
                    mapped_dirs: spec.mapped_dirs.iter().cloned().collect(),
                }),
                logging_mask: i32::MAX,
            },
        })
    }
}
