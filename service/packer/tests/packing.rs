//! What becomes of a compiled module.

mod common;

use common::{compiled, manifest, EXPORTS, SDK_VERSION, WHOLE};
use marine_module_info_parser::manifest::extract_from_bytes;
use registry_packer::module::pack;
use walrus::Module;

fn custom_sections(wasm: &[u8]) -> Vec<String> {
    let module = Module::from_buffer(wasm).unwrap();
    module
        .customs
        .iter()
        .map(|(_, section)| section.name().to_owned())
        .collect()
}

fn error_of(compiled: &[u8]) -> String {
    format!("{:#}", pack(compiled, &manifest()).unwrap_err())
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let compiled = compiled(&WHOLE, &[SDK_VERSION], &EXPORTS);
    let first = pack(&compiled, &manifest()).unwrap().wasm;

    for _ in 0..50 {
        assert_eq!(pack(&compiled, &manifest()).unwrap().wasm, first);
    }
}

#[test]
fn only_what_a_host_reads_remains() {
    let sections = [SDK_VERSION, (".debug_info", "dwarf"), ("target_features", "+x")];
    let packed = pack(&compiled(&WHOLE, &sections, &EXPORTS), &manifest()).unwrap();

    assert_eq!(
        custom_sections(&packed.wasm),
        [
            "__fluence_sdk_version",
            "__fluence_wasm_module_manifest",
            "interface-types"
        ]
    );
    let text = String::from_utf8_lossy(&packed.wasm);
    assert!(!text.contains("a_secret_path"), "names are left in the module");
    assert!(
        !text.contains("producers"),
        "the compiler's notes are left in the module"
    );
}

#[test]
fn the_manifest_takes_the_place_of_one_that_the_compiler_wrote() {
    let sections = [SDK_VERSION, ("__fluence_wasm_module_manifest", "of a wall clock")];
    let packed = pack(&compiled(&WHOLE, &sections, &EXPORTS), &manifest()).unwrap();

    let read = extract_from_bytes(&packed.wasm).unwrap();
    assert_eq!(read.version.to_string(), "1.2.3");
    assert_eq!(read.build_time.to_rfc3339(), "2024-02-29T12:00:00+00:00");
}

#[test]
fn the_sdk_version_is_the_one_the_module_was_compiled_with() {
    let sections = [("__fluence_sdk_version", "0.15.7")];
    let packed = pack(&compiled(&WHOLE, &sections, &EXPORTS), &manifest()).unwrap();

    assert_eq!(packed.sdk_version.to_string(), "0.15.7");
}

#[test]
fn functions_are_sorted_by_name() {
    let packed = pack(&compiled(&WHOLE, &[SDK_VERSION], &EXPORTS), &manifest()).unwrap();

    let names: Vec<_> = packed
        .interface
        .function_signatures
        .iter()
        .map(|f| f.name.as_str())
        .collect();
    assert_eq!(names, ["clear", "put"]);
}

#[test]
fn a_module_without_an_sdk_version_is_refused() {
    let error = error_of(&compiled(&WHOLE, &[], &EXPORTS));
    assert!(error.contains("does not say which marine-rs-sdk"), "{error}");
}

#[test]
fn a_packed_module_is_not_packed_again() {
    let packed = pack(&compiled(&WHOLE, &[SDK_VERSION], &EXPORTS), &manifest()).unwrap();

    let error = error_of(&packed.wasm);
    assert!(error.contains("no #[marine] function"), "{error}");
}

#[test]
fn a_function_that_is_not_exported_is_named() {
    let error = error_of(&compiled(
        &WHOLE,
        &[SDK_VERSION],
        &["allocate", "release_objects", "put"],
    ));
    assert!(error.contains("does not export clear"), "{error}");
}

#[test]
fn a_module_without_the_sdks_allocator_is_refused() {
    let error = error_of(&compiled(&WHOLE, &[SDK_VERSION], &["put", "clear"]));
    assert!(error.contains("does not export allocate"), "{error}");
}

#[test]
fn what_is_no_wasm_is_refused() {
    for bytes in [&b""[..], b"\0asm", b"#!/bin/sh"] {
        let error = error_of(bytes);
        assert!(error.contains("interface cannot be embedded"), "{error}");
    }
}
