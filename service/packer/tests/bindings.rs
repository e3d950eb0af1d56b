//! The Aqua bindings that an interface gives.

mod common;

use common::{compiled, manifest, CLEAR, EXPORTS, METADATA, PUT, RECORD, SDK_VERSION, WHOLE};
use registry_packer::bindings::{AQUA_DHT, REGISTRY};
use registry_packer::module::pack;

fn bindings_of(descriptions: &[&str]) -> String {
    let compiled = compiled(descriptions, &[SDK_VERSION], &EXPORTS);
    REGISTRY
        .render(&pack(&compiled, &manifest()).unwrap().interface)
        .unwrap()
}

#[test]
fn types_and_functions_are_declared_in_aquas_notation() {
    let bindings = bindings_of(&WHOLE);

    let expected = "\
data Metadata:
  timestamp_issued: u64
  relay_id: []string

data ServiceRecord:
  metadata: Metadata
  signature: []u8

service Registry(\"registry\"):
  clear()
  put(records: [][]ServiceRecord, weight: u32) -> ServiceRecord
";
    assert!(bindings.ends_with(expected), "{bindings}");
}

#[test]
fn the_file_begins_with_a_header_that_declares_everything() {
    assert!(bindings_of(&WHOLE).starts_with("aqua RegistryService declares *\n"));
}

#[test]
fn types_that_no_function_uses_are_left_out() {
    assert!(!bindings_of(&WHOLE).contains("Unused"));
}

#[test]
fn the_order_of_the_module_does_not_matter() {
    let expected = bindings_of(&WHOLE);

    assert_eq!(bindings_of(&[METADATA, RECORD, CLEAR, PUT]), expected);
    assert_eq!(bindings_of(&[CLEAR, PUT, RECORD, METADATA]), expected);
}

#[test]
fn a_service_type_with_a_reserved_name_is_refused() {
    let clash = METADATA.replace("\"Metadata\"", "\"ServiceRecord\"");
    let record = RECORD.replace("\"Metadata\"", "\"ServiceRecord\"");
    let compiled = compiled(&[&clash, &record, PUT, CLEAR], &[SDK_VERSION], &EXPORTS);
    let interface = pack(&compiled, &manifest()).unwrap().interface;

    let error = REGISTRY.render(&interface).unwrap_err().to_string();
    assert!(error.contains("ServiceRecord already"), "{error}");
}

#[test]
fn each_module_has_its_own_names() {
    let renamed = WHOLE.map(|description| {
        let named = description.replace("\"name\":\"Record\"", "\"name\":\"DhtRecord\"");
        named.replace("[\"Record\"", "[\"DhtRecord\"")
    });
    let renamed: Vec<&str> = renamed.iter().map(String::as_str).collect();
    let compiled = compiled(&renamed, &[SDK_VERSION], &EXPORTS);
    let bindings = AQUA_DHT
        .render(&pack(&compiled, &manifest()).unwrap().interface)
        .unwrap();

    assert!(bindings.starts_with("aqua AquaDHTService declares *\n"), "{bindings}");
    assert!(bindings.contains("\ndata Record:\n"), "{bindings}");
    assert!(
        bindings.contains("-- `Record` is what the service calls `DhtRecord`.\n"),
        "{bindings}"
    );
    assert!(bindings.contains("\nservice AquaDHT(\"aqua-dht\"):\n"), "{bindings}");
}

/// A directory with `aqua/registry-service.aqua`.
fn root_with(aqua: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("aqua")).unwrap();
    std::fs::write(root.path().join(REGISTRY.path), aqua).unwrap();
    root
}

#[test]
fn outdated_bindings_are_reported_with_the_difference_and_the_way_out() {
    let expected = bindings_of(&WHOLE);
    let root = root_with(&expected.replace("weight: u32", "weight: u64"));

    let error = REGISTRY.check(root.path(), &expected).unwrap_err().to_string();
    assert!(error.contains("run ./build.sh and commit"), "{error}");
    assert!(
        error.contains("\n-  put(records: [][]ServiceRecord, weight: u64)"),
        "{error}"
    );
    assert!(
        error.contains("\n+  put(records: [][]ServiceRecord, weight: u32)"),
        "{error}"
    );

    REGISTRY.check(root_with(&expected).path(), &expected).unwrap();
}

#[test]
fn missing_bindings_are_an_error() {
    let root = tempfile::tempdir().unwrap();

    let error = REGISTRY.check(root.path(), "").unwrap_err();
    assert!(format!("{error:#}").contains("run ./build.sh"), "{error:#}");
}
