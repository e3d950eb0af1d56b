//! The Aqua bindings that an interface gives.

mod common;

use common::{compiled, manifest, CLEAR, EXPORTS, METADATA, PUT, RECORD, SDK_VERSION, WHOLE};
use registry_packer::bindings::{check, render};
use registry_packer::module::pack;

fn bindings_of(descriptions: &[&str]) -> String {
    let compiled = compiled(descriptions, &[SDK_VERSION], &EXPORTS);
    render(&pack(&compiled, &manifest()).unwrap().interface).unwrap()
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

    let error = render(&interface).unwrap_err().to_string();
    assert!(error.contains("ServiceRecord already"), "{error}");
}

#[test]
fn outdated_bindings_are_reported_with_the_difference_and_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("registry-service.aqua");
    let expected = bindings_of(&WHOLE);
    std::fs::write(&path, expected.replace("weight: u32", "weight: u64")).unwrap();

    let error = check(&path, &expected).unwrap_err().to_string();
    assert!(error.contains("run ./build.sh and commit"), "{error}");
    assert!(
        error.contains("\n-  put(records: [][]ServiceRecord, weight: u64)"),
        "{error}"
    );
    assert!(
        error.contains("\n+  put(records: [][]ServiceRecord, weight: u32)"),
        "{error}"
    );

    std::fs::write(&path, &expected).unwrap();
    check(&path, &expected).unwrap();
}

#[test]
fn missing_bindings_are_an_error() {
    let directory = tempfile::tempdir().unwrap();

    let error = check(&directory.path().join("none.aqua"), "").unwrap_err();
    assert!(format!("{error:#}").contains("run ./build.sh"), "{error:#}");
}
