//! `kill -9` at any moment: no acknowledged operation is missing afterwards, the one that was under way is there as a
//! whole or not at all, and the database is sound.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use marine_host::MarineHost;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::perform::read_both;
use super::rows::{DATABASE, MOVED_ASIDE};
use super::{Answer, Model, Rows, Script};
use crate::failure::ensure;
use crate::subject::{artifact, ARTIFACTS_DIR_VARIABLE, MODULES};
use crate::{Failure, Node, Subject};

const SIGKILL: i32 = 9;
/// Where SQLite counts, in the header of the log, how often it began the log anew: after each complete checkpoint.
const LOG_GENERATION_AT: std::ops::Range<usize> = 12..16;

/// When a writer is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after it was spawned: while it starts, recovers the database, or writes.
    AfterSpawn(Duration),
    /// So long after it has acknowledged so many operations.
    AfterOperations(u32, Duration),
}

impl Moment {
    fn choose(random: &mut StdRng) -> Self {
        if random.gen_ratio(1, 6) {
            return Self::AfterSpawn(Duration::from_micros(random.gen_range(0..150_000)));
        }
        let pause = Duration::from_micros(random.gen_range(0..4_000));
        Self::AfterOperations(random.gen_range(1..60), pause)
    }
}

/// Figures of a soak.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kills {
    pub kills: u64,
    /// Before the service answered its first call.
    pub while_starting: u64,
    /// Operations whose answer arrived, reads and refusals among them.
    pub acknowledged: u64,
    /// Kills that found an operation under way whose changes were then there.
    pub under_way_kept: u64,
    /// Times that SQLite had copied the whole log into the database and begun it anew.
    pub checkpoints: u64,
    /// Rows of the database at the most.
    pub rows_max: usize,
    pub log_bytes_max: u64,
    pub elapsed: Duration,
}

/// A node that is killed again and again, and the model of what it must hold.
#[derive(Debug)]
pub struct CrashSoak {
    seed: u64,
    random: StdRng,
    model: Model,
    directory: PathBuf,
    /// A program and its first arguments; it takes a directory, `--seed` and `--from`, see [`super::writer::run`].
    writer: Vec<PathBuf>,
    log_generation: u32,
    figures: Kills,
}

impl CrashSoak {
    /// A fresh node in `directory`. The modules are copied there first: a build in the meantime changes nothing.
    ///
    /// # Errors
    /// [`Failure`] where the directory cannot be written to, or there are no artifacts.
    pub fn new(directory: &Path, seed: u64, writer: &[&Path]) -> Result<Self, Failure> {
        let modules = directory.join("modules");
        std::fs::create_dir_all(&modules)?;
        for module in MODULES {
            std::fs::copy(artifact(module), modules.join(module))?;
        }
        Ok(Self {
            seed,
            random: StdRng::seed_from_u64(seed),
            model: Model::new(seed)?,
            directory: directory.to_owned(),
            writer: writer.iter().map(|part| part.to_path_buf()).collect(),
            log_generation: 0,
            figures: Kills::default(),
        })
    }

    pub fn figures(&self) -> Kills {
        self.figures
    }

    /// Lets the node run for a while, kills it, and checks what it has left behind.
    ///
    /// # Errors
    /// [`Failure`] where something is missing, too much, unsound or answered otherwise than by the model.
    pub fn kill_once(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        let moment = Moment::choose(&mut self.random);
        self.run_and_kill(moment)
            .and_then(|()| self.check_files())
            .map_err(|failure| {
                let (kill, next) = (self.figures.kills + 1, self.model.next());
                Failure::Broken(format!("kill {kill}, {moment:?}, before operation {next}: {failure}"))
            })?;
        self.figures.kills += 1;
        self.figures.elapsed += began.elapsed();
        Ok(())
    }

