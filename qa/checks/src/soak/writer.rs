//! The process that is killed: a node that performs the operations of a script without end and says what it has done.

use std::io::Write;
use std::path::Path;

use marine_host::MarineHost;
use serde_json::json;

use super::perform::on_marine;
use super::Script;
use crate::{Failure, Node, Subject, NOW};

/// How many keys, records, host records and tombstones there are.
pub(super) fn counts<T: std::fmt::Display>([keys, records, host_records, tombstones]: [T; 4]) -> String {
    format!("up {keys} {records} {host_records} {tombstones}")
}

/// Performs operation `from` and all that follow, until it is killed or nobody reads what it prints: a line with what the
/// database holds once the service answers, then each operation's number and answer, when it was acknowledged.
///
/// # Errors
/// [`Failure`]: a trap; the other end of `out` is closed.
pub fn run(directory: &Path, seed: u64, from: u64, out: &mut impl Write) -> Result<(), Failure> {
    let marine = MarineHost::new()?;
    let mut node = Node::start(&marine, Subject::Here, Script::host(), directory)?;
    let host = node.host.clone();
    let stats = node.proved("get_stats", json!([NOW]), &host)?.ok()?;
    let held = ["keys", "records", "host_records", "tombstones"].map(|name| &stats[name]);
    writeln!(out, "{}", counts(held))?;
    out.flush()?;
    let script = Script::new(seed);
    for number in from.. {
        let answer = on_marine(&mut node, &script.step(number))?;
        writeln!(out, "{number} {answer}")?;
        out.flush()?;
    }
    Ok(())
}
