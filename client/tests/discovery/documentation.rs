//! docs/DISCOVERY.md is true: a test that it names and that is not there fails here.

use std::path::PathBuf;

const PAGE: &str = include_str!("../../../docs/DISCOVERY.md");

/// The file of a module that the page names: without a network, or on a live one.
fn source(module: &str) -> String {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = ["discovery", "open_names"].map(|folder| tests.join(folder).join(format!("{module}.rs")));
    let read = files.iter().find_map(|file| std::fs::read_to_string(file).ok());
    read.unwrap_or_else(|| panic!("there is no {module}.rs"))
}

/// The rows of all tables with a column of tests, and that column.
fn rows() -> Vec<(&'static str, &'static str)> {
    let mut rows = Vec::new();
    let mut names_tests = false;
    for line in PAGE.lines() {
        let Some((_, tests)) = line.strip_suffix(" |").and_then(|line| line.rsplit_once("| ")) else {
            names_tests &= line.starts_with('|');
            continue;
        };
        if names_tests {
            rows.push((line, tests));
        }
        names_tests |= tests == "test";
    }
    rows
}

#[test]
fn every_test_that_the_page_names_exists() {
    let mut count = 0;
    for (row, tests) in rows() {
        // A name without a module is of the one before it.
        let mut module = None;
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test in {row}");
        for name in names {
            let (of, test) = name
                .split_once("::")
                .map_or((module, name), |(of, test)| (Some(of), test));
            let of = of.unwrap_or_else(|| panic!("{name} has no module in {row}"));
            assert!(
                source(of).contains(&format!("fn {test}(")),
                "there is no test {of}::{test}"
            );
            module = Some(of);
            count += 1;
        }
    }
    assert!(count > 90, "{count} tests were found");
}

#[test]
fn all_28_cases_of_its_predecessor_are_counted() {
    let numbers = rows()
        .into_iter()
        .filter_map(|(row, _)| row.split('|').nth(1)?.trim().parse().ok());
    assert_eq!(numbers.collect::<Vec<usize>>(), (1..=28).collect::<Vec<_>>());
}
