//! `kill -9` at any moment: no acknowledged write is missing afterwards, and every row verifies.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use marine_host::MarineHost;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use registry_checks::writes::{expected, seen, Seen, WRITES_PER_KEY};
use registry_checks::{Node, Subject};
use registry_testkit::Peer;
use tempfile::TempDir;

const KILLS: u32 = 200;
const SIGKILL: i32 = 9;
const WRITER: &str = env!("CARGO_BIN_EXE_registry-writer");

/// When a writer is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after it was spawned: while it starts, recovers the database, or writes.
    AfterSpawn(Duration),
    /// So long after it has acknowledged so many writes.
    AfterWrites(u32, Duration),
}

fn moment(random: &mut StdRng) -> Moment {
    if random.gen_ratio(1, 5) {
        return Moment::AfterSpawn(Duration::from_micros(random.gen_range(0..200_000)));
    }
    let pause = Duration::from_micros(random.gen_range(0..4_000));
    Moment::AfterWrites(random.gen_range(1..60), pause)
}

/// Runs a writer from write `from` on and kills it; how many writes were acknowledged by then, all runs together.
fn run_and_kill(directory: &Path, from: u64, moment: Moment) -> u64 {
    let mut child = Command::new(WRITER)
        .arg(directory)
        .arg(from.to_string())
        .env("RUST_LIB_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the writer runs");
    let mut lines = BufReader::new(child.stdout.take().expect("its stdout is piped"));
    let mut acknowledged = from;
    match moment {
        Moment::AfterSpawn(pause) => std::thread::sleep(pause),
        Moment::AfterWrites(writes, pause) => {
            for _ in 0..writes {
                acknowledge(&mut lines, &mut acknowledged);
            }
            std::thread::sleep(pause);
        }
    }
    child.kill().expect("it can be killed");
    while acknowledge(&mut lines, &mut acknowledged) {}
    check_killed(child, moment);
    acknowledged
}

/// Takes in one line; false at the end. A line that was cut off acknowledges nothing.
fn acknowledge(lines: &mut impl BufRead, acknowledged: &mut u64) -> bool {
    let mut line = String::new();
    lines.read_line(&mut line).expect("the writer prints text");
    let Some(number) = line.strip_suffix('\n') else {
        return false;
    };
    assert_eq!(
        number,
        acknowledged.to_string(),
        "writes are acknowledged in their order"
    );
    *acknowledged += 1;
    true
}

fn check_killed(mut child: Child, moment: Moment) {
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("its stderr is piped");
    stderr.read_to_string(&mut said).expect("it says text");
    let status = child.wait().expect("it ends");
    assert_eq!(
        status.signal(),
        Some(SIGKILL),
        "{moment:?}: the writer ended by itself, {status}: {said}"
    );
    assert!(said.is_empty(), "{moment:?}: {said}");
}

/// What SQLite itself says of a copy of the files as the last kill left them.
fn check_integrity(storage: &Path) {
    let copy = TempDir::new().expect("a directory");
    for entry in std::fs::read_dir(storage).expect("the storage").flatten() {
        let name = entry.file_name();
        assert!(
            !name.to_string_lossy().contains("corrupt"),
            "the database was moved aside: {name:?}"
        );
        std::fs::copy(entry.path(), copy.path().join(name)).expect("a copy");
    }
    let database = rusqlite::Connection::open(copy.path().join("registry.sqlite")).expect("the database opens");
    let verdict: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a verdict");
    assert_eq!(verdict, "ok");
}

#[test]
fn no_acknowledged_write_is_missing_after_200_kills() {
    let seed: u64 = match std::env::var("CRASH_SEED") {
        Ok(seed) => seed.parse().expect("CRASH_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("CRASH_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let directory = TempDir::new().expect("a directory");
    let began = Instant::now();
    let (mut acknowledged, mut in_vain) = (0, 0);
    for _ in 0..KILLS {
        let before = acknowledged;
        acknowledged = run_and_kill(directory.path(), before, moment(&mut random));
        in_vain += u32::from(acknowledged == before);
    }
    println!(
        "{KILLS} kills ({in_vain} before the first write), {acknowledged} writes acknowledged, {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert!(
        acknowledged > u64::from(KILLS),
        "too few writes to say anything: {acknowledged}"
    );

    check_integrity(&directory.path().join("storage"));
    let marine = MarineHost::new().expect("a host");
    let mut node =
        Node::start(&marine, Subject::Here, Peer::named("host"), directory.path()).expect("the service starts");
    let whole_keys = acknowledged / WRITES_PER_KEY;
    let whole = expected(WRITES_PER_KEY);
    for key in 0..whole_keys {
        let held = seen(&mut node, key).expect("rows verify");
        assert_eq!(held, whole, "CRASH_SEED={seed}, key {key}");
    }
    // The write that the last kill interrupted may be there or not, but whole.
    let writes = acknowledged % WRITES_PER_KEY;
    let last = seen(&mut node, whole_keys).expect("rows verify");
    let allowed = [expected(writes), expected(writes + 1)];
    assert!(
        allowed.contains(&last),
        "CRASH_SEED={seed}: {last:?} after {writes} writes"
    );
    assert_eq!(seen(&mut node, whole_keys + 1).expect("no rows"), Seen::default());
}
