use std::collections::BTreeSet;

use registry_checks::interface_lines;

use crate::{spec, MarineHost};

/// The documented functions in their argument order, and the documented data. A weight, documented as u32, is an i64 as an
/// argument: scripts pass the same numbers, and Marine ends a call whose u32 is above `i32::MAX`.
const INTERFACE: &str = include_str!("interface.txt");

#[test]
fn the_interface_is_the_documented_one_to_the_letter() {
    let directory = tempfile::tempdir().unwrap();
    let marine = MarineHost::new().unwrap();
    let service = marine.start(spec(directory.path()));
    let interface = service.expect("it starts: ./build.sh makes what it needs").interface();

    // Type names do not travel, and the module has prefixed two of them.
    let documented = |line: String| line.replace("DhtKey", "Key").replace("DhtRecord", "Record");
    let actual: BTreeSet<String> = interface_lines(&interface).into_iter().map(documented).collect();
    let expected: BTreeSet<String> = INTERFACE.lines().map(str::to_owned).collect();
    let (missing, unlisted): (Vec<_>, Vec<_>) = (
        expected.difference(&actual).collect(),
        actual.difference(&expected).collect(),
    );
    assert!(
        missing.is_empty() && unlisted.is_empty(),
        "gone from the wasm: {missing:#?}\nnot documented: {unlisted:#?}"
    );
}
