//! From the module that the compiler made to the one that a Marine host loads.

use std::borrow::Cow;
use std::path::Path;

use eyre::{ensure, eyre, Context};
use marine_it_parser::interface::ModuleInterface;
use marine_module_info_parser::{manifest as sdk_manifest, sdk_version};
use walrus::{CustomSection, IdsToIndices, ModuleConfig};

use crate::manifest::Manifest;

const INTERFACE_SECTION: &str = "interface-types";
const SDK_VERSION_SECTION: &str = "__fluence_sdk_version";
const MANIFEST_SECTION: &str = "__fluence_wasm_module_manifest";

/// A module ready to be loaded, and what it offers.
#[derive(Debug)]
pub struct PackedModule {
    pub wasm: Vec<u8>,
    pub interface: ModuleInterface,
    /// The marine-rs-sdk that the module was compiled with, as the SDK itself recorded it.
    pub sdk_version: semver::Version,
}

/// Embeds the interface and the manifest into `compiled` and removes everything that a host has no use for: names,
/// debug information, the compiler's notes, and the descriptions from which the interface was generated.
///
/// The result depends on nothing but the arguments.
///
/// # Errors
/// When `compiled` is no module compiled with the Marine SDK: not wasm, no SDK version, no `#[marine]` function, or an
/// interface function that the module does not export.
pub fn pack(compiled: &[u8], manifest: &Manifest) -> eyre::Result<PackedModule> {
    let directory = tempfile::tempdir().context("no temporary directory can be made")?;
    let path = directory.path().join("registry.wasm");
    std::fs::write(&path, compiled).context("the temporary copy of the module cannot be written")?;

    marine_it_generator::embed_it(&path).context("the interface cannot be embedded")?;
    let embedded = std::fs::read(&path).context("the module with its interface cannot be read")?;
    let wasm = strip(&embedded, manifest)?;

    std::fs::write(&path, &wasm).context("the temporary copy of the module cannot be written")?;
    let interface = interface(&path)?;
    check_exports(&wasm, &interface)?;
    check_manifest(&path, manifest)?;
    let sdk_version = sdk_version::extract_from_path(&path)
        .context("the module does not say which marine-rs-sdk it was compiled with")?;
    Ok(PackedModule {
        wasm,
        interface,
        sdk_version,
    })
}

/// The interface of the packed module at `path`, functions sorted by name, data types before their users.
pub fn interface(path: &Path) -> eyre::Result<ModuleInterface> {
    let mut interface = marine_it_parser::module_interface(path)
        .with_context(|| format!("no Marine interface can be read from {}", path.display()))?;
    // The parser collects the functions in a hash map.
    interface
        .function_signatures
        .sort_by(|left, right| left.name.cmp(&right.name));
    Ok(interface)
}

/// Leaves the three custom sections that a host reads, in the order of their names, and writes the manifest's anew.
fn strip(wasm: &[u8], manifest: &Manifest) -> eyre::Result<Vec<u8>> {
    let mut module = parse(wasm)?;
    let mut kept = Vec::new();
    let present: Vec<_> = module.customs.iter().map(|(id, _)| id).collect();
    for id in present {
        let Some(section) = module.customs.delete(id) else {
            continue;
        };
        if [INTERFACE_SECTION, SDK_VERSION_SECTION].contains(&section.name()) {
            let content = section.data(&IdsToIndices::default()).into_owned();
            kept.push(Section::new(section.name(), content));
        }
    }
    kept.push(Section::new(MANIFEST_SECTION, manifest.encode()));
    kept.sort_by(|left, right| left.name.cmp(&right.name));
    for section in kept {
        module.customs.add(section);
    }
    Ok(module.emit_wasm())
}

fn parse(wasm: &[u8]) -> eyre::Result<walrus::Module> {
    ModuleConfig::new()
        .generate_name_section(false)
        .generate_producers_section(false)
        .generate_dwarf(false)
        .parse(wasm)
        .map_err(|error| eyre!("the module is no valid wasm: {error:#}"))
}

fn check_exports(wasm: &[u8], interface: &ModuleInterface) -> eyre::Result<()> {
    ensure!(
        !interface.function_signatures.is_empty(),
        "the module has no #[marine] function: is it the binary `registry`, compiled and not packed before?"
    );
    let module = parse(wasm)?;
    let functions = interface
        .function_signatures
        .iter()
        .map(|function| function.name.as_str());
    for name in functions.chain(["allocate", "release_objects", "memory"]) {
        ensure!(
            module.exports.iter().any(|export| export.name == name),
            "the module does not export {name}: was it compiled for wasm32-wasip1 with marine-rs-sdk?"
        );
    }
    Ok(())
}

fn check_manifest(path: &Path, manifest: &Manifest) -> eyre::Result<()> {
    let read =
        sdk_manifest::extract_from_path(path).context("the SDK cannot read the manifest that was just embedded")?;
    ensure!(
        read.version.to_string() == manifest.version && read.description == manifest.description,
        "the SDK reads another manifest than was embedded: {read}"
    );
    Ok(())
}

#[derive(Debug)]
struct Section {
    name: String,
    content: Vec<u8>,
}

impl Section {
    fn new(name: &str, content: Vec<u8>) -> Self {
        let name = name.to_owned();
        Self { name, content }
    }
}

impl CustomSection for Section {
    fn name(&self) -> &str {
        &self.name
    }

    fn data(&self, _: &IdsToIndices) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.content)
    }
}
