//! A disk that is full, or read-only: what was acknowledged stays, what cannot be done is refused with a word about the
//! disk, and when the disk is well again the node goes on.

use std::path::Path;

use marine_host::MarineHost;
use rand::rngs::StdRng;
use rand::Rng;

use super::perform::{on_marine, read_both};
use super::{Model, Rows, Script, SmallDisk};
use crate::failure::ensure;
use crate::{Failure, Node, Subject};

const DISK_KIB: u64 = 8 * 1_024;
/// What the full disk leaves at the most: less than the log takes.
const LEFT_KIB_MAX: u64 = 600;
const STEPS_BEFORE_MAX: u64 = 300;
const STEPS_FULL: u64 = 80;
const STEPS_AFTER: u64 = 60;
const CALLS_READ_ONLY: usize = 20;

/// What an error says of a full disk.
const FULL: [&str; 2] = ["disk is full", "free some space"];

/// What a round with a full disk saw.
#[derive(Debug, Clone, Copy, Default)]
pub struct FullDisk {
    pub rounds: u64,
    pub acknowledged: u64,
    /// Operations that failed for want of room.
    pub failed: u64,
    /// Operations that worked nevertheless.
    pub acknowledged_when_full: u64,
    pub restarts_when_full: u64,
}

/// A node on a disk of its own, beside its model.
#[derive(Debug)]
struct Patient<'d> {
    marine: &'d MarineHost,
    disk: SmallDisk,
    model: Model,
    node: Option<Node>,
}

impl<'d> Patient<'d> {
    fn new(marine: &'d MarineHost, seed: u64) -> Result<Self, Failure> {
        Ok(Self {
            marine,
            disk: SmallDisk::mount(DISK_KIB)?,
            model: Model::new(seed)?,
            node: None,
        })
    }

    fn stop(&mut self) {
        self.node = None;
    }

    fn start(&mut self) -> Result<&mut Node, Failure> {
        self.stop();
        let node = Node::start(self.marine, Subject::Here, Script::host(), self.disk.path())?;
        Ok(self.node.insert(node))
    }

    /// Performs the next operation; false where the disk did not let it.
    fn step(&mut self, complaint: &[&str]) -> Result<bool, Failure> {
        let step = self.model.next_step();
        let node = self.node.as_mut().ok_or("the node runs")?;
        let found = on_marine(node, &step)?;
        if found
            .error()
            .is_some_and(|error| complaint.iter().all(|word| error.contains(word)))
        {
            self.model.skip();
            return Ok(false);
        }
        let expected = self.model.advance();
        ensure!(found == expected, "{step:?} answered `{found}` instead of `{expected}`");
        Ok(true)
    }

    /// Operations that have to work.
    fn steps(&mut self, count: u64) -> Result<(), Failure> {
        for _ in 0..count {
            self.step(&["no such complaint"])?;
        }
        Ok(())
    }

    fn check_rows(&mut self) -> Result<(), Failure> {
        self.stop();
        let (found, expected) = (Rows::in_files(&self.storage())?, self.model.rows()?);
        ensure!(found == expected, "{}", found.difference(&expected));
        Ok(())
    }

    fn storage(&self) -> std::path::PathBuf {
        self.disk.path().join("storage")
    }
}

impl std::fmt::Display for FullDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} full disks: {} operations before and after, {} failed for want of room, {} worked nevertheless, {} restarts \
             in the meantime: nothing acknowledged is missing",
            self.rounds, self.acknowledged, self.failed, self.acknowledged_when_full, self.restarts_when_full
        )
    }
}

impl FullDisk {
    /// A disk becomes full at some point; the node may be started anew; then there is room again.
    ///
    /// # Errors
    /// [`Failure`] where something acknowledged is missing, a failure does not name the disk, or the node does not go on.
    pub fn round(&mut self, marine: &MarineHost, random: &mut StdRng) -> Result<(), Failure> {
        let mut patient = Patient::new(marine, random.gen())?;
        patient.start()?;
        let before = random.gen_range(0..STEPS_BEFORE_MAX);
        patient.steps(before)?;
        patient.disk.fill(random.gen_range(0..LEFT_KIB_MAX))?;
        let restart_at = random.gen_range(0..2 * STEPS_FULL);
        for number in 0..STEPS_FULL {
            if number == restart_at {
                patient.start()?;
                self.restarts_when_full += 1;
            }
            if patient.step(&FULL)? {
                self.acknowledged_when_full += 1;
            } else {
                self.failed += 1;
            }
        }
        if random.gen() {
            patient.check_rows()?;
            patient.start()?;
        }
        patient.disk.make_room()?;
        patient.steps(STEPS_AFTER)?;
        patient.check_rows()?;
        self.rounds += 1;
        self.acknowledged += before + STEPS_AFTER;
        Ok(())
    }

    /// A disk that is full before there is a database.
    ///
    /// # Errors
    /// As [`round`](Self::round).
    pub fn from_the_start(marine: &MarineHost, seed: u64) -> Result<(), Failure> {
        let mut patient = Patient::new(marine, seed)?;
        std::fs::create_dir_all(patient.storage())?;
        std::fs::create_dir_all(patient.disk.path().join("tmp"))?;
        patient.disk.fill(0)?;
        patient.start()?;
        for _ in 0..3 {
            ensure!(!patient.step(&FULL)?, "a full disk took something in");
        }
        patient.disk.make_room()?;
        patient.steps(STEPS_AFTER)?;
        patient.check_rows()
    }
}

/// A disk that is read-only when the node starts, with so many operations done before, and is then writable again. The
/// host's WASI has no number for that error: it ends the call, naming what was called. The service must not be the worse
/// for it.
///
/// # Errors
/// [`Failure`] where a call succeeds that cannot, something acknowledged is missing, or the node does not go on.
pub fn read_only_disk(marine: &MarineHost, seed: u64, before: u64) -> Result<(), Failure> {
    let mut patient = Patient::new(marine, seed)?;
    patient.start()?;
    patient.steps(before)?;
    patient.stop();
    if before == 0 {
        remove_files(&patient.storage())?;
    }
    patient.disk.set_read_only(true)?;
    patient.start()?;
    let step = patient.model.next_step();
    for _ in 0..CALLS_READ_ONLY {
        let node = patient.node.as_mut().ok_or("the node runs")?;
        match on_marine(node, &step) {
            Err(Failure::Trap(_)) => {}
            Err(failure) => return Err(failure),
            Ok(answer) => return Err(format!("{step:?} answered `{answer}` on a disk that cannot be written").into()),
        }
    }
    patient.disk.set_read_only(false)?;
    let number = patient.model.next();
    let (script, model) = patient.model.parts();
    let node = patient.node.as_mut().ok_or("the node runs")?;
    for (step, found, expected) in read_both(node, model, script, number)? {
        ensure!(found == expected, "{step:?} answered `{found}` instead of `{expected}`");
    }
    patient.steps(STEPS_AFTER)?;
    patient.check_rows()
}

fn remove_files(storage: &Path) -> Result<(), Failure> {
    for file in std::fs::read_dir(storage)?.flatten() {
        std::fs::remove_file(file.path())?;
    }
    Ok(())
}
