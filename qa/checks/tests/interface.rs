//! The wasm's interface is the wire. `wire/published.txt` is what compiled scripts and other peers depend on: it never
//! changes. `wire/added.txt` is what this service has besides, to be changed only by adding.

use std::collections::{BTreeMap, BTreeSet};

use marine_host::ServiceInterface;
use registry_checks::{interface_lines, Subject, World};

const PUBLISHED: &str = include_str!("wire/published.txt");
const ADDED: &str = include_str!("wire/added.txt");

fn interface_of(subject: Subject) -> ServiceInterface {
    let world = World::new(subject).expect("the service starts");
    world.service().interface()
}

#[test]
fn the_interface_is_the_wire_to_the_letter() {
    let actual = interface_lines(&interface_of(Subject::Here));
    let expected: BTreeSet<String> = PUBLISHED.lines().chain(ADDED.lines()).map(str::to_owned).collect();
    let missing: Vec<&String> = expected.difference(&actual).collect();
    let unlisted: Vec<&String> = actual.difference(&expected).collect();
    assert!(
        missing.is_empty() && unlisted.is_empty(),
        "gone from the wasm: {missing:#?}\nnot in tests/wire/added.txt yet, add what is meant to stay: {unlisted:#?}"
    );
}

/// Type names do not travel, but functions, arguments and fields do: what calls 0.9.4 can call this.
#[test]
fn every_function_of_the_reference_is_here_with_the_same_arguments_and_fields() {
    let (reference, here) = (expanded(Subject::Reference), expanded(Subject::Here));
    for (name, (arguments, result)) in &reference {
        let Some((arguments_here, result_here)) = here.get(name) else {
            panic!("{name} is not here");
        };
        assert_eq!(arguments, arguments_here, "{name}");
        // There a few functions return nothing; a script that ignores the result does not notice.
        if !result.is_empty() {
            assert_eq!(result, result_here, "{name}");
        }
    }
}

/// Arguments and result of every function, with the fields of data types in place of their names.
fn expanded(subject: Subject) -> BTreeMap<String, (Vec<String>, Vec<String>)> {
    let interface = interface_of(subject);
    let types: BTreeMap<&str, &[(String, String)]> = interface
        .record_types
        .iter()
        .map(|record| (record.name.as_str(), record.fields.as_slice()))
        .collect();
    let functions = interface.function_signatures.iter();
    functions
        .map(|function| {
            let arguments = function.arguments.iter();
            let arguments = arguments
                .map(|(name, of)| format!("{name}: {}", expand(of, &types)))
                .collect();
            let result = function.output_types.iter().map(|of| expand(of, &types)).collect();
            (function.name.clone(), (arguments, result))
        })
        .collect()
}

fn expand(name: &str, types: &BTreeMap<&str, &[(String, String)]>) -> String {
    let bare = name.trim_start_matches("[]");
    let Some(fields) = types.get(bare) else {
        return name.to_owned();
    };
    let lists = &name[..name.len() - bare.len()];
    let fields: Vec<String> = fields
        .iter()
        .map(|(field, of)| format!("{field}: {}", expand(of, types)))
        .collect();
    format!("{lists}{{{}}}", fields.join(", "))
}