    fn run_and_kill(&mut self, moment: Moment) -> Result<(), Failure> {
        let mut child = Command::new(&self.writer[0])
            .args(&self.writer[1..])
            .arg(&self.directory)
            .args(["--seed", &self.seed.to_string()])
            .args(["--from", &self.model.next().to_string()])
            .env("RUST_LIB_BACKTRACE", "0")
            .env(ARTIFACTS_DIR_VARIABLE, self.directory.join("modules"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("its stdout is piped")?);
        let mut said = Vec::new();
        match moment {
            Moment::AfterSpawn(pause) => std::thread::sleep(pause),
            Moment::AfterOperations(operations, pause) => {
                while said.len() <= operations as usize && take_line(&mut lines, &mut said)? {}
                std::thread::sleep(pause);
            }
        }
        child.kill()?;
        while take_line(&mut lines, &mut said)? {}
        check_killed(child)?;
        self.compare(&said)
    }

    /// What the node said, line by line, beside the model.
    fn compare(&mut self, said: &[String]) -> Result<(), Failure> {
        let Some((up, answers)) = said.split_first() else {
            self.figures.while_starting += 1;
            return Ok(());
        };
        let expected = self.model.counts()?;
        ensure!(*up == expected, "after the restart: `{up}` instead of `{expected}`");
        for line in answers {
            let step = self.model.next_step();
            let (number, found) = line.split_once(' ').unwrap_or((line, ""));
            ensure!(
                number == step.number.to_string(),
                "operation {number} answered instead of {}",
                step.number
            );
            let expected = self.model.advance();
            ensure!(
                Answer::parse(found) == expected,
                "{step:?} answered `{found}` instead of `{expected}`"
            );
            self.figures.acknowledged += 1;
        }
        Ok(())
    }

    /// The rows are those after the last acknowledged operation, or after the one that was under way, too.
    fn check_files(&mut self) -> Result<(), Failure> {
        let storage = self.storage();
        if !storage.join(DATABASE).is_file() {
            ensure!(self.model.next() == 0, "the database is gone");
            return Ok(());
        }
        ensure!(!storage.join(MOVED_ASIDE).exists(), "the database was moved aside");
        self.note_log(&storage);
        let rows = match Rows::in_files(&storage) {
            // Killed before it had made its tables.
            Err(_) if self.model.next() == 0 => return Ok(()),
            rows => rows?,
        };
        self.figures.rows_max = self.figures.rows_max.max(rows.count());
        let before = self.model.rows()?;
        if rows == before || (self.model.next() == 0 && rows.count() == 0) {
            return Ok(());
        }
        let under_way = self.model.next_step();
        self.model.advance();
        let after = self.model.rows()?;
        ensure!(
            rows == after,
            "neither before {under_way:?} ({}) nor after it ({})",
            rows.difference(&before),
            rows.difference(&after)
        );
        self.figures.under_way_kept += 1;
        Ok(())
    }

    fn note_log(&mut self, storage: &Path) {
        let Ok(log) = std::fs::read(storage.join(format!("{DATABASE}-wal"))) else {
            return;
        };
        self.figures.log_bytes_max = self.figures.log_bytes_max.max(log.len() as u64);
        let generation = log.get(LOG_GENERATION_AT).and_then(|bytes| bytes.try_into().ok());
        if let Some(generation) = generation.map(u32::from_be_bytes) {
            // A new log begins with a random number.
            let begun_anew = generation.wrapping_sub(self.log_generation);
            if self.log_generation != 0 && begun_anew < 1_000 {
                self.figures.checkpoints += u64::from(begun_anew);
            }
            self.log_generation = generation;
        }
    }

    fn storage(&self) -> PathBuf {
        self.directory.join("storage")
    }

    /// Starts the node a last time and reads everything through it.
    ///
    /// # Errors
    /// [`Failure`] where it answers otherwise than the model.
    pub fn finish(&mut self) -> Result<(), Failure> {
        let marine = MarineHost::new()?;
        let mut node = Node::start(&marine, Subject::Here, Script::host(), &self.directory)?;
        let number = self.model.next();
        let (script, model) = self.model.parts();
        for (step, found, expected) in read_both(&mut node, model, script, number)? {
            ensure!(found == expected, "{step:?} answered `{found}` instead of `{expected}`");
        }
        Ok(())
    }
}

/// Takes in one line; false at the end. A line that was cut off acknowledges nothing.
fn take_line(lines: &mut impl BufRead, said: &mut Vec<String>) -> Result<bool, Failure> {
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let whole = line.strip_suffix('\n').map(str::to_owned);
    let is_whole = whole.is_some();
    said.extend(whole);
    Ok(is_whole)
}

fn check_killed(mut child: Child) -> Result<(), Failure> {
    let mut said = String::new();
    child
        .stderr
        .take()
        .ok_or("its stderr is piped")?
        .read_to_string(&mut said)?;
    let status = child.wait()?;
    ensure!(
        status.signal() == Some(SIGKILL),
        "the writer ended by itself, {status}: {said}"
    );
    ensure!(said.is_empty(), "the writer complained: {said}");
    Ok(())
}

impl std::fmt::Display for Kills {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut table = comfy_table::Table::new();
        table
            .load_preset(comfy_table::presets::ASCII_MARKDOWN)
            .set_header(["kill -9", ""]);
        let seconds = self.elapsed.as_secs_f64();
        for (what, figure) in [
            ("kills", self.kills.to_string()),
            ("of them while the service started", self.while_starting.to_string()),
            ("operations acknowledged", self.acknowledged.to_string()),
            (
                "operations under way when killed, found done",
                self.under_way_kept.to_string(),
            ),
            ("complete checkpoints of the log", self.checkpoints.to_string()),
            ("rows in the database, at most", self.rows_max.to_string()),
            ("log, KiB at most", (self.log_bytes_max / 1_024).to_string()),
            ("seconds", format!("{seconds:.0}")),
            (
                "ms a kill",
                format!("{:.0}", 1_000.0 * seconds / self.kills.max(1) as f64),
            ),
        ] {
            table.add_row([what.to_owned(), figure]);
        }
        writeln!(f, "{table}")
    }
}
