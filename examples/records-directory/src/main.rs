//! A directory of providers, as `aqua/directory.aqua` asks for it. The registry keeps 32 providers a resource; a resource with
//! more registers directories as its providers, and each directory lists as many as it likes. Whoever looks for providers
//! resolves the directories and gathers from all of them.

// The macro wants everything `pub`, in a binary; only the module exports the functions.
#![allow(unreachable_pub)]
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::fs;

use marine_rs_sdk::marine;
use serde::{Deserialize, Serialize};

const FILE: &str = "/storage/records.json";
const UNFINISHED_FILE: &str = "/storage/records.json.unfinished";
/// Records of a page.
const PAGE_LEN: usize = 250;
/// Records of all resources together.
const RECORDS_MAX: usize = 10_000;
/// Bytes of all texts of one record together.
const RECORD_LEN_MAX: usize = 8_192;

/// A provider, as the Resources API has it.
#[marine]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub key_id: String,
    pub value: String,
    pub peer_id: String,
    pub set_by: String,
    pub relay_id: Vec<String>,
    pub service_id: Vec<String>,
    pub timestamp_created: u64,
    pub solution: Vec<u8>,
    pub signature: Vec<u8>,
}

#[marine]
#[derive(Debug)]
pub struct DirectoryResult {
    pub success: bool,
    pub error: String,
}

/// A part of what is listed.
#[marine]
#[derive(Debug)]
pub struct DirectoryPage {
    pub records: Vec<Record>,
    /// At the last page that is asked for: what more there is, in words.
    pub left_out: Vec<String>,
}

thread_local! {
    static RECORDS: RefCell<Vec<Record>> = const { RefCell::new(Vec::new()) };
}

fn main() {
    let stored = fs::read(FILE)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    RECORDS.set(stored.unwrap_or_default());
}

/// Lists a provider, in place of what its issuer has said of it before. Only the issuer's own particle may.
#[marine]
pub fn put_record(record: Record) -> DirectoryResult {
    let caller = marine_rs_sdk::get_call_parameters().particle.init_peer_id;
    let outcome = RECORDS.with_borrow_mut(|records| {
        let changed = with(records, record, &caller)?;
        store(&changed).map_err(|error| format!("the directory cannot be written: {error}"))?;
        *records = changed;
        Ok::<(), String>(())
    });
    DirectoryResult {
        success: outcome.is_ok(),
        error: outcome.err().unwrap_or_default(),
    }
}

/// The listed providers of a resource, `page` counted from 0, of `pages` that are asked for.
#[marine]
pub fn get_page(resource_id: String, page: i64, pages: i64) -> DirectoryPage {
    RECORDS.with_borrow(|records| page_of(records, &resource_id, page, pages))
}

fn page_of(records: &[Record], resource_id: &str, page: i64, pages: i64) -> DirectoryPage {
    let mut listed = records.iter().filter(|record| record.key_id == resource_id);
    let before = usize::try_from(page).unwrap_or(usize::MAX).saturating_mul(PAGE_LEN);
    let records: Vec<Record> = listed.by_ref().skip(before).take(PAGE_LEN).cloned().collect();
    let more = if page.saturating_add(1) == pages {
        listed.count()
    } else {
        0
    };
    DirectoryPage {
        records,
        left_out: (more > 0)
            .then(|| format!("{more} more are listed than are asked for"))
            .into_iter()
            .collect(),
    }
}

/// The records with one more, in place of the one that it replaces.
fn with(records: &[Record], record: Record, caller: &str) -> Result<Vec<Record>, String> {
    if record.set_by != caller {
        return Err(format!(
            "only {caller} itself can be the issuer, the record names another"
        ));
    }
    let len = length(&record);
    if len > RECORD_LEN_MAX {
        return Err(format!(
            "the record has {len} bytes, at most {RECORD_LEN_MAX} are listed: shorten its value"
        ));
    }
    let mut changed = records.to_vec();
    changed.retain(|old| (&old.key_id, &old.set_by, &old.peer_id) != (&record.key_id, &record.set_by, &record.peer_id));
    if changed.len() >= RECORDS_MAX {
        return Err(format!(
            "{RECORDS_MAX} records are listed here already: use another directory"
        ));
    }
    changed.push(record);
    Ok(changed)
}

fn length(record: &Record) -> usize {
    let lists = record
        .relay_id
        .iter()
        .chain(&record.service_id)
        .map(String::len)
        .sum::<usize>();
    let texts = [&record.key_id, &record.value, &record.peer_id, &record.set_by].map(String::len);
    texts.iter().sum::<usize>() + lists + record.solution.len() + record.signature.len()
}

/// The file is complete or as it was.
fn store(records: &[Record]) -> std::io::Result<()> {
    fs::write(UNFINISHED_FILE, serde_json::to_vec(records)?)?;
    fs::rename(UNFINISHED_FILE, FILE)
}
