//! The driver finds what there is to be found, makes it small, and does the same again with the same seed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use registry_fuzz::input::{Objects, Source};
use registry_fuzz::oracle;
use registry_fuzz::run::{execute, minimise, quietly, run, Explorer, Limit, Outcome, Plan};
use registry_fuzz::targets::{self, Target};

/// Fails where two bytes of its input are the same as their positions and more follows.
static FRAIL: Target = Target {
    name: "frail",
    about: "fails",
    run: |bytes| {
        registry_fuzz::probe::note("first", if bytes.first() == Some(&0x80) { "Ok" } else { "other" });
        assert!(bytes.first() != Some(&0x80) || !bytes.contains(&0xff), "both are there");
    },
    share: 1,
    functions: &[],
};

fn plan(target: &'static Target, seed: u64, findings: &Path) -> Plan {
    Plan {
        targets: vec![target],
        seed,
        limit: Limit::Executions(20_000),
        jobs: 2,
        corpus: findings.join("no corpus"),
        findings: findings.to_owned(),
    }
}

#[test]
fn a_failure_is_found_once_made_small_and_can_be_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let Outcome { figures, findings } = run(&plan(&FRAIL, 1, directory.path()), |_, _| {}).unwrap();
    assert_eq!(figures[0].1.executions, 20_000);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].failure.message, "both are there");
    let input = fs::read(&findings[0].file).unwrap();
    assert_eq!(input, [0x80, 0xff]);
    let again = quietly(|| execute(FRAIL.run, &input));
    assert_eq!(again.failure, Some(findings[0].failure.clone()));
}

#[test]
fn the_same_seed_makes_the_same_executions() {
    let target = targets::named("packed").unwrap();
    let explore = |seed| {
        quietly(|| {
            let mut explorer = Explorer::new(target, seed, Vec::new());
            (0..500).for_each(|_| drop(explorer.step()));
            let figures = explorer.figures();
            let seen: Vec<(String, Vec<u8>)> = explorer
                .seen()
                .map(|(name, input)| (name.into(), input.into()))
                .collect();
            (figures.accepted, figures.refused, seen)
        })
    };
    assert_eq!(explore(1), explore(1));
    assert_ne!(explore(1), explore(2));
}

#[test]
fn counted_executions_are_shared_out_so_that_each_target_takes_about_as_long() {
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan {
        targets: vec![&FRAIL, targets::named("packed").unwrap()],
        limit: Limit::Executions(6_100),
        jobs: 1,
        ..plan(&FRAIL, 1, directory.path())
    };
    let outcome = run(&plan, |_, _| {}).unwrap();
    let executions: Vec<u64> = outcome.figures.iter().map(|(_, figures)| figures.executions).collect();
    assert_eq!(executions, [100, 6_000]);
}

#[test]
fn a_run_ends_when_its_time_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan {
        limit: Limit::Time(Duration::from_millis(300)),
        ..plan(targets::named("ids").unwrap(), 1, directory.path())
    };
    let outcome = run(&plan, |_, _| {}).unwrap();
    assert!(outcome.findings.is_empty());
    assert!(outcome.figures[0].1.executions > 0);
}

#[test]
fn minimising_keeps_what_matters() {
    let small = minimise(&[9; 300], 10_000, |bytes| {
        bytes.iter().filter(|byte| **byte == 9).count() >= 3
    });
    assert_eq!(small, [9, 9, 9]);
}

/// The oracle is of no use if it lets everything through.
#[test]
fn the_oracle_refuses_what_was_changed() {
    let mut source = Source::new(&[]);
    let record = Objects::genuine_record(&mut source);
    assert_eq!(oracle::record(&record), Ok(()));
    for bit in 0..record.signature.len() * 8 {
        let mut changed = record.clone();
        changed.signature[bit / 8] ^= 1 << (bit % 8);
        oracle::record(&changed).unwrap_err();
    }
    let mut changed = record.clone();
    changed.metadata.value.push('!');
    oracle::record(&changed).unwrap_err();
    let key = Objects::genuine_key(&mut source);
    assert_eq!(oracle::key(&key), Ok(()));
    let tombstone = Objects::genuine_tombstone(&mut source);
    assert_eq!(oracle::tombstone(&tombstone), Ok(()));
}
