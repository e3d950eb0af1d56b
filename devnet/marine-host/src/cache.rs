//! The cache on disk: compiled modules (wasmtime's own format) and modules that were given as bytes.

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::StartError;

/// The environment variable that overrides where the cache is kept.
pub const CACHE_DIR_VARIABLE: &str = "MARINE_HOST_CACHE_DIR";

/// Where compiled modules are kept unless the caller says otherwise: [`CACHE_DIR_VARIABLE`], else
/// `$XDG_CACHE_HOME/marine-host`, else `~/.cache/marine-host`, else the system's temporary directory.
#[must_use]
pub fn default_cache_dir() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(dir) = set(CACHE_DIR_VARIABLE) {
        return dir.into();
    }
    set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("marine-host")
}

#[derive(Debug, Clone)]
pub(crate) struct Cache {
    dir: PathBuf,
}

impl Cache {
    pub(crate) fn open(dir: &Path) -> Result<Self, StartError> {
        let modules = dir.join("modules");
        std::fs::create_dir_all(&modules).map_err(|e| file_error(&modules, e))?;
        let dir = dir.canonicalize().map_err(|e| file_error(dir, e))?;
        Ok(Self { dir })
    }

    /// Writes wasmtime's cache configuration and returns its path.
    pub(crate) fn wasmtime_config(&self) -> Result<PathBuf, StartError> {
        let directory = toml_string(&self.dir.join("compiled"));
        let text = format!("[cache]\nenabled = true\ndirectory = {directory}\n");
        let path = self.dir.join("wasmtime.toml");
        self.write_once(&path, text.as_bytes())?;
        Ok(path)
    }

    /// The path of a file with these bytes, written once per content.
    pub(crate) fn module_file(&self, wasm: &[u8]) -> Result<PathBuf, StartError> {
        let name = format!("{}.wasm", hex::encode(Sha256::digest(wasm)));
        let path = self.dir.join("modules").join(name);
        self.write_once(&path, wasm)?;
        Ok(path)
    }

    /// Processes may race for the same file: it appears complete, by renaming, or not at all.
    fn write_once(&self, path: &Path, content: &[u8]) -> Result<(), StartError> {
        let expected = content.len() as u64;
        if std::fs::metadata(path).is_ok_and(|found| found.len() == expected) {
            return Ok(());
        }
        let written = tempfile::NamedTempFile::new_in(&self.dir).and_then(|mut file| {
            file.write_all(content)?;
            file.persist(path).map_err(|e| e.error)
        });
        written.map(drop).map_err(|e| file_error(path, e))
    }
}

pub(crate) fn file_error(path: &Path, source: std::io::Error) -> StartError {
    StartError::File {
        path: path.to_owned(),
        source,
    }
}

/// A TOML basic string; JSON's escapes are a subset of TOML's.
fn toml_string(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy().as_ref()).to_string()
}
