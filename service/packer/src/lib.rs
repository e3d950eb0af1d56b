//! Turns compiled modules into what people use: `artifacts/registry.wasm` and those beside it (interface, SDK version and
//! manifest inside), `artifacts/sqlite3.wasm`, `artifacts/SHA256SUMS` and the Aqua bindings.
//!
//! Everything written here is a function of the compiled module, the commit and the workspace's manifests: the same
//! inputs give the same bytes, on any machine and at any time.

pub mod bindings;
pub mod build_time;
pub mod checksums;
pub mod manifest;
pub mod module;
pub mod package;
pub mod sqlite;

mod file;

pub use file::write_if_changed;

use std::path::{Path, PathBuf};

/// The files of the workspace that the packer reads and writes, relative to its root.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// `root` is the directory that holds the workspace's `Cargo.toml`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The root of the workspace that this crate was built in.
    pub fn of_this_workspace() -> Self {
        let this_crate = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::new(this_crate.ancestors().nth(2).unwrap_or(this_crate))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// A packed module, by its name.
    pub fn wasm(&self, module: &str) -> PathBuf {
        self.artifacts().join(format!("{module}.wasm"))
    }

    pub fn checksums(&self) -> PathBuf {
        self.artifacts().join(checksums::FILE_NAME)
    }
}
