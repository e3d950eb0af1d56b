//! Explores one target: keeps inputs that lead to something new.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::execution::{execute, thread_time, Execution, Failure};
use super::mutator;
use crate::targets::Target;

/// Of so many executions one begins with random bytes.
const FRESH_ONE_IN: u32 = 8;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    pub executions: u64,
    /// Those in which the registry accepted something.
    pub accepted: u64,
    /// Those in which it refused something.
    pub refused: u64,
    /// Of a processor.
    pub time: Duration,
    pub slowest: Duration,
}

impl Figures {
    pub fn add(&mut self, other: &Self) {
        self.executions += other.executions;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.time += other.time;
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// A target, its random numbers, and the inputs found so far.
#[derive(Debug)]
pub struct Explorer {
    target: &'static Target,
    random: StdRng,
    inputs: Vec<Vec<u8>>,
    /// What has come out, with the input that did first.
    seen: BTreeMap<String, usize>,
    figures: Figures,
}

impl Explorer {
    /// The same seed and inputs make the same executions.
    pub fn new(target: &'static Target, seed: u64, inputs: Vec<Vec<u8>>) -> Self {
        let name: u64 = target
            .name
            .bytes()
            .fold(0, |name, byte| name.wrapping_mul(131) + u64::from(byte));
        let mut explorer = Self {
            target,
            random: StdRng::seed_from_u64(seed ^ name.rotate_left(17)),
            inputs: Vec::new(),
            seen: BTreeMap::new(),
            figures: Figures::default(),
        };
        for input in inputs {
            explorer.keep(execute(target.run, &input).outcomes, input);
        }
        explorer
    }

    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// What came out, with an input for each.
    pub fn seen(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.seen
            .iter()
            .map(|(name, input)| (name.as_str(), self.inputs[*input].as_slice()))
    }

    /// One execution; the input and what is wrong, if something is.
    pub fn step(&mut self) -> Option<(Vec<u8>, Failure)> {
        let began = thread_time();
        let input = self.next();
        let Execution {
            outcomes,
            took,
            failure,
        } = execute(self.target.run, &input);
        self.figures.executions += 1;
        self.figures.slowest = self.figures.slowest.max(took);
        self.figures.accepted += u64::from(outcomes.iter().any(|outcome| outcome.ends_with(".Ok")));
        self.figures.refused += u64::from(outcomes.iter().any(|outcome| !outcome.ends_with(".Ok")));
        let failed = failure.map(|failure| (input.clone(), failure));
        self.keep(outcomes, input);
        self.figures.time += thread_time() - began;
        failed
    }

    fn next(&mut self) -> Vec<u8> {
        if self.inputs.is_empty() || self.random.gen_ratio(1, FRESH_ONE_IN) {
            return mutator::fresh(&mut self.random);
        }
        let [one, other] = [0, 1].map(|_| self.random.gen_range(0..self.inputs.len()));
        let mut input = self.inputs[one].clone();
        mutator::mutate(&mut self.random, &mut input, &self.inputs[other]);
        input
    }

    fn keep(&mut self, outcomes: Vec<String>, input: Vec<u8>) {
        let position = self.inputs.len();
        let mut new = false;
        for outcome in outcomes {
            self.seen.entry(outcome).or_insert_with(|| {
                new = true;
                position
            });
        }
        if new {
            self.inputs.push(input);
        }
    }
}
