use std::path::{Path, PathBuf};

use marine_host::{ModuleSource, ServiceSpec};

/// The size of the reference's module.
pub const REFERENCE_WASM_BYTES: u64 = registry_distro::REGISTRY_WASM.len() as u64;

/// The environment variable that names another directory of artifacts.
pub const ARTIFACTS_DIR_VARIABLE: &str = "REGISTRY_ARTIFACTS_DIR";

/// The artifacts that make up the service.
pub(crate) const MODULES: [&str; 2] = ["sqlite3.wasm", "registry.wasm"];

/// Whose module is under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// artifacts/registry.wasm.
    Here,
    /// registry-distro 0.9.4.
    Reference,
}

impl Subject {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Reference => "0.9.4",
        }
    }

    /// The service with its storage under `directory`.
    pub fn spec(self, directory: &Path) -> ServiceSpec {
        match self {
            Self::Here => spec_of(
                directory,
                artifact("sqlite3.wasm").into(),
                artifact("registry.wasm").into(),
            ),
            Self::Reference => spec_of(
                directory,
                registry_distro::SQLITE_WASM.into(),
                registry_distro::REGISTRY_WASM.into(),
            ),
        }
    }
}

/// The service of the artifacts of another build, with its storage under `directory`.
pub fn spec_of_artifacts(artifacts: &Path, directory: &Path) -> ServiceSpec {
    let module = |name: &str| artifacts.join(name).into();
    spec_of(directory, module("sqlite3.wasm"), module("registry.wasm"))
}

fn spec_of(directory: &Path, sqlite: ModuleSource, registry: ModuleSource) -> ServiceSpec {
    // The reference asks for its directory under the name without a slash.
    ServiceSpec::new("registry", directory)
        .mapped_dir("tmp", directory.join("tmp"))
        .module("sqlite3", sqlite)
        .module("registry", registry)
}

/// A file that `./build.sh` makes, from `artifacts/` or the directory in [`ARTIFACTS_DIR_VARIABLE`].
pub fn artifact(name: &str) -> PathBuf {
    match std::env::var_os(ARTIFACTS_DIR_VARIABLE) {
        Some(directory) => Path::new(&directory).join(name),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../artifacts").join(name),
    }
}
