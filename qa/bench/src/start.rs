//! What it costs to start the service: with everything to compile, and with the compiled modules in the host's cache; and
//! what the first call costs, which opens the database. How that grows with the rows says `growth`.

use eyre::Result;
use marine_host::{MarineHost, Service, ServiceSpec};
use registry_checks::{artifact, Subject};
use registry_testkit::{Origins, Peer};
use serde_json::json;

use crate::measure::{timed, Times};
use crate::report::{milliseconds, new_table, print_table};

const ROUNDS: usize = 3;
const FLOOR: &str = "sqlite3.wasm alone: the floor";

pub(crate) fn run() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let sqlite_alone =
        |path: &std::path::Path| ServiceSpec::new("sqlite3", path).module("sqlite3", artifact("sqlite3.wasm"));
    let mut table = new_table([
        "service start",
        "cold ms",
        "warm ms",
        "first call ms",
        "memory MiB",
        "module KiB",
    ]);
    type Spec<'a> = &'a dyn Fn(&std::path::Path) -> ServiceSpec;
    let specs: [(&str, Spec<'_>); 3] = [
        ("0.9.4", &|path| Subject::Reference.spec(path)),
        ("here", &|path| Subject::Here.spec(path)),
        (FLOOR, &sqlite_alone),
    ];
    let mut times: Vec<(Times, Times, Times, u64)> = vec![Default::default(); specs.len()];
    for round in 0..ROUNDS {
        for ((name, spec), (cold, warm, first, memory)) in specs.iter().zip(&mut times) {
            let cache = directory.path().join(format!("cache {round} {name}"));
            for times in [cold, warm] {
                // An engine of its own: within one, modules are compiled once.
                let host = MarineHost::with_cache_dir(&cache)?;
                let storage = tempfile::tempdir()?;
                let (service, time) = timed(|| host.start(spec(storage.path())));
                let mut service = service?;
                times.push(time);
                if *name != FLOOR {
                    let (result, time) = timed(|| first_call(&mut service));
                    result?;
                    first.push(time);
                }
                *memory = service.memory_bytes();
            }
        }
    }
    let size = |bytes: u64| format!("{:.0}", bytes as f64 / 1024.0);
    let module_bytes = [
        registry_checks::REFERENCE_WASM_BYTES,
        std::fs::metadata(artifact("registry.wasm"))?.len(),
        std::fs::metadata(artifact("sqlite3.wasm"))?.len(),
    ];
    for (((name, _), (cold, warm, first, memory)), bytes) in specs.iter().zip(&times).zip(module_bytes) {
        table.add_row([
            (*name).to_owned(),
            cold.median().map(milliseconds).unwrap_or_default(),
            warm.median().map(milliseconds).unwrap_or_default(),
            first.median().map(milliseconds).unwrap_or_default(),
            format!("{:.1}", *memory as f64 / 1024.0 / 1024.0),
            size(bytes),
        ]);
    }
    print_table(table);
    Ok(())
}

/// Asks for a key that is not here: the database is opened, and nothing else is done.
fn first_call(service: &mut Service) -> Result<()> {
    let key_id = Peer::named("an owner").key("a label", 1_700_000_000).id;
    let origins = Origins::new(&Peer::named("the host"), &Peer::named("a client"), 1);
    service.call("get_key_metadata", json!([key_id]), origins.build())?;
    Ok(())
}
