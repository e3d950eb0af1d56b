//! `registry-packer`: from a compiled module to `artifacts/` and the Aqua bindings.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use eyre::Context;

use registry_packer::manifest::Manifest;
use registry_packer::{bindings, build_time, checksums, module, package, sqlite, write_if_changed, Layout};

/// Packs a compiled registry: writes artifacts/registry.wasm (with interface, SDK version and manifest),
/// artifacts/sqlite3.wasm, artifacts/SHA256SUMS and aqua/registry-service.aqua.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The module that `cargo build --target wasm32-wasip1` made.
    #[arg(value_name = "COMPILED_WASM")]
    compiled: PathBuf,

    /// The directory of the workspace to read and write in.
    #[arg(long, default_value = ".")]
    root: PathBuf,

    /// Leave aqua/registry-service.aqua alone and fail where it does not match the module.
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
    let compiled = std::fs::read(&arguments.compiled)
        .with_context(|| format!("{} cannot be read", arguments.compiled.display()))?;
    let manifest = Manifest::new(
        package::service_package(layout.root())?,
        build_time::build_time(layout.root(), arguments.source_date_epoch)?,
    );
    let packed = module::pack(&compiled, &manifest)
        .with_context(|| format!("{} cannot be packed", arguments.compiled.display()))?;
    let sqlite = sqlite::sqlite_wasm()?;
    let aqua = bindings::render(&packed.interface)?;

    write_if_changed(&layout.registry_wasm(), &packed.wasm)?;
    write_if_changed(&layout.sqlite_wasm(), sqlite)?;
    let sums = checksums::sha256sums(&layout.artifacts())?;
    write_if_changed(&layout.checksums(), sums.as_bytes())?;
    println!(
        "registry.wasm: {} bytes (compiled: {}), {} functions, marine-rs-sdk {}, version {} of {}",
        packed.wasm.len(),
        compiled.len(),
        packed.interface.function_signatures.len(),
        packed.sdk_version,
        manifest.version,
        manifest.build_time,
    );
    println!("sqlite3.wasm: {} bytes", sqlite.len());

    if arguments.check {
        return bindings::check(&layout.bindings(), &aqua);
    }
    if write_if_changed(&layout.bindings(), aqua.as_bytes())? {
        println!("{} changed: commit it", layout.bindings().display());
    }
    Ok(())
}
