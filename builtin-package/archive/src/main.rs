//! `registry-archive`: writes `artifacts/registry.tar.gz` or `artifacts/aqua-dht.tar.gz`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use eyre::Context;
use registry_archive::archive;
use registry_archive::blueprint::Blueprint;
use registry_archive::entries::{entries, Service};

/// Packs what ./build.sh has left in artifacts/ into one archive for other deployments: modules, their configs, the
/// blueprint, the scripts, and what Fluence CLI needs.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The service to pack: registry or aqua-dht
    #[arg(default_value = "registry", value_parser = service)]
    service: Service,

    /// The directory of the repository
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    root: PathBuf,

    /// Where to write the archive [default: artifacts/SERVICE.tar.gz in the repository]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn service(name: &str) -> Result<Service, &'static str> {
    Service::named(name).ok_or("it is registry or aqua-dht")
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("registry-archive: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> eyre::Result<()> {
    let entries = entries(&arguments.root, arguments.service)?;
    let packed = archive::tar_gz(&entries)?;
    let blueprint: Blueprint = serde_json::from_slice(&entries["blueprint.json"])?;

    let default = || arguments.root.join("artifacts").join(arguments.service.archive());
    let output = arguments.output.clone().unwrap_or_else(default);
    write(&output, &packed)?;
    println!(
        "{}: {} entries, {} bytes, blueprint {}",
        output.display(),
        entries.len(),
        packed.len(),
        blueprint.id()?,
    );
    Ok(())
}

/// So that nobody ever sees half an archive.
fn write(path: &Path, bytes: &[u8]) -> eyre::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let written = std::fs::write(&unfinished, bytes).and_then(|()| std::fs::rename(&unfinished, path));
    written.with_context(|| format!("{} cannot be written", path.display()))
}
