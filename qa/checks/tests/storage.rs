//! What a node does about storage that is damaged or cannot be used: it comes up, no call traps, and errors say what to
//! do.

use std::fs;
use std::path::PathBuf;

use marine_host::MarineHost;
use registry_checks::{writes, Node, Outcome, Subject, NOW};
use registry_testkit::Peer;
use serde_json::json;
use tempfile::TempDir;

struct Disk {
    marine: MarineHost,
    directory: TempDir,
}

impl Disk {
    fn new() -> Self {
        let directory = TempDir::new().expect("a directory");
        let marine = MarineHost::new().expect("a host");
        Self { marine, directory }
    }

    fn storage(&self) -> PathBuf {
        self.directory.path().join("storage")
    }

    fn database(&self) -> PathBuf {
        self.storage().join("registry.sqlite")
    }

    fn corrupt(&self) -> PathBuf {
        self.storage().join("registry.sqlite.corrupt")
    }

    fn start(&self) -> Node {
        Node::start(&self.marine, Subject::Here, Peer::named("host"), self.directory.path()).expect("the node comes up")
    }

    /// A database with `keys` keys, all in its main file.
    fn filled(keys: u64) -> Self {
        let disk = Self::new();
        let mut node = disk.start();
        for number in 0..keys * writes::WRITES_PER_KEY {
            writes::perform(&mut node, number).expect("a write");
        }
        drop(node);
        let database = rusqlite::Connection::open(disk.database()).expect("it opens");
        database
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .expect("a checkpoint");
        disk
    }
}

fn stats(node: &mut Node) -> Outcome {
    node.proved("get_stats", json!([NOW]), &Peer::named("a client"))
        .expect("no trap")
}

/// Whatever was before, the node takes and keeps a key with all its entries.
fn check_usable(node: &mut Node, key: u64) {
    for step in 0..writes::WRITES_PER_KEY {
        writes::perform(node, key * writes::WRITES_PER_KEY + step).expect("a write");
    }
    let held = writes::seen(node, key).expect("rows verify");
    assert_eq!(held, writes::expected(writes::WRITES_PER_KEY));
}

fn check_clear(outcome: &Outcome) {
    assert!(!outcome.success, "{:?}", outcome.value);
    assert!(
        outcome.error.contains("/storage"),
        "it does not say where to look: {}",
        outcome.error
    );
}

