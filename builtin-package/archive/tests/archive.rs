//! The archive, as its users unpack it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::read::GzDecoder;
use registry_archive::blueprint::Blueprint;
use registry_archive::content_id::content_id;
use registry_archive::entries::{Service, AQUA_DHT, CHECKSUMS, REGISTRY};
use sha2::{Digest, Sha256};
use tar::Archive;

const SERVICES: [Service; 2] = [REGISTRY, AQUA_DHT];

/// In the order in which they load.
fn modules(service: Service) -> [&'static str; 2] {
    ["sqlite3", service.name]
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn command(service: Service, root: &Path, output: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry-archive"));
    command
        .arg(service.name)
        .arg("--root")
        .arg(root)
        .arg("--output")
        .arg(output);
    command.output().expect("the command starts")
}

/// The bytes of the archive that the command writes.
fn packed(service: Service) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(service.archive());
    let output = command(service, &root(), &path);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(path).unwrap()
}

fn unpacked(service: Service) -> BTreeMap<String, Vec<u8>> {
    let packed = packed(service);
    let mut archive = Archive::new(GzDecoder::new(packed.as_slice()));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (path, bytes)
    });
    entries.collect()
}

fn wasm(entries: &BTreeMap<String, Vec<u8>>, module: &str) -> Vec<u8> {
    entries[&format!("{module}/{module}.wasm")].clone()
}

#[test]
fn modules_and_scripts_are_those_of_the_build() {
    let artifact = |name: &str| std::fs::read(root().join("artifacts").join(name)).unwrap();
    for service in SERVICES {
        let entries = unpacked(service);
        for module in modules(service) {
            assert!(
                wasm(&entries, module) == artifact(&format!("{module}.wasm")),
                "{module}"
            );
        }
        for (script, name) in service.scripts {
            let air = String::from_utf8(entries[&format!("air/{script}")].clone()).unwrap();
            assert!(air.trim_start().starts_with('('), "{script} is no AIR: {air:.40}");
            assert!(air.as_bytes() == artifact(name), "{script}");
        }
    }
}

#[test]
fn every_entry_has_its_checksum() {
    for service in SERVICES {
        let mut entries = unpacked(service);
        let sums = String::from_utf8(entries.remove(CHECKSUMS).unwrap()).unwrap();
        let line = |(path, bytes): (&String, &Vec<u8>)| format!("{}  {path}\n", hex::encode(Sha256::digest(bytes)));
        assert_eq!(sums, entries.iter().map(line).collect::<String>());
    }
}

#[test]
fn the_blueprint_links_the_modules_in_the_order_in_which_they_load() {
    for service in SERVICES {
        let entries = unpacked(service);
        let blueprint: Blueprint = serde_json::from_slice(&entries["blueprint.json"]).unwrap();
        assert_eq!(blueprint.name, service.name);
        let links: Vec<_> = blueprint
            .dependencies
            .iter()
            .map(|link| link.content_id.clone())
            .collect();
        assert_eq!(
            links,
            modules(service).map(|module| content_id(&wasm(&entries, module)).unwrap())
        );
        // IPFS's own tools name the pinned SQLite so.
        assert_eq!(links[0], "bafybeifxv46ki77vtgf3kfvxr6zwmmi4gaixzyr4vczyov6hozbyslkqaq");
        // The bytes are the ones that nox hashes.
        assert_eq!(blueprint.encode().unwrap(), entries["blueprint.json"]);
    }
}

#[test]
fn the_version_is_the_services() {
    let version = unpacked(REGISTRY).remove("VERSION").unwrap();
    assert_eq!(
        String::from_utf8(version).unwrap().trim_end(),
        env!("CARGO_PKG_VERSION")
    );
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    for service in SERVICES {
        let packed = packed(service);
        assert!(packed == self::packed(service));

        // Neither date nor name nor system in the gzip header.
        assert_eq!(packed[3..10], [0, 0, 0, 0, 0, 2, 255]);
        let mut archive = Archive::new(GzDecoder::new(packed.as_slice()));
        let mut paths = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(
                (header.username().unwrap(), header.groupname().unwrap()),
                (Some(""), Some(""))
            );
            assert_eq!((header.mode().unwrap(), header.mtime().unwrap()), (0o644, 315_532_800));
            paths.push(entry.path().unwrap().into_owned());
        }
        assert!(paths.is_sorted(), "{paths:?}");
    }
}

#[test]
fn what_is_not_built_is_named_with_the_way_to_build_it() {
    let dir = tempfile::tempdir().unwrap();
    let output = command(REGISTRY, dir.path(), &dir.path().join("registry.tar.gz"));
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        error.contains("Config.toml cannot be read") && error.contains("./build.sh"),
        "{error}"
    );
    assert!(!dir.path().join("registry.tar.gz").exists());
}

/// Fluence CLI takes an archive's address in place of a directory, and looks for service.yaml at its top.
#[test]
fn it_is_a_service_for_fluence_cli() {
    for service in SERVICES {
        let entries = unpacked(service);
        let yaml = |path: &str| -> serde_yaml_ng::Value { serde_yaml_ng::from_slice(&entries[path]).unwrap() };
        let listed = yaml("service.yaml");
        let listed = listed["modules"].as_mapping().unwrap();
        assert_eq!(listed.len(), modules(service).len());
        for module in listed.values() {
            let dir = module["get"].as_str().unwrap().trim_start_matches("./");
            let module = yaml(&format!("{dir}/module.yaml"));
            let name = module["name"].as_str().unwrap();
            assert_eq!(name, dir);
            let cid = content_id(&wasm(&entries, name)).unwrap();
            assert_eq!(module["cid"].as_str(), Some(cid.as_str()));
        }
    }
}
