//! `registry-packer`: from a compiled module to `artifacts/` and the Aqua bindings.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use eyre::{Context, ContextCompat};

use registry_packer::bindings::{Bindings, REGISTRY};
use registry_packer::manifest::Manifest;
use registry_packer::module::PackedModule;
use registry_packer::{build_time, checksums, module, package, sqlite, write_if_changed, Layout};

/// Packs a compiled registry and the modules beside it: writes artifacts/registry.wasm (with interface, SDK version and
/// manifest), artifacts/sqlite3.wasm, artifacts/SHA256SUMS and the Aqua bindings.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The module that `cargo build --target wasm32-wasip1` made.
    #[arg(value_name = "COMPILED_WASM", required_unless_present = "sums_only")]
    compiled: Option<PathBuf>,

    /// Write artifacts/SHA256SUMS anew and nothing else.
    #[arg(long, conflicts_with_all = ["compiled", "beside", "check"])]
    sums_only: bool,

    /// A compiled module beside the registry, named like its package: packed into artifacts/, too
    #[arg(long, value_name = "COMPILED_WASM")]
    beside: Vec<PathBuf>,

    /// The directory of the workspace to read and write in.
    #[arg(long, default_value = ".")]
    root: PathBuf,

    /// Leave the Aqua bindings alone and fail where they do not match their modules.
    #[arg(long)]
    check: bool,

    /// Build time for the manifest, in seconds since 1970 [default: the date of the commit]
    #[arg(long, env = "SOURCE_DATE_EPOCH", allow_negative_numbers = true)]
    source_date_epoch: Option<i64>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("registry-packer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> eyre::Result<()> {
    let layout = Layout::new(&arguments.root);
    let Some(compiled) = &arguments.compiled else {
        return write_sums(&layout);
    };
    let build_time = build_time::build_time(layout.root(), arguments.source_date_epoch)?;
    let mut rendered = Vec::new();
    let modules = std::iter::once(compiled).chain(&arguments.beside);
    for (path, (name, package)) in modules.zip(names(&arguments.beside)?) {
        let packed = pack(&layout, path, package, &build_time)?;
        if let Some(bindings) = Bindings::of(name) {
            rendered.push((bindings, bindings.render(&packed.interface)?));
        }
        write_if_changed(&layout.wasm(name), &packed.wasm)?;
    }
    let sqlite = sqlite::sqlite_wasm()?;
    write_if_changed(&layout.wasm("sqlite3"), sqlite)?;
    write_sums(&layout)?;
    println!("sqlite3.wasm: {} bytes", sqlite.len());

    for (bindings, aqua) in rendered {
        if arguments.check {
            bindings.check(layout.root(), &aqua)?;
        } else if write_if_changed(&layout.root().join(bindings.path), aqua.as_bytes())? {
            println!("{} changed: commit it", bindings.path);
        }
    }
    Ok(())
}

/// Each module's name and package: first the registry's, then of those beside it, which are called like their packages.
fn names(beside: &[PathBuf]) -> eyre::Result<Vec<(&str, &str)>> {
    let mut names = vec![(REGISTRY.module, package::SERVICE_PACKAGE)];
    for path in beside {
        let name = file_name(path)?.trim_end_matches(".wasm");
        names.push((name, name));
    }
    Ok(names)
}

fn write_sums(layout: &Layout) -> eyre::Result<()> {
    let sums = checksums::sha256sums(&layout.artifacts())?;
    write_if_changed(&layout.checksums(), sums.as_bytes())?;
    Ok(())
}

/// Packs one module and says what came of it.
fn pack(layout: &Layout, path: &Path, package: &str, build_time: &str) -> eyre::Result<PackedModule> {
    let compiled = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let manifest = Manifest::new(package::package(layout.root(), package)?, build_time.to_owned());
    let packed = module::pack(&compiled, &manifest).with_context(|| format!("{} cannot be packed", path.display()))?;
    println!(
        "{}: {} bytes (compiled: {}), {} functions, marine-rs-sdk {}, version {} of {}",
        file_name(path)?,
        packed.wasm.len(),
        compiled.len(),
        packed.interface.function_signatures.len(),
        packed.sdk_version,
        manifest.version,
        manifest.build_time,
    );
    Ok(packed)
}

fn file_name(path: &Path) -> eyre::Result<&str> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.with_context(|| format!("{} has no file name", path.display()))
}