#[test]
fn a_file_of_garbage_is_moved_aside() {
    let disk = Disk::new();
    fs::create_dir_all(disk.storage()).expect("a directory");
    let garbage: Vec<u8> = (0..100_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    fs::write(disk.database(), &garbage).expect("a file");
    let mut node = disk.start();
    check_usable(&mut node, 0);
    assert_eq!(fs::read(disk.corrupt()).expect("it is kept"), garbage);
}

#[test]
fn a_short_file_of_garbage_is_moved_aside() {
    let disk = Disk::new();
    fs::create_dir_all(disk.storage()).expect("a directory");
    fs::write(disk.database(), "no database").expect("a file");
    let mut node = disk.start();
    check_usable(&mut node, 0);
    assert_eq!(fs::read(disk.corrupt()).expect("it is kept"), b"no database");
}

/// Half of the pages are missing. The node finds out at the latest when it needs one of them; then it begins anew.
#[test]
fn a_truncated_database_does_not_stop_the_node() {
    let disk = Disk::filled(30);
    let len = fs::metadata(disk.database()).expect("a file").len();
    for cut in [len / 2, len - 4_096, 5_000, 100, 1] {
        let whole = fs::read(disk.database()).expect("a file");
        let truncated = fs::OpenOptions::new()
            .write(true)
            .open(disk.database())
            .expect("a file");
        truncated.set_len(cut).expect("it is truncated");
        let mut node = disk.start();
        // A call that meets the damage may fail, with a word about it; the next one works.
        for key in 0..30 {
            let _ = writes::seen(&mut node, key);
        }
        check_usable(&mut node, 100 + cut);
        assert!(stats(&mut node).success, "cut to {cut} bytes");
        drop(node);
        assert!(disk.corrupt().is_file(), "cut to {cut} bytes, nothing is kept");
        for file in fs::read_dir(disk.storage()).expect("the storage").flatten() {
            fs::remove_file(file.path()).expect("it goes");
        }
        fs::write(disk.database(), whole).expect("the whole again");
    }
}

/// The file opens, its header is whole: the damage shows when a call needs one of the pages.
#[test]
fn damaged_pages_do_not_stop_the_node() {
    let disk = Disk::filled(30);
    let mut pages = fs::read(disk.database()).expect("a file");
    for byte in &mut pages[4_096..] {
        *byte = !*byte;
    }
    fs::write(disk.database(), &pages).expect("a file");
    let mut node = disk.start();
    for key in 0..3 {
        // May fail, with a word about it.
        let _ = writes::seen(&mut node, key);
    }
    check_usable(&mut node, 100);
    drop(node);
    assert!(disk.corrupt().is_file(), "nothing is kept");
    let mut node = disk.start();
    let held = writes::seen(&mut node, 100).expect("rows verify");
    assert_eq!(held, writes::expected(writes::WRITES_PER_KEY));
}

/// The end of the log is what a power failure can take: what was committed before it stays.
#[test]
fn a_truncated_log_loses_its_end_only() {
    let disk = Disk::filled(3);
    let mut node = disk.start();
    check_usable(&mut node, 3);
    check_usable(&mut node, 4);
    drop(node);
    let wal = disk.storage().join("registry.sqlite-wal");
    let len = fs::metadata(&wal).expect("a log").len();
    let log = fs::OpenOptions::new().write(true).open(&wal).expect("a log");
    log.set_len(len - 1_000).expect("it is truncated");
    let mut node = disk.start();
    let whole = writes::expected(writes::WRITES_PER_KEY);
    for key in 0..4 {
        assert_eq!(writes::seen(&mut node, key).expect("rows verify"), whole, "key {key}");
    }
    assert_ne!(
        writes::seen(&mut node, 4).expect("rows verify"),
        whole,
        "nothing was cut off"
    );
    check_usable(&mut node, 5);
    assert!(!disk.corrupt().exists());
}

#[test]
fn a_directory_in_the_databases_place_is_named_until_it_goes() {
    let disk = Disk::new();
    fs::create_dir_all(disk.database()).expect("a directory");
    let mut node = disk.start();
    for _ in 0..2 {
        check_clear(&stats(&mut node));
    }
    let put = writes::perform(&mut node, 0)
        .expect_err("nothing can be written")
        .to_string();
    assert!(put.contains("/storage"), "{put}");
    fs::remove_dir(disk.database()).expect("it goes");
    check_usable(&mut node, 0);
}

/// Without its log SQLite can read, but not write.
#[test]
fn a_directory_in_the_logs_place_is_named_until_it_goes() {
    let disk = Disk::filled(1);
    let wal = disk.storage().join("registry.sqlite-wal");
    let _ = fs::remove_file(&wal);
    fs::create_dir_all(&wal).expect("a directory");
    let mut node = disk.start();
    let put = writes::perform(&mut node, 20)
        .expect_err("nothing can be written")
        .to_string();
    assert!(put.contains("/storage"), "{put}");
    fs::remove_dir(&wal).expect("it goes");
    check_usable(&mut node, 2);
    let held = writes::seen(&mut node, 0).expect("rows verify");
    assert_eq!(held, writes::expected(writes::WRITES_PER_KEY));
    assert!(!disk.corrupt().exists());
}

/// A file system on which nobody, root included, can create a file.
#[test]
fn storage_that_cannot_be_written_is_named() {
    let disk = Disk::new();
    std::os::unix::fs::symlink("/proc/self", disk.storage()).expect("a link");
    let mut node = disk.start();
    for _ in 0..2 {
        check_clear(&stats(&mut node));
    }
    let put = writes::perform(&mut node, 0)
        .expect_err("nothing can be written")
        .to_string();
    assert!(put.contains("/storage"), "{put}");
}

/// Then there is no service to answer: the host's own error says what is wrong with the mapping.
#[test]
fn storage_that_is_no_directory_stops_the_start() {
    let disk = Disk::new();
    fs::write(disk.storage(), "a file").expect("a file");
    let start = Node::start(&disk.marine, Subject::Here, Peer::named("host"), disk.directory.path());
    let why = start.expect_err("no storage").to_string();
    assert!(why.contains("Not a directory"), "{why}");
}
