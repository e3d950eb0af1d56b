//! What goes into the archive, and where it comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eyre::{Context, ContextCompat};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::blueprint::Blueprint;
use crate::content_id::content_id;

/// A service that is packed into an archive of its own.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its name and alias, also that of its facade.
    pub name: &'static str,
    /// Its directory in `builtin-package` that holds Config.toml.
    config: &'static str,
    /// Its directory in the project for Fluence CLI.
    project: &'static str,
    /// Scripts of the build by their names in `air/`.
    pub scripts: &'static [(&'static str, &'static str)],
}

pub const REGISTRY: Service = Service {
    name: "registry",
    config: "registry-service",
    project: "registry",
    scripts: &[
        ("clearExpired_86400.air", "clearExpired_86400.air"),
        ("registry-spell.air", "registry-spell.air"),
        ("renew_43200.air", "renew_43200.air"),
        ("replicate_3600.air", "replicate_3600.air"),
    ],
};

pub const AQUA_DHT: Service = Service {
    name: "aqua-dht",
    config: "aqua-dht",
    project: "aqua-dht",
    scripts: &[
        ("aqua-dht-spell.air", "aqua-dht-spell.air"),
        ("clearExpired_86400.air", "aqua-dht-clearExpired_86400.air"),
        ("replicate_3600.air", "aqua-dht-replicate_3600.air"),
    ],
};

impl Service {
    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [REGISTRY, AQUA_DHT].into_iter().find(|service| service.name == name)
    }

    /// The file name of its archive.
    #[must_use]
    pub fn archive(&self) -> String {
        format!("{}.tar.gz", self.name)
    }
}

/// Checksums of all other entries, in the format that `sha256sum -c` checks.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// Entries by path.
pub type Entries = BTreeMap<String, Vec<u8>>;

/// The service's Marine config, as far as the archive needs it.
#[derive(Deserialize)]
struct MarineConfig {
    #[serde(rename = "module")]
    modules: Vec<Value>,
}

/// All entries of a service's archive, from the repository at `root`, whose artifacts are built.
///
/// # Errors
/// When a file is missing or the Marine config is none.
pub fn entries(root: &Path, service: Service) -> eyre::Result<Entries> {
    let package = root.join("builtin-package");
    let project = package.join("fluence-cli").join(service.project);
    let artifacts = root.join("artifacts");
    let mut entries = Entries::new();

    let mut modules = Vec::new();
    for config in module_configs(&read(package.join(service.config).join("Config.toml"))?)? {
        let name = config["name"].as_str().context("a module in Config.toml has no name")?;
        let wasm = read(artifacts.join(format!("{name}.wasm")))?;
        let yaml = read(project.join(name).join("module.yaml"))?;
        entries.insert(format!("{name}/module.yaml"), with_content_id(yaml, &wasm)?);
        entries.insert(format!("{name}/config.json"), lines(&config)?);
        entries.insert(format!("{name}/{name}.wasm"), wasm.clone());
        modules.push(wasm);
    }
    let blueprint = Blueprint::new(service.name, modules.iter().map(Vec::as_slice))?;
    entries.insert("blueprint.json".to_owned(), blueprint.encode()?);
    entries.insert("service.yaml".to_owned(), read(project.join("service.yaml"))?);
    for (script, artifact) in service.scripts {
        entries.insert(format!("air/{script}"), read(artifacts.join(artifact))?);
    }
    let deploy = read(package.join("archive/deploy.aqua"))?;
    entries.insert("deploy.aqua".to_owned(), deploy);
    entries.insert("LICENSE".to_owned(), read(root.join("LICENSE"))?);
    entries.insert("VERSION".to_owned(), concat!(env!("CARGO_PKG_VERSION"), "\n").into());
    entries.insert(CHECKSUMS.to_owned(), checksums(&entries));
    Ok(entries)
}

fn read(path: PathBuf) -> eyre::Result<Vec<u8>> {
    std::fs::read(&path).with_context(|| format!("{} cannot be read: run ./build.sh first", path.display()))
}

/// The `[[module]]` tables of a Marine config, in their order.
fn module_configs(toml: &[u8]) -> eyre::Result<Vec<Value>> {
    let config: MarineConfig = toml::from_slice(toml).context("Config.toml is no Marine config")?;
    Ok(config.modules)
}

fn lines(config: &Value) -> eyre::Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(config).context("a module's config cannot be written")?;
    json.push(b'\n');
    Ok(json)
}

/// A packed module's `module.yaml` says which bytes it belongs to, as after `fluence module pack`.
fn with_content_id(mut yaml: Vec<u8>, wasm: &[u8]) -> eyre::Result<Vec<u8>> {
    yaml.extend(format!("cid: {}\n", content_id(wasm)?).bytes());
    Ok(yaml)
}

fn checksums(entries: &Entries) -> Vec<u8> {
    let line = |(path, bytes): (&String, &Vec<u8>)| format!("{}  {path}\n", hex::encode(Sha256::digest(bytes)));
    entries.iter().map(line).collect::<String>().into_bytes()
}
