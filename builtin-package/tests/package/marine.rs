//! Config and modules in Marine, by the steps that a nox node takes.

use std::collections::HashMap;
use std::path::Path;

use fluence_app_service::{
    AppService, AppServiceConfig, CallParameters, MarineConfig, MarineWASIConfig, TomlMarineConfig,
};
use marine_host::{tetraplet, CallContext, MarineHost};
use serde_json::{json, Value};

const NODE: &str = "12D3KooWCMr9mU894i8JXAFqpgoFtx6qnV1LFPSfVc3Y34N4h4LS";

/// The config of the package as a node reads it, with the modules of the package as files.
fn parsed(host: &MarineHost, dir: &Path) -> TomlMarineConfig {
    let path = dir.join("Config.toml");
    std::fs::write(&path, registry_distro::CONFIG).unwrap();
    let mut config = TomlMarineConfig::load(path).unwrap();
    let modules = registry_distro::modules();
    for module in &mut config.module {
        let wasm = modules[module.name.as_str()];
        module.load_from = Some(host.module_file(wasm).unwrap());
    }
    config
}

/// Every module of a node's service finds these, whatever its config says.
fn map_dirs_of_a_node(config: &mut AppServiceConfig, persistent: &Path, ephemeral: &Path) {
    for module in &mut config.marine_config.modules_config {
        let wasi = module.config.wasi.get_or_insert_with(MarineWASIConfig::default);
        for (guest, dir) in [("/storage", persistent), ("/tmp", ephemeral)] {
            wasi.mapped_dirs.insert(guest.to_owned(), dir.to_owned());
            let own = dir.join(&module.import_name);
            wasi.mapped_dirs.insert(format!("{guest}/module"), own);
        }
    }
}

fn start(host: &MarineHost, config: AppServiceConfig) -> AppService {
    let service = AppService::new_with_backend(host.backend(), config, "registry", HashMap::new());
    host.runtime().block_on(service).unwrap()
}

fn call(host: &MarineHost, service: &mut AppService, function: &str, args: Value, context: CallParameters) -> Value {
    let result = service.call_async(function, args, context);
    host.runtime().block_on(result).unwrap()
}

/// Goes through the database.
fn clear_expired(host: &MarineHost, service: &mut AppService) -> Value {
    let timestamp = tetraplet(NODE, "peer", "timestamp_sec");
    let context = CallContext::new(NODE).tetraplets(vec![vec![timestamp]]).build();
    call(host, service, "clear_expired", json!([1_700_000_000_u64]), context)
}

#[test]
fn the_service_starts_and_keeps_its_database_in_the_nodes_storage() {
    let host = MarineHost::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (persistent, ephemeral) = (dir.path().join("persistent"), dir.path().join("ephemeral"));
    let marine_config = MarineConfig::try_from(parsed(&host, dir.path())).unwrap();
    let mut config = AppServiceConfig {
        service_working_dir: persistent.clone(),
        marine_config,
    };
    map_dirs_of_a_node(&mut config, &persistent, &ephemeral);

    let mut service = start(&host, config);
    assert_eq!(clear_expired(&host, &mut service)["success"], json!(true));
    assert!(files(&persistent) > 0, "no database in {}", persistent.display());
    assert_eq!(files(&ephemeral), 0);
}

/// Marine's own tools map what the config says.
#[test]
fn the_config_maps_its_directories_where_the_host_does_not() {
    let host = MarineHost::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = AppServiceConfig {
        service_working_dir: dir.path().join("work"),
        marine_config: MarineConfig::try_from(parsed(&host, dir.path())).unwrap(),
    };

    let mut service = start(&host, config);
    assert_eq!(clear_expired(&host, &mut service)["success"], json!(true));
    assert!(files(&dir.path().join("work/storage")) > 0);
    assert_eq!(files(&dir.path().join("work/tmp")), 0);
}

#[test]
fn the_facade_is_the_registry() {
    let host = MarineHost::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = parsed(&host, dir.path());
    let names: Vec<_> = config.module.iter().map(|module| module.name.as_str()).collect();
    assert_eq!(names, ["sqlite3", "registry"]);

    let config = AppServiceConfig {
        service_working_dir: dir.path().join("work"),
        marine_config: MarineConfig::try_from(config).unwrap(),
    };
    let mut service = start(&host, config);
    let id = call(
        &host,
        &mut service,
        "get_key_id",
        json!(["label", NODE]),
        CallContext::new(NODE).build(),
    );
    assert_eq!(id, json!(key_id("label", NODE)));
}

/// `base58(sha256(label ‖ owner))`, as everywhere in the field.
fn key_id(label: &str, owner: &str) -> String {
    use sha2::{Digest, Sha256};
    bs58::encode(Sha256::digest(format!("{label}{owner}"))).into_string()
}

/// Regular files directly in a directory, which need not exist.
fn files(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries.filter(|entry| entry.as_ref().unwrap().path().is_file()).count()
}
