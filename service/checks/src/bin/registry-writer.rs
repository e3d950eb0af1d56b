//! Hosts a registry and writes to it without end, printing the number of each write once it was acknowledged: for tests
//! that kill it.

use std::io::Write;
use std::path::PathBuf;

use clap::Parser;
use eyre::Result;
use marine_host::MarineHost;
use registry_checks::{writes, Node, Subject};
use registry_testkit::Peer;

/// Writes to a registry until it is killed or nobody reads what it prints.
#[derive(Debug, Parser)]
struct Options {
    /// Where the service has its `storage` and `tmp`.
    directory: PathBuf,
    /// The first write.
    from: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let marine = MarineHost::new()?;
    let mut node = Node::start(&marine, Subject::Here, Peer::named("host"), &options.directory)?;
    let mut out = std::io::stdout().lock();
    for number in options.from.. {
        writes::perform(&mut node, number)?;
        writeln!(out, "{number}")?;
        out.flush()?;
    }
    Ok(())
}
