//! A short `registry-soak crash`: `kill -9` at any moment, under mixed load.

use std::path::Path;

use registry_checks::soak::CrashSoak;
use tempfile::TempDir;

const KILLS: u64 = 60;
const SOAK: &str = env!("CARGO_BIN_EXE_registry-soak");

#[test]
fn nothing_acknowledged_is_missing_after_60_kills() {
    let seed: u64 = match std::env::var("CRASH_SEED") {
        Ok(seed) => seed.parse().expect("CRASH_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("CRASH_SEED={seed}");
    let directory = TempDir::new().expect("a directory");
    let writer = [Path::new(SOAK), Path::new("write")];
    let mut soak = CrashSoak::new(directory.path(), seed, &writer).expect("a node");
    for _ in 0..KILLS {
        soak.kill_once()
            .unwrap_or_else(|failure| panic!("CRASH_SEED={seed}: {failure}"));
    }
    soak.finish()
        .unwrap_or_else(|failure| panic!("CRASH_SEED={seed}: {failure}"));
    let figures = soak.figures();
    println!("{figures}");
    assert!(figures.acknowledged > 10 * KILLS, "too few to say anything: {figures}");
}

/// That the check can fail.
#[test]
fn a_row_that_is_gone_is_noticed() {
    let directory = TempDir::new().expect("a directory");
    let writer = [Path::new(SOAK), Path::new("write")];
    let mut soak = CrashSoak::new(directory.path(), 7, &writer).expect("a node");
    while soak.figures().acknowledged < 200 {
        soak.kill_once().unwrap_or_else(|failure| panic!("{failure}"));
    }
    let database = directory.path().join("storage/registry.sqlite");
    let database = rusqlite::Connection::open(database).expect("it opens");
    let one = "DELETE FROM entries WHERE (key_id, identity) = (SELECT key_id, identity FROM entries LIMIT 1)";
    assert_eq!(database.execute(one, []).expect("it goes"), 1);
    drop(database);
    soak.kill_once().expect_err("it is gone");
}
