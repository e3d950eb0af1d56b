//! A module as the compiler would make it, small enough to be built here: no wasm toolchain is needed.

// Each test file uses a part of it.
#![allow(dead_code)]

use registry_packer::manifest::Manifest;
use walrus::{FunctionBuilder, Module, RawCustomSection};

pub(crate) const RECORD: &str = r#"{"ast_type":"Record","name":"Record","fields":{"Named":[
    {"name":"metadata","ty":{"Record":["Metadata","ByValue"]}},
    {"name":"signature","ty":{"Vector":[{"U8":"ByValue"},"ByValue"]}}]}}"#;
pub(crate) const METADATA: &str = r#"{"ast_type":"Record","name":"Metadata","fields":{"Named":[
    {"name":"timestamp_issued","ty":{"U64":"ByValue"}},
    {"name":"relay_id","ty":{"Vector":[{"Utf8String":"ByValue"},"ByValue"]}}]}}"#;
pub(crate) const UNUSED: &str = r#"{"ast_type":"Record","name":"Unused","fields":{"Named":[
    {"name":"weight","ty":{"U32":"ByValue"}}]}}"#;
pub(crate) const PUT: &str = r#"{"ast_type":"Function","signature":{"name":"put","arguments":[
    {"name":"records","ty":{"Vector":[{"Vector":[{"Record":["Record","ByValue"]},"ByValue"]},"ByValue"]}},
    {"name":"weight","ty":{"U32":"ByValue"}}],
    "output_types":[{"Record":["Record","ByValue"]}]}}"#;
pub(crate) const CLEAR: &str =
    r#"{"ast_type":"Function","signature":{"name":"clear","arguments":[],"output_types":[]}}"#;

/// Everything of above in an order that is not the one of the bindings.
pub(crate) const WHOLE: [&str; 5] = [RECORD, PUT, UNUSED, METADATA, CLEAR];

pub(crate) const SDK_VERSION: (&str, &str) = ("__fluence_sdk_version", "0.14.0");
pub(crate) const EXPORTS: [&str; 4] = ["allocate", "release_objects", "put", "clear"];

/// A module with `descriptions` where the SDK leaves them, further custom `sections`, and exported functions.
pub(crate) fn compiled(descriptions: &[&str], sections: &[(&str, &str)], exports: &[&str]) -> Vec<u8> {
    let mut module = Module::default();
    let memory = module.memories.add_local(false, 1, None);
    module.exports.add("memory", memory);
    for name in exports {
        let builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        let function = builder.finish(vec![], &mut module.funcs);
        module.funcs.get_mut(function).name = Some(format!("a_secret_path::{name}"));
        module.exports.add(name, function);
    }
    for (index, description) in descriptions.iter().enumerate() {
        add(&mut module, &format!("__m_generated_section__{index}"), description);
    }
    for (name, content) in sections {
        add(&mut module, name, content);
    }
    module.emit_wasm()
}

fn add(module: &mut Module, name: &str, content: &str) {
    module.customs.add(RawCustomSection {
        name: name.to_owned(),
        data: content.as_bytes().to_vec(),
    });
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        authors: "authors".into(),
        version: "1.2.3".into(),
        description: "description".into(),
        repository: String::new(),
        build_time: "2024-02-29T12:00:00Z".into(),
    }
}
