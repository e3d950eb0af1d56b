//! Commands that end: by themselves, or because their time is over.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

const POLL: Duration = Duration::from_millis(20);

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Ended {
    /// What it wrote to stdout.
    ///
    /// # Panics
    ///
    /// Panics with all that it wrote if it has not succeeded.
    pub fn success(&self) -> &str {
        assert_eq!(self.code, Some(0), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        &self.stdout
    }
}

/// Runs a command, without input, to its end.
///
/// # Panics
///
/// Panics if it cannot be started, or is not done within the limit: then it is killed.
pub fn run(command: &mut Command, limit: Duration) -> Ended {
    // Files, because nobody has to read them while the command writes.
    let mut stdout = tempfile::tempfile().expect("a temporary file");
    let mut stderr = tempfile::tempfile().expect("a temporary file");
    let share = |file: &File| Stdio::from(file.try_clone().expect("a second handle"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(share(&stdout))
        .stderr(share(&stderr))
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let start = Instant::now();
    let status = loop {
        match child.try_wait().expect("the state of a child") {
            Some(status) => break Some(status),
            None if start.elapsed() > limit => break None,
            None => std::thread::sleep(POLL),
        }
    };
    if status.is_none() {
        child.kill().expect("a child that can be killed");
        child.wait().expect("a child that ends");
    }
    let ended = Ended {
        code: status.and_then(|status| status.code()),
        stdout: text(&mut stdout),
        stderr: text(&mut stderr),
    };
    assert!(status.is_some(), "{command:?} is not done after {limit:?}: {ended:#?}");
    ended
}

/// A command that goes on until it is dropped.
#[derive(Debug)]
pub struct Background {
    child: Child,
    output: NamedTempFile,
}

impl Background {
    /// Starts a command, without input.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let output = NamedTempFile::new().expect("a temporary file");
        // A handle of its own, because whoever reads moves the place where a shared one writes.
        let share = || {
            Stdio::from(
                File::options()
                    .append(true)
                    .open(output.path())
                    .expect("a second handle"),
            )
        };
        let child = command.stdin(Stdio::null()).stdout(share()).stderr(share()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, output }
    }

    /// Asks it to end, as Ctrl-C does.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be asked.
    pub fn interrupt(&self) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-INT", &id]).status();
        assert!(asked.is_ok_and(|status| status.success()), "kill -INT {id}");
    }

    /// What it has written, when this text is in it.
    ///
    /// # Panics
    ///
    /// Panics if that takes too long, or the command ends before.
    pub fn wait_for(&mut self, expected: &str, limit: Duration) -> String {
        let start = Instant::now();
        loop {
            let ended = self.child.try_wait().expect("the state of a child");
            let written = text(&mut self.output.reopen().expect("a handle to read"));
            if written.contains(expected) {
                return written;
            }
            assert!(ended.is_none(), "no `{expected}` in\n{written}");
            assert!(start.elapsed() < limit, "no `{expected}` after {limit:?} in\n{written}");
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).expect("the beginning");
    file.read_to_end(&mut bytes).expect("what was written");
    String::from_utf8_lossy(&bytes).into_owned()
}
