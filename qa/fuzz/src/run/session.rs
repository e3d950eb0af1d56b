//! A run over some targets: so many executions, or so long.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use eyre::{eyre, Context, Result};

use super::corpus::read_corpus;
use super::execution::{execute, quietly, Failure, CLOCK};
use super::explorer::{Explorer, Figures};
use super::minimise::minimise;
use crate::oracle::sha256;
use crate::targets::Target;

/// Executions of one target in a row.
const SLICE: u64 = 64;
/// How long a target has its turn, where time counts.
const TURN: Duration = Duration::from_millis(500);
/// Executions that making a failing input smaller is worth.
const TRIES_MAX: usize = 3_000;
/// With so many findings a run ends.
const FINDINGS_MAX: usize = 20;

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// All jobs and targets together; each target has its [`Target::share`].
    Executions(u64),
    /// All targets have the same time.
    Time(Duration),
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    pub targets: Vec<&'static Target>,
    pub seed: u64,
    pub limit: Limit,
    pub jobs: usize,
    pub corpus: PathBuf,
    /// Where failing inputs go.
    pub findings: PathBuf,
}

/// A failing input, minimised and written to a file.
#[derive(Debug, Clone)]
pub struct Finding {
    pub target: &'static str,
    pub failure: Failure,
    pub file: PathBuf,
}

/// What came of a run, target by target.
#[derive(Debug, Default)]
pub struct Outcome {
    pub figures: Vec<(&'static Target, Figures)>,
    pub findings: Vec<Finding>,
}

/// Runs a plan. `progress` hears of executions done and findings, a few times a second.
///
/// # Errors
/// A corpus that cannot be read, a finding that cannot be written.
pub fn run(plan: &Plan, progress: impl Fn(u64, usize) + Sync) -> Result<Outcome> {
    let corpus = plan.targets.iter().map(|target| {
        let entries = read_corpus(&plan.corpus, target)?;
        Ok(entries.into_iter().map(|entry| entry.input).collect::<Vec<_>>())
    });
    let shared = Shared {
        plan,
        corpus: corpus.collect::<Result<_>>()?,
        began: Instant::now(),
        executions: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        outcome: Mutex::new(Outcome {
            figures: plan
                .targets
                .iter()
                .map(|target| (*target, Figures::default()))
                .collect(),
            findings: Vec::new(),
        }),
        progress: &progress,
    };
    quietly(|| {
        std::thread::scope(|scope| {
            let jobs: Vec<_> = (0..plan.jobs)
                .map(|job| {
                    scope.spawn({
                        let shared = &shared;
                        move || shared.work(job)
                    })
                })
                .collect();
            jobs.into_iter()
                .try_for_each(|job| job.join().map_err(|_| eyre!("a job has failed"))?)
        })
    })?;
    shared.outcome.into_inner().map_err(|_| eyre!("a job has failed"))
}

struct Shared<'p> {
    plan: &'p Plan,
    corpus: Vec<Vec<Vec<u8>>>,
    began: Instant,
    executions: AtomicU64,
    stop: AtomicBool,
    outcome: Mutex<Outcome>,
    progress: &'p (dyn Fn(u64, usize) + Sync),
}

impl Shared<'_> {
    /// One job: its targets in turn.
    fn work(&self, job: usize) -> Result<()> {
        let seed = self
            .plan
            .seed
            .wrapping_add((job as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut explorers: Vec<Explorer> = self
            .plan
            .targets
            .iter()
            .zip(&self.corpus)
            .map(|(target, corpus)| Explorer::new(target, seed, corpus.clone()))
            .collect();
        while !self.ended(&explorers) {
            for (position, explorer) in explorers.iter_mut().enumerate() {
                let turn = Instant::now();
                loop {
                    self.slice(position, explorer)?;
                    let timed = matches!(self.plan.limit, Limit::Time(_));
                    if !timed || turn.elapsed() >= TURN || self.stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            }
        }
        let mut outcome = self.outcome.lock().map_err(|_| eyre!("another job has failed"))?;
        for ((_, figures), explorer) in outcome.figures.iter_mut().zip(&explorers) {
            figures.add(&explorer.figures());
        }
        Ok(())
    }

    /// What a target has to do in each job.
    fn share(&self, position: usize) -> u64 {
        let targets = &self.plan.targets;
        let shares: u64 = targets.iter().map(|target| target.share).sum();
        match self.plan.limit {
            Limit::Executions(all) => (all * targets[position].share).div_ceil(self.plan.jobs as u64 * shares),
            Limit::Time(_) => u64::MAX,
        }
    }

    fn ended(&self, explorers: &[Explorer]) -> bool {
        let late = matches!(self.plan.limit, Limit::Time(limit) if self.began.elapsed() >= limit);
        let done = explorers
            .iter()
            .enumerate()
            .all(|(position, explorer)| explorer.figures().executions >= self.share(position));
        late || done || self.stop.load(Ordering::Relaxed)
    }

    fn slice(&self, position: usize, explorer: &mut Explorer) -> Result<()> {
        let target = self.plan.targets[position];
        let left = self.share(position).saturating_sub(explorer.figures().executions);
        let count = left.min(SLICE * target.share);
        for _ in 0..count {
            if let Some((input, failure)) = explorer.step() {
                self.found(target, &input, failure)?;
            }
        }
        let executions = self.executions.fetch_add(count, Ordering::Relaxed) + count;
        let findings = self.outcome.lock().map_or(0, |outcome| outcome.findings.len());
        (self.progress)(executions, findings);
        Ok(())
    }

    /// Of the failures of one place the first is kept.
    fn found(&self, target: &'static Target, input: &[u8], failure: Failure) -> Result<()> {
        let mut outcome = self.outcome.lock().map_err(|_| eyre!("another job has failed"))?;
        let known: BTreeSet<(&str, &str)> = outcome
            .findings
            .iter()
            .map(|finding| (finding.target, finding.failure.place.as_str()))
            .collect();
        if known.contains(&(target.name, &failure.place)) {
            return Ok(());
        }
        let fails = |candidate: &[u8]| {
            execute(target.run, candidate)
                .failure
                .is_some_and(|again| again.place == failure.place)
        };
        // What takes long takes longer to make small.
        let tries_max = if failure.place == CLOCK { 0 } else { TRIES_MAX };
        let input = minimise(input, tries_max, fails);
        outcome.findings.push(Finding {
            target: target.name,
            file: write(&self.plan.findings, target, &input)?,
            failure,
        });
        if outcome.findings.len() >= FINDINGS_MAX {
            self.stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn write(findings: &Path, target: &Target, input: &[u8]) -> Result<PathBuf> {
    let directory = findings.join(target.name);
    fs::create_dir_all(&directory).wrap_err_with(|| directory.display().to_string())?;
    let name: String = sha256(input).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let file = directory.join(name);
    fs::write(&file, input).wrap_err_with(|| file.display().to_string())?;
    Ok(file)
}
