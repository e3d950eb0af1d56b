//! What it costs to start the service: with everything to compile, and with the compiled modules in the host's cache.

use eyre::Result;
use marine_host::{MarineHost, ServiceSpec};
use registry_checks::{artifact, Subject};

use crate::measure::{timed, Times};
use crate::report::{milliseconds, new_table, print_table};

const ROUNDS: usize = 3;

pub(crate) fn run() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let sqlite_alone =
        |path: &std::path::Path| ServiceSpec::new("sqlite3", path).module("sqlite3", artifact("sqlite3.wasm"));
    let mut table = new_table(["service start", "cold ms", "warm ms", "memory MiB", "module KiB"]);
    type Spec<'a> = &'a dyn Fn(&std::path::Path) -> ServiceSpec;
    let specs: [(&str, Spec<'_>); 3] = [
        ("0.9.4", &|path| Subject::Reference.spec(path)),
        ("here", &|path| Subject::Here.spec(path)),
        ("sqlite3.wasm alone: the floor", &sqlite_alone),
    ];
    let mut times: Vec<(Times, Times, u64)> = vec![Default::default(); specs.len()];
    for round in 0..ROUNDS {
        for ((name, spec), (cold, warm, memory)) in specs.iter().zip(&mut times) {
            let cache = directory.path().join(format!("cache {round} {name}"));
            for times in [cold, warm] {
                // An engine of its own: within one, modules are compiled once.
                let host = MarineHost::with_cache_dir(&cache)?;
                let storage = tempfile::tempdir()?;
                let (service, time) = timed(|| host.start(spec(storage.path())));
                *memory = service?.memory_bytes();
                times.push(time);
            }
        }
    }
    let size = |bytes: u64| format!("{:.0}", bytes as f64 / 1024.0);
    let module_bytes = [
        registry_checks::REFERENCE_WASM_BYTES,
        std::fs::metadata(artifact("registry.wasm"))?.len(),
        std::fs::metadata(artifact("sqlite3.wasm"))?.len(),
    ];
    for (((name, _), (cold, warm, memory)), bytes) in specs.iter().zip(&times).zip(module_bytes) {
        table.add_row([
            (*name).to_owned(),
            cold.median().map(milliseconds).unwrap_or_default(),
            warm.median().map(milliseconds).unwrap_or_default(),
            format!("{:.1}", *memory as f64 / 1024.0 / 1024.0),
            size(bytes),
        ]);
    }
    print_table(table);
    Ok(())
}
