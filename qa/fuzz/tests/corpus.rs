//! The corpus reaches what it is there for, and the targets reach every exported function.

use std::collections::BTreeSet;

use registry_fuzz::run::{corpus_dir, execute, quietly, read_corpus};
use registry_fuzz::targets;

const INTERFACE: &str = include_str!("../../../aqua/registry-service.aqua");
/// Larger ones are no seeds.
const ENTRY_LEN_MAX: usize = 1_024;

/// Not necessarily the entry of that name: a rule that was changed may have made another one lead there.
#[test]
fn the_corpus_reaches_every_outcome_it_names() {
    for target in &targets::ALL {
        let entries = read_corpus(&corpus_dir(), target).unwrap();
        assert!(entries.len() >= 5, "{}: {} entries", target.name, entries.len());
        let mut reached = BTreeSet::new();
        for entry in &entries {
            assert!(entry.input.len() <= ENTRY_LEN_MAX, "{}/{}", target.name, entry.outcome);
            let execution = quietly(|| execute(target.run, &entry.input));
            assert_eq!(execution.failure, None, "{}/{}", target.name, entry.outcome);
            reached.extend(execution.outcomes);
        }
        let missed: Vec<&str> = entries
            .iter()
            .map(|entry| entry.outcome.as_str())
            .filter(|outcome| !reached.contains(*outcome))
            .collect();
        assert!(
            missed.is_empty(),
            "{}: the corpus no longer leads to {missed:?}. If that is meant, make it anew: registry-fuzz corpus --target {}",
            target.name,
            target.name
        );
        let accepted = reached.iter().filter(|outcome| outcome.ends_with(".Ok")).count();
        println!(
            "{}: {} entries, {} outcomes, {accepted} of them good",
            target.name,
            entries.len(),
            reached.len()
        );
    }
}

#[test]
fn every_exported_function_belongs_to_a_target() {
    let exported: BTreeSet<&str> = INTERFACE
        .lines()
        .filter_map(|line| Some(line.strip_prefix("  ")?.split_once('(')?.0))
        .filter(|name| name.chars().all(|char| char.is_ascii_lowercase() || char == '_'))
        .collect();
    assert!(exported.len() > 40, "{exported:?}");
    let tried: BTreeSet<&str> = targets::ALL
        .iter()
        .flat_map(|target| target.functions)
        .copied()
        .collect();
    let untried: Vec<_> = exported.difference(&tried).collect();
    assert!(untried.is_empty(), "no target in qa/fuzz tries {untried:?}");
    let gone: Vec<_> = tried.difference(&exported).collect();
    assert!(gone.is_empty(), "the service does not export {gone:?}");
}
