//! A database with many records, written by the same code over native SQLite.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use eyre::{ensure, Result, WrapErr};
use indicatif::{ProgressBar, ProgressStyle};
use registry_service::domain::data::{Key, Record};
use registry_service::domain::KeyId;
use registry_service::store::{Backend, NativeBackend};
use registry_testkit::{NativeNode, Peer};

use super::{NOW, RECORDS_PER_KEY, STALE_SEC};

/// Ages of records: all live, and some end during a run.
const AGE_MAX_SEC: u64 = registry_service::domain::limits::EXPIRED_TIMEOUT_DEFAULT_SEC - STALE_SEC - 60;
const VALUE: &str = "a value of common length, such as a CID or a URL";
const KEYS_AHEAD: usize = 64;

pub(super) fn host() -> Peer {
    Peer::named("the host")
}

pub(super) fn owner() -> Peer {
    Peer::named("an owner")
}

pub(super) fn providers() -> Vec<Peer> {
    (0..RECORDS_PER_KEY)
        .map(|n| Peer::named(&format!("provider {n}")))
        .collect()
}

pub(super) fn label(key: u32) -> String {
    format!("label {key}")
}

pub(super) fn key_id(key: u32, owner: &Peer) -> String {
    KeyId::of(&label(key), owner.id()).to_string()
}

/// When a key was last registered: spread over the time in which it becomes stale.
fn registered_at(key: u32) -> u64 {
    NOW - u64::from(key) % STALE_SEC
}

/// When a record was signed at first: spread over most of its life.
pub(super) fn created_at(key: u32, provider: u32) -> u64 {
    let spread = u64::from(key) * u64::from(RECORDS_PER_KEY) + u64::from(provider);
    registered_at(key) - spread.wrapping_mul(7_919) % AGE_MAX_SEC
}

pub(super) fn record(key: u32, (number, provider): (u32, &Peer), owner: &Peer) -> Record {
    provider.own_record(&key_id(key, owner), VALUE, created_at(key, number))
}

/// Puts a database with so many keys, all full, at `database`: a copy of `prefilled` where that exists, else a new one,
/// which is then copied there.
pub(super) fn provide(keys: u32, database: &Path, prefilled: Option<&Path>) -> Result<()> {
    let copy = |from: &Path, to: &Path| {
        std::fs::copy(from, to).wrap_err_with(|| format!("cannot copy {} to {}", from.display(), to.display()))
    };
    match prefilled {
        Some(prefilled) if prefilled.exists() => {
            copy(prefilled, database)?;
            let held = NativeBackend::open(&database.to_string_lossy())?.read("SELECT count(*) FROM keys", &[])?;
            let held = String::from_utf8_lossy(&held);
            ensure!(
                held == keys.to_string(),
                "{} holds {held} keys instead of {keys}: name another file",
                prefilled.display()
            );
        }
        Some(prefilled) => {
            fill(keys, database)?;
            copy(database, prefilled)?;
        }
        None => fill(keys, database)?,
    }
    Ok(())
}

fn fill(keys: u32, database: &Path) -> Result<()> {
    let progress = ProgressBar::new(u64::from(keys));
    progress.set_style(ProgressStyle::with_template(
        "filling {bar:40} {pos}/{len} keys, {eta} left",
    )?);
    let (sender, receiver) = sync_channel::<(Key, Vec<Record>)>(KEYS_AHEAD);
    let signing = std::thread::spawn(move || {
        let (owner, providers) = (owner(), providers());
        for key in 0..keys {
            let records = (0..).zip(&providers).map(|provider| record(key, provider, &owner));
            let signed = (owner.key(&label(key), registered_at(key)), records.collect());
            if sender.send(signed).is_err() {
                return;
            }
        }
    });
    let mut node = NativeNode::at(host(), database)?;
    for (key, records) in receiver {
        let at = key.timestamp_created;
        node.register_key(&key, at)?;
        let done = node.republish_records(&records, at)?;
        ensure!(done.updated == records.len() as u64, "{}", done.error());
        progress.inc(1);
    }
    ensure!(signing.join().is_ok(), "the thread that signs has panicked");
    drop(node);
    // All of it in one file.
    let busy = NativeBackend::open(&database.to_string_lossy())?.read("PRAGMA wal_checkpoint(TRUNCATE)", &[])?;
    ensure!(busy == b"0", "the checkpoint did not come through");
    progress.finish_and_clear();
    Ok(())
}
