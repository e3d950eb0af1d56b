//! README.md is complete and true: what it leaves out, or says otherwise than the code, fails here.

use std::path::{Path, PathBuf};

const README: &str = include_str!("../../README.md");
const LIMITS: &str = include_str!("../../src/domain/limits.rs");

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between backquotes.
fn code() -> impl Iterator<Item = &'static str> {
    README.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_readme_names_exists() {
    let mut count = 0;
    for (file, test) in code().filter_map(|text| text.split_once("::")) {
        let tests = if file.starts_with("dht/") {
            "../aqua-tests/tests"
        } else {
            "tests"
        };
        let source = read(&here().join(tests).join(format!("{file}.rs")));
        assert!(
            source.contains(&format!("fn {test}(")),
            "there is no test {file}::{test}"
        );
        count += 1;
    }
    assert!(count > 60, "{count} tests were found");
}

#[test]
fn every_fault_of_the_original_has_its_line() {
    let faults = read(&here().join("tests/rules/faults.rs"));
    let tests: Vec<&str> = faults
        .lines()
        .filter_map(|line| line.strip_prefix("fn ")?.split_once('(').map(|(name, _)| name))
        .collect();
    assert_eq!(tests.len(), 7, "{tests:?}");
    for test in tests {
        assert!(README.contains(&format!("`rules/faults::{test}`")), "{test}");
    }
}

#[test]
fn every_function_of_the_scripts_is_in_the_readme() {
    for file in ["dht-api", "pubsub", "scheduled"] {
        let text = read(&here().join(format!("aqua/{file}.aqua")));
        let exports = text.lines().find_map(|line| line.strip_prefix("export ")).unwrap();
        for function in exports.split(", ") {
            assert!(code().any(|text| text == function), "{file}.aqua: {function}");
        }
    }
}

#[test]
fn every_limit_is_in_the_readme_with_its_value() {
    let mut count = 0;
    for line in LIMITS.lines().filter_map(|line| line.strip_prefix("pub const ")) {
        let (name, rest) = line.split_once(':').unwrap();
        let value = rest.split_once(" = ").unwrap().1.trim_end_matches(';').replace('_', "");
        // What follows from two others.
        let Ok(value) = value.parse::<u64>() else {
            continue;
        };
        let row = README
            .lines()
            .find_map(|line| line.strip_prefix(&format!("| `{name}` | ")));
        let row = row.unwrap_or_else(|| panic!("README.md has no {name}"));
        assert_eq!(
            row.split_once(' ').unwrap().0.replace(',', ""),
            value.to_string(),
            "{name}"
        );
        count += 1;
    }
    assert!(count > 15, "{count} limits were found");
}
