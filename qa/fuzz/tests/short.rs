//! A short run of every target: the same executions every time.

use std::path::PathBuf;

use registry_fuzz::run::{corpus_dir, run, table, Limit, Plan};
use registry_fuzz::targets;

const SEED: u64 = 20_260_101;
/// Of each of the slow targets.
const EXECUTIONS: u64 = 400;

#[test]
fn a_short_run_of_every_target_finds_nothing() {
    let shares: u64 = targets::ALL.iter().map(|target| target.share).sum();
    let plan = Plan {
        targets: targets::ALL.iter().collect(),
        seed: SEED,
        limit: Limit::Executions(EXECUTIONS * shares),
        jobs: 1,
        corpus: corpus_dir(),
        findings: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("findings"),
    };
    let outcome = run(&plan, |_, _| {}).unwrap();
    println!("seed {SEED}\n{}", table(&outcome));
    assert!(outcome.findings.is_empty(), "seed {SEED}: {:#?}", outcome.findings);
    for (target, figures) in &outcome.figures {
        assert_eq!(figures.executions, EXECUTIONS * target.share, "{}", target.name);
    }
}
