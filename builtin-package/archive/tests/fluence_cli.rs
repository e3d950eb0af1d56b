//! The files for Fluence CLI against its documented schema: fluence.yaml 8, service.yaml 0, module.yaml 1, spell.yaml 0.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::Deserialize;

type Names = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct FluenceYaml {
    version: u32,
    aqua_dependencies: Names,
    aqua_imports: Option<Vec<String>>,
    cli_version: Option<String>,
    compile_aqua: Option<BTreeMap<String, CompileAqua>>,
    custom_fluence_env: Option<CustomFluenceEnv>,
    default_secret_key_name: Option<String>,
    deployments: Option<BTreeMap<String, Deployment>>,
    hosts: Option<BTreeMap<String, Host>>,
    ipfs_addr: Option<String>,
    marine_build_args: Option<String>,
    marine_version: Option<String>,
    mrepl_version: Option<String>,
    relays_path: Option<OneOrMany>,
    services: Option<BTreeMap<String, Service>>,
    spells: Option<BTreeMap<String, Spell>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[allow(dead_code)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct CompileAqua {
    input: String,
    output: String,
    target: String,
    constants: Option<BTreeMap<String, serde_yaml_ng::Value>>,
    log_level: Option<String>,
    no_empty_response: Option<bool>,
    no_relay: Option<bool>,
    no_xor: Option<bool>,
    tracing: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct CustomFluenceEnv {
    contracts_env: String,
    relays: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct Deployment {
    services: Option<Vec<String>>,
    spells: Option<Vec<String>>,
    target_workers: Option<u32>,
    min_workers: Option<u32>,
    max_workers_per_provider: Option<u32>,
    compute_units: Option<u32>,
    price_per_worker_epoch: Option<String>,
    initial_balance: Option<String>,
    effectors: Option<Vec<String>>,
    whitelist: Option<Vec<String>>,
    blacklist: Option<Vec<String>>,
    protocol_version: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct Host {
    peer_ids: Option<Vec<String>>,
    services: Option<Vec<String>>,
    spells: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct Service {
    get: String,
    override_modules: Option<BTreeMap<String, Overrides>>,
    total_memory_limit: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct Spell {
    get: String,
    version: Option<u32>,
    aqua_file_path: Option<String>,
    function: Option<String>,
    init_args: Option<BTreeMap<String, serde_yaml_ng::Value>>,
    clock: Option<Clock>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct SpellYaml {
    version: u32,
    aqua_file_path: String,
    function: String,
    init_args: Option<BTreeMap<String, serde_yaml_ng::Value>>,
    clock: Option<Clock>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct Clock {
    period_sec: Option<u32>,
    start_delay_sec: Option<u32>,
    start_timestamp: Option<String>,
    end_delay_sec: Option<u32>,
    end_timestamp: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct ServiceYaml {
    version: u32,
    name: String,
    modules: BTreeMap<String, ServiceModule>,
    total_memory_limit: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct ServiceModule {
    get: String,
    effects: Option<Effects>,
    repl: Option<Repl>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct ModuleYaml {
    version: u32,
    name: String,
    r#type: Option<ModuleType>,
    cid: Option<String>,
    rust_binding_crate: Option<Names>,
    effects: Option<Effects>,
    repl: Option<Repl>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ModuleType {
    Compiled,
    Rust,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Overrides {
    effects: Option<Effects>,
    repl: Option<Repl>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Effects {
    binaries: Option<Names>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct Repl {
    logger_enabled: Option<bool>,
    logging_mask: Option<i64>,
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fluence-cli")
}

fn parse<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What Fluence CLI takes as the name of a service.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[test]
fn the_project_deploys_what_it_lists() {
    let config: FluenceYaml = parse(&project().join("fluence.yaml"));
    assert_eq!(config.version, 8);
    let services = config.services.unwrap();
    for (name, service) in &services {
        assert!(is_name(name), "{name}");
        assert!(
            project().join(&service.get).join("service.yaml").is_file(),
            "{}",
            service.get
        );
    }
    let spells = config.spells.unwrap();
    for (name, spell) in &spells {
        assert!(is_name(name), "{name}");
        assert!(project().join(&spell.get).join("spell.yaml").is_file(), "{}", spell.get);
    }
    for (name, deployment) in config.deployments.unwrap() {
        for service in deployment.services.unwrap() {
            assert!(services.contains_key(&service), "{name} deploys {service}");
        }
        for spell in deployment.spells.unwrap() {
            assert!(spells.contains_key(&spell), "{name} deploys {spell}");
        }
        assert!(deployment.target_workers.unwrap() >= 1);
    }
}

#[test]
fn the_spell_is_a_function_of_the_aqua_package() {
    let dir = project().join("clear-expired");
    let spell: SpellYaml = parse(&dir.join("spell.yaml"));
    assert_eq!(spell.version, 0);
    assert!(spell.clock.unwrap().period_sec.unwrap() > 0);
    let aqua = std::fs::read_to_string(dir.join(spell.aqua_file_path)).unwrap();
    let declaration = format!("func {}()", spell.function);
    assert!(
        aqua.lines().any(|line| line.starts_with(&declaration)),
        "no {declaration}"
    );
}

#[test]
fn a_service_has_a_facade_and_the_wasm_of_every_module() {
    for (directory, service_name) in [("registry", "registry"), ("aqua-dht", "aqua_dht")] {
        let dir = project().join(directory);
        let service: ServiceYaml = parse(&dir.join("service.yaml"));
        assert_eq!((service.version, service.name.as_str()), (0, service_name));
        assert!(is_name(&service.name));

        let mut names = Vec::new();
        for (key, module) in &service.modules {
            let dir = dir.join(&module.get);
            let config: ModuleYaml = parse(&dir.join("module.yaml"));
            assert_eq!(config.version, 1);
            assert_eq!(config.r#type, Some(ModuleType::Compiled));
            // A compiled module is looked for beside its module.yaml, under its name.
            let wasm = std::fs::read(dir.join(format!("{}.wasm", config.name))).unwrap();
            assert!(wasm.starts_with(b"\0asm"), "{key}");
            names.push((key.clone(), config.name));
        }
        // The facade loads last, whatever its place in the file; it imports from `sqlite3` by this name.
        let expected = [("facade", directory), ("sqlite3", "sqlite3")];
        assert_eq!(names, expected.map(|(key, name)| (key.to_owned(), name.to_owned())));
    }
}

#[test]
fn what_the_schema_does_not_have_is_refused() {
    let refused = |yaml: &str| serde_yaml_ng::from_str::<ModuleYaml>(yaml).unwrap_err().to_string();
    assert!(refused("{version: 1, name: a, maxHeapSize: 1KiB}").contains("unknown field"));
    assert!(refused("{version: 1, name: a, type: wasm}").contains("unknown variant"));
    assert!(refused("{version: 1}").contains("missing field `name`"));
    let service = "{version: 0, name: a, modules: {facade: {}}}";
    let refused = serde_yaml_ng::from_str::<ServiceYaml>(service).unwrap_err();
    assert!(refused.to_string().contains("missing field `get`"), "{refused}");
}
