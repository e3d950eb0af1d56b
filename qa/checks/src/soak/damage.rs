//! Files that a power failure has torn or a disk has changed: what was written before the last checkpoint survives a torn
//! log, and damage to the database is noticed, or harms nobody.

use std::fs;
use std::path::Path;

use marine_host::MarineHost;
use rand::rngs::StdRng;
use rand::Rng;
use registry_service::store::{Backend, NativeBackend};
use serde_json::json;
use tempfile::TempDir;

use super::perform::{on_marine, read_both};
use super::rows::{DATABASE, MOVED_ASIDE};
use super::{Answer, Model, Operation, Rows, Script, Step};
use crate::failure::ensure;
use crate::writes::{self, WRITES_PER_KEY};
use crate::{Failure, Node, Subject, NOW};

/// Operations that a checkpoint has copied into the database, and operations that only the log holds.
const STEPS_CHECKPOINTED: u64 = 400;
const STEPS_IN_LOG: u64 = 60;
/// Bytes that one round changes, at most.
const FLIPS_MAX: usize = 8;
/// A damaged database may show at a first call and at another; then it is a fresh one.
const ATTEMPTS_MAX: usize = 3;
/// Words in an error that tell an operator where to look.
const CLEAR: [&str; 3] = ["/storage", "moved aside", "registry.sqlite aside"];
/// Words of the error for a key that is not there.
const UNKNOWN: &str = "is not known here";

/// What is done to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    LogCut,
    LogChanged,
    DatabaseCut,
    DatabaseChanged,
}

impl Damage {
    pub const ALL: [Self; 4] = [Self::LogCut, Self::LogChanged, Self::DatabaseCut, Self::DatabaseChanged];

    const fn name(self) -> &'static str {
        match self {
            Self::LogCut => "log cut off",
            Self::LogChanged => "bytes of the log changed",
            Self::DatabaseCut => "database cut off",
            Self::DatabaseChanged => "bytes of the database changed",
        }
    }

    const fn of_log(self) -> bool {
        matches!(self, Self::LogCut | Self::LogChanged)
    }
}

/// What became of the rounds of one kind of damage.
#[derive(Debug, Clone, Copy, Default)]
pub struct Damaged {
    pub rounds: u64,
    /// Every answer was as if nothing had happened.
    pub unharmed: u64,
    /// The end of the log was lost, back to a state between two operations.
    pub log_shortened: u64,
    /// Operations lost with it, in all such rounds.
    pub operations_lost: u64,
    /// The database was moved aside and a fresh one begun.
    pub moved_aside: u64,
    /// Some rows were found unreadable, the others served.
    pub rows_refused: u64,
    /// Some rows were not found, as if they had never come, and no others served in their place.
    pub rows_missing: u64,
    /// Rows were served that are not what was written.
    pub unnoticed: u64,
}

/// A node's files, with a checkpoint in the middle of their history.
#[derive(Debug)]
pub struct DamagedFiles {
    marine: MarineHost,
    database: Vec<u8>,
    log: Vec<u8>,
    model: Model,
    /// The rows after the checkpoint and after each later operation.
    history: Vec<Rows>,
}

impl DamagedFiles {
    /// # Errors
    /// [`Failure`] where the node answers otherwise than the model even without damage.
    pub fn new(seed: u64) -> Result<Self, Failure> {
        let directory = TempDir::new()?;
        let storage = directory.path().join("storage");
        let marine = MarineHost::new()?;
        let mut model = Model::new(seed)?;
        let mut node = start(&marine, directory.path())?;
        advance_both(&mut node, &mut model, STEPS_CHECKPOINTED)?;
        drop(node);
        checkpoint(&storage.join(DATABASE))?;
        let database = fs::read(storage.join(DATABASE))?;

        let mut history = vec![model.rows()?];
        let mut node = start(&marine, directory.path())?;
        for _ in 0..STEPS_IN_LOG {
            advance_both(&mut node, &mut model, 1)?;
            history.push(model.rows()?);
        }
        drop(node);
        ensure!(
            database == fs::read(storage.join(DATABASE))?,
            "a checkpoint that should not have been"
        );
        let log = fs::read(storage.join(format!("{DATABASE}-wal")))?;
        Ok(Self {
            marine,
            database,
            log,
            model,
            history,
        })
    }

    /// Damages the files somewhere and has a node use them.
    ///
    /// # Errors
    /// [`Failure`]: a trap; a torn log that costs more than its end; an error that does not say where to look; a node that
    /// is of no use afterwards.
    pub fn round(&mut self, damage: Damage, random: &mut StdRng, tally: &mut Damaged) -> Result<(), Failure> {
        let directory = TempDir::new()?;
        let storage = directory.path().join("storage");
        fs::create_dir_all(&storage)?;
        let (mut database, mut log) = (self.database.clone(), self.log.clone());
        let target = if damage.of_log() { &mut log } else { &mut database };
        let done = match damage {
            Damage::LogCut | Damage::DatabaseCut => cut(target, random),
            Damage::LogChanged | Damage::DatabaseChanged => change(target, random),
        };
        fs::write(storage.join(DATABASE), database)?;
        fs::write(storage.join(format!("{DATABASE}-wal")), log)?;
        self.examine(damage, directory.path(), tally)
            .map_err(|failure| Failure::Broken(format!("{}, {done}: {failure}", damage.name())))
    }

