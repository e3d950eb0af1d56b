//! The corpus: `corpus/<target>/<outcome>` is a small input that leads to that outcome.

use std::fs;
use std::path::{Path, PathBuf};

use eyre::{Context, Result};

use super::execution::execute;
use super::explorer::Explorer;
use super::minimise::minimise;
use crate::targets::{self, Target};

/// The seed that the corpus is made with.
const SEED: u64 = 1;
/// Executions that making an entry smaller is worth.
const TRIES_MAX: usize = 200;

/// An input of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub outcome: String,
    pub input: Vec<u8>,
}

/// Where the corpus lies in the repository.
pub fn corpus_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The entries of a target, by name; none where there is no directory.
///
/// # Errors
/// What cannot be read.
pub fn read_corpus(corpus: &Path, target: &Target) -> Result<Vec<Entry>> {
    let directory = corpus.join(target.name);
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    for file in fs::read_dir(&directory).wrap_err_with(|| directory.display().to_string())? {
        let path = file?.path();
        entries.push(Entry {
            outcome: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            input: fs::read(&path).wrap_err_with(|| path.display().to_string())?,
        });
    }
    entries.sort_by(|one, two| one.outcome.cmp(&two.outcome));
    Ok(entries)
}

/// Explores a target from nothing, with the same seed always, and makes an entry of every outcome of its own; within
/// [`quietly`](super::quietly).
pub fn make_corpus(target: &'static Target, executions: u64) -> Vec<Entry> {
    let mut explorer = Explorer::new(target, SEED, Vec::new());
    for _ in 0..executions {
        explorer.step();
    }
    let own = explorer.seen().filter(|(outcome, _)| is_own(target, outcome));
    let reached = own.map(|(outcome, input)| Entry {
        outcome: outcome.to_owned(),
        input: minimise(input, TRIES_MAX, |candidate| {
            execute(target.run, candidate)
                .outcomes
                .iter()
                .any(|reached| reached == outcome)
        }),
    });
    reached.collect()
}

/// Targets of calls make others' calls, too: their outcomes are in the others' directories.
fn is_own(target: &Target, outcome: &str) -> bool {
    let function = outcome.split(['.', '-']).next().unwrap_or_default();
    let of = |target: &Target| target.functions.contains(&function);
    target.functions.is_empty() || of(target) || !targets::ALL.iter().any(of)
}
