//! The archive's module configs, in the type in which a nox node takes them.

use std::path::Path;

use fluence_app_service::TomlMarineNamedModuleConfig;
use registry_archive::entries::{entries, AQUA_DHT, REGISTRY};

#[test]
fn a_node_reads_the_config_of_each_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for service in [REGISTRY, AQUA_DHT] {
        let entries = entries(&root, service).unwrap();
        for module in ["sqlite3", service.name] {
            let config = &entries[&format!("{module}/config.json")];
            let config: TomlMarineNamedModuleConfig = serde_json::from_slice(config).unwrap();
            assert_eq!(config.name, module);
            assert_eq!(config.config.logger_enabled, Some(false));
            let dirs = config.config.wasi.unwrap().mapped_dirs.unwrap();
            assert_eq!(dirs["/storage"].as_str(), Some("storage"));
            assert_eq!(dirs["/tmp"].as_str(), Some("tmp"));
        }
    }
}