    fn examine(&mut self, damage: Damage, directory: &Path, tally: &mut Damaged) -> Result<(), Failure> {
        tally.rounds += 1;
        let storage = directory.join("storage");
        if damage.of_log() {
            let mut node = start(&self.marine, directory)?;
            let host = node.host.clone();
            node.proved("get_stats", json!([NOW]), &host)?.ok()?;
            drop(node);
            ensure!(
                !storage.join(MOVED_ASIDE).exists(),
                "a torn log is no reason to begin anew"
            );
            let rows = Rows::in_files(&storage)?;
            let Some(lost) = self.history.iter().rev().position(|then| *then == rows) else {
                return Err(format!("a state that never was: {}", rows.difference(&self.history[0])).into());
            };
            tally.log_shortened += u64::from(lost > 0);
            tally.unharmed += u64::from(lost == 0);
            tally.operations_lost += lost as u64;
        } else {
            self.examine_database(directory, tally)?;
        }
        check_usable(&self.marine, directory, &self.model)
    }

    fn examine_database(&mut self, directory: &Path, tally: &mut Damaged) -> Result<(), Failure> {
        let mut node = start(&self.marine, directory)?;
        let number = self.model.next();
        let (script, model) = self.model.parts();
        let (mut refused, mut missing, mut wrong) = (false, false, false);
        for (_, found, expected) in read_both(&mut node, model, script, number)? {
            match found.error() {
                _ if found == expected => {}
                Some(_) if is_clear(&found) => refused = true,
                Some(error) if error.contains(UNKNOWN) => missing = true,
                None if found.is_part_of(&expected) => missing = true,
                _ => wrong = true,
            }
        }
        drop(node);
        let moved_aside = directory.join("storage").join(MOVED_ASIDE).exists();
        tally.moved_aside += u64::from(moved_aside);
        tally.rows_refused += u64::from(refused && !moved_aside);
        tally.rows_missing += u64::from(missing && !moved_aside);
        tally.unnoticed += u64::from(wrong && !moved_aside);
        tally.unharmed += u64::from(!(moved_aside || refused || missing || wrong));
        Ok(())
    }
}

fn start(marine: &MarineHost, directory: &Path) -> Result<Node, Failure> {
    Ok(Node::start(marine, Subject::Here, Script::host(), directory)?)
}

fn advance_both(node: &mut Node, model: &mut Model, steps: u64) -> Result<(), Failure> {
    for _ in 0..steps {
        let step = model.next_step();
        let (found, expected) = (on_marine(node, &step)?, model.advance());
        ensure!(found == expected, "{step:?} answered `{found}` instead of `{expected}`");
    }
    Ok(())
}

fn checkpoint(database: &Path) -> Result<(), Failure> {
    let database = NativeBackend::open(&database.to_string_lossy());
    let busy = database.and_then(|database| database.read("PRAGMA wal_checkpoint(TRUNCATE)", &[]));
    let busy = busy.map_err(|error| Failure::Broken(error.to_string()))?;
    ensure!(busy == b"0", "the checkpoint did not come through");
    Ok(())
}

fn cut(bytes: &mut Vec<u8>, random: &mut StdRng) -> String {
    let len = random.gen_range(0..bytes.len());
    bytes.truncate(len);
    format!("to {len} bytes")
}

fn change(bytes: &mut [u8], random: &mut StdRng) -> String {
    let mut done = Vec::new();
    for _ in 0..random.gen_range(1..=FLIPS_MAX) {
        let at = random.gen_range(0..bytes.len());
        let with = random.gen_range(1..=u8::MAX);
        bytes[at] ^= with;
        done.push(format!("byte {at} by {with:#04x}"));
    }
    done.join(", ")
}

fn is_clear(answer: &Answer) -> bool {
    answer
        .error()
        .is_some_and(|error| CLEAR.iter().any(|words| error.contains(words)))
}

/// Whatever was: upkeep runs, and the node takes in a key with all its entries and gives it back.
fn check_usable(marine: &MarineHost, directory: &Path, model: &Model) -> Result<(), Failure> {
    let mut node = start(marine, directory)?;
    let (number, now) = (model.next(), Script::time_of(model.next()));
    for operation in [Operation::EvictStale, Operation::ClearExpired] {
        let step = Step { number, now, operation };
        attempt(|| match on_marine(&mut node, &step)? {
            answer if answer.error().is_none() => Ok(()),
            answer => Err(Failure::Broken(answer.to_string())),
        })?;
    }
    let key = 1_000_000;
    attempt(|| (0..WRITES_PER_KEY).try_for_each(|write| writes::perform(&mut node, key * WRITES_PER_KEY + write)))?;
    let held = writes::seen(&mut node, key)?;
    ensure!(
        held == writes::expected(WRITES_PER_KEY),
        "it does not hold what it took in"
    );
    Ok(())
}

/// Does it again where it failed with a clear word.
fn attempt(mut work: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    let mut outcome = Ok(());
    for _ in 0..ATTEMPTS_MAX {
        outcome = work();
        match &outcome {
            Err(Failure::Broken(why)) if CLEAR.iter().any(|words| why.contains(words)) => {}
            _ => break,
        }
    }
    outcome
}

/// One line for each kind of damage.
pub fn damage_table(tallies: &[(Damage, Damaged)]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN).set_header([
        "damage",
        "rounds",
        "unharmed",
        "end of the log lost",
        "operations lost",
        "moved aside",
        "rows refused",
        "rows missing",
        "rows nobody wrote",
    ]);
    for (damage, tally) in tallies {
        let figures = [
            tally.rounds,
            tally.unharmed,
            tally.log_shortened,
            tally.operations_lost,
            tally.moved_aside,
            tally.rows_refused,
            tally.rows_missing,
            tally.unnoticed,
        ];
        let row = figures.iter().map(u64::to_string);
        table.add_row(std::iter::once(damage.name().to_owned()).chain(row));
    }
    table.to_string()
}
