//! The archive's script against a node's `dist` and `srv`: these keep here what they are given, as nox does, and a
//! service is what was given.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use devnet::{AquaCompiler, Network, NetworkConfig, PeerIndex, Query, ServiceCall, ServiceResult, ServiceSpec};
use registry_archive::blueprint::Blueprint;
use registry_archive::content_id::content_id;
use registry_archive::entries::{entries, Entries, Service, AQUA_DHT, REGISTRY};
use serde_json::{json, Value};

const NODE: PeerIndex = PeerIndex(0);
const SERVICE_ID: &str = "11111111-2222-3333-4444-555555555555";

/// A node's module repository.
#[derive(Default)]
struct Repository {
    /// Name and wasm by content id.
    modules: BTreeMap<String, (String, Vec<u8>)>,
    blueprints: BTreeMap<String, Blueprint>,
    /// The blueprint of each service, by the service's id.
    services: BTreeMap<String, Blueprint>,
    aliases: BTreeMap<String, String>,
}

impl Repository {
    fn add_module(&mut self, wasm: &Value, config: &Value) -> Result<String, String> {
        let wasm = wasm.as_str().ok_or("no text")?;
        let wasm = STANDARD.decode(wasm).map_err(|error| error.to_string())?;
        let name = config["name"].as_str().ok_or("a config without a name")?;
        let id = content_id(&wasm).map_err(|error| error.to_string())?;
        self.modules.insert(id.clone(), (name.to_owned(), wasm));
        Ok(id)
    }

    fn add_blueprint(&mut self, text: &Value) -> Result<String, String> {
        let text = text.as_str().ok_or("no text")?;
        let blueprint: Blueprint = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let id = content_id(text.as_bytes()).map_err(|error| error.to_string())?;
        self.blueprints.insert(id.clone(), blueprint);
        Ok(id)
    }

    fn create(&mut self, blueprint_id: &Value) -> Result<String, String> {
        let id = blueprint_id.as_str().ok_or("no text")?;
        let blueprint = self.blueprints.get(id).ok_or("no such blueprint")?;
        self.services.insert(SERVICE_ID.to_owned(), blueprint.clone());
        Ok(SERVICE_ID.to_owned())
    }

    fn add_alias(&mut self, alias: &Value, service_id: &Value) -> Result<String, String> {
        let (alias, id) = alias.as_str().zip(service_id.as_str()).ok_or("no text")?;
        self.aliases.insert(alias.to_owned(), id.to_owned());
        Ok(String::new())
    }
}

type Function = fn(&mut Repository, &ServiceCall) -> Result<String, String>;

fn define(network: &mut Network, repository: &Rc<RefCell<Repository>>) {
    let functions: [(&str, &str, Function); 4] = [
        ("dist", "add_module", |r, call| r.add_module(call.arg(0), call.arg(1))),
        ("dist", "add_blueprint", |r, call| r.add_blueprint(call.arg(0))),
        ("srv", "create", |r, call| r.create(call.arg(0))),
        ("srv", "add_alias", |r, call| r.add_alias(call.arg(0), call.arg(1))),
    ];
    for (service, name, function) in functions {
        let repository = repository.clone();
        let answer = move |call: &ServiceCall| match function(&mut repository.borrow_mut(), call) {
            Ok(value) => ServiceResult::ok(value).into(),
            Err(error) => ServiceResult::error(error).into(),
        };
        network.define_service(NODE, service, name, answer).unwrap();
    }
}

fn arguments(entries: &Entries, service: Service) -> [Value; 3] {
    let blueprint = String::from_utf8(entries["blueprint.json"].clone()).unwrap();
    let module = |name: &str| {
        let wasm = &entries[&format!("{name}/{name}.wasm")];
        json!({"name": name, "wasm": STANDARD.encode(wasm)})
    };
    let modules = json!([module("sqlite3"), module(service.name)]);
    [modules, json!(blueprint), json!(service.name)]
}

/// Deploys a service's archive on a node without services of its own.
fn deployed(service: Service) -> Network {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = entries(&root, service).unwrap();
    let config = NetworkConfig::new(1).without_registry().without_trust_graph();
    let mut network = Network::start(config).unwrap();
    let repository = Rc::new(RefCell::new(Repository::default()));
    define(&mut network, &repository);

    let program = AquaCompiler::new().compile(root.join("builtin-package/archive/deploy.aqua"));
    let program = program.unwrap_or_else(|error| panic!("{error}"));
    let manager = network.add_client(NODE).unwrap();
    let deploy = program.function("deployRegistry").unwrap();
    let outcome = network.call(manager, deploy, &arguments(&entries, service)).unwrap();
    assert_eq!(outcome.value().unwrap(), json!(SERVICE_ID));

    let repository = repository.borrow();
    assert_eq!(repository.aliases[service.name], SERVICE_ID);
    let blueprint = &repository.services[SERVICE_ID];
    assert_eq!(blueprint.name, service.name);
    let modules = blueprint
        .dependencies
        .iter()
        .map(|link| &repository.modules[&link.content_id]);
    let spec = |dir: &Path| {
        let spec = ServiceSpec::new(service.name, dir);
        modules.fold(spec, |spec, (name, wasm)| spec.module(name.as_str(), wasm.as_slice()))
    };
    network.deploy(NODE, service.name, spec).unwrap();
    network
}

#[test]
fn the_script_deploys_the_registrys_archive_on_a_node() {
    let mut network = deployed(REGISTRY);
    let ask = Query::new("registry", "get_key_id")
        .arg("sample")
        .arg("12D3KooWA3sRJSUyBaDW1X1hiYKRt7QrE8HZaPLj3MTdi8vdBkjR");
    let id = network.ask(NODE, &ask).unwrap();
    assert!(id.as_str().unwrap().len() >= 43, "{id}");
}

#[test]
fn the_script_deploys_the_archive_of_aqua_dht_on_a_node() {
    let mut network = deployed(AQUA_DHT);
    let merged = network.ask(NODE, &Query::new("aqua-dht", "merge").arg(json!([])));
    assert_eq!(merged.unwrap(), json!({"success": true, "error": "", "result": []}));
}
