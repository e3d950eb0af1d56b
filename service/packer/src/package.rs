//! What the workspace says about the package `registry-service`.

use std::path::Path;
use std::process::Command;

use eyre::{ensure, Context, ContextCompat};
use serde::Deserialize;

/// The package whose binary becomes `registry.wasm`.
pub const SERVICE_PACKAGE: &str = "registry-service";

/// The fields of a `Cargo.toml` that a module manifest carries, with everything inherited from the workspace filled in.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub authors: Vec<String>,
    pub description: Option<String>,
    pub repository: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// Asks cargo about the package `name` in the workspace at `root`. Needs no network.
pub fn package(root: &Path, name: &str) -> eyre::Result<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(&cargo)
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(root)
        .output()
        .with_context(|| format!("{} does not start", cargo.to_string_lossy()))?;
    ensure!(
        output.status.success(),
        "cargo metadata fails in {}: {}",
        root.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    select(&output.stdout, name)
}

fn select(metadata: &[u8], name: &str) -> eyre::Result<Package> {
    let metadata: Metadata = serde_json::from_slice(metadata).context("cargo metadata printed something unexpected")?;
    metadata
        .packages
        .into_iter()
        .find(|package| package.name == name)
        .with_context(|| format!("the workspace has no package {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_found_among_the_packages() {
        let package = package(crate::Layout::of_this_workspace().root(), SERVICE_PACKAGE).unwrap();

        assert_eq!(package.version, env!("CARGO_PKG_VERSION"));
        assert!(package.description.is_some_and(|text| text.contains("Marine")));
    }

    #[test]
    fn a_workspace_without_the_service_is_an_error_that_names_it() {
        let error = select(br#"{"packages": []}"#, SERVICE_PACKAGE).unwrap_err();
        assert!(error.to_string().contains(SERVICE_PACKAGE), "{error}");
    }
}
