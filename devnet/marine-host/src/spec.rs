use std::path::{Path, PathBuf};

/// Where a service keeps what has to survive a restart.
pub const STORAGE_DIR: &str = "/storage";
/// Where a service may put files that need not.
pub const TMP_DIR: &str = "/tmp";

/// Where a module's wasm comes from.
#[derive(Clone)]
pub enum ModuleSource {
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl std::fmt::Debug for ModuleSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
        }
    }
}

impl From<&Path> for ModuleSource {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<PathBuf> for ModuleSource {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&[u8]> for ModuleSource {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for ModuleSource {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// One module of a service: the name under which others import it, and its wasm.
#[derive(Debug, Clone)]
pub struct ModuleSpec {
    pub name: String,
    pub source: ModuleSource,
}

/// What a service is made of. The module added last is the facade: its functions are the service's.
#[derive(Debug, Clone)]
pub struct ServiceSpec {
    pub(crate) id: String,
    pub(crate) modules: Vec<ModuleSpec>,
    pub(crate) mapped_dirs: Vec<(String, PathBuf)>,
    pub(crate) envs: Vec<(String, String)>,
    pub(crate) logger_enabled: bool,
    pub(crate) memory_limit_bytes: Option<u64>,
}

impl ServiceSpec {
    /// A service with this id whose `/storage` and `/tmp` are `storage/` and `tmp/` under `working_dir`, as on a real
    /// node. The directories are created on start.
    pub fn new(id: impl Into<String>, working_dir: impl AsRef<Path>) -> Self {
        let working_dir = working_dir.as_ref();
        Self {
            id: id.into(),
            modules: Vec::new(),
            mapped_dirs: vec![
                (STORAGE_DIR.to_owned(), working_dir.join("storage")),
                (TMP_DIR.to_owned(), working_dir.join("tmp")),
            ],
            envs: Vec::new(),
            logger_enabled: true,
            memory_limit_bytes: None,
        }
    }

    /// Adds a module; those it imports come first.
    #[must_use]
    pub fn module(mut self, name: impl Into<String>, source: impl Into<ModuleSource>) -> Self {
        self.modules.push(ModuleSpec {
            name: name.into(),
            source: source.into(),
        });
        self
    }

    /// Maps `guest` to the directory `host` for every module, in place of an earlier mapping of the same name.
    #[must_use]
    pub fn mapped_dir(mut self, guest: impl Into<String>, host: impl Into<PathBuf>) -> Self {
        let guest = guest.into();
        self.mapped_dirs.retain(|(name, _)| *name != guest);
        self.mapped_dirs.push((guest, host.into()));
        self
    }

    /// Sets an environment variable for every module.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.envs.push((name.into(), value.into()));
        self
    }

    /// Whether modules are given Marine's logger (on by default): those that import it do not start without. Their lines
    /// go to the process's `log`, filtered by `WASM_LOG`.
    #[must_use]
    pub fn logger_enabled(mut self, enabled: bool) -> Self {
        self.logger_enabled = enabled;
        self
    }

    /// Limits the memory of all modules together, in bytes (unlimited by default).
    #[must_use]
    pub fn memory_limit_bytes(mut self, limit: u64) -> Self {
        self.memory_limit_bytes = Some(limit);
        self
    }
}
