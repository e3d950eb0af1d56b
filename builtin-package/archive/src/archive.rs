//! Archives that are the same bytes wherever and whenever they are made.

use std::collections::BTreeMap;

use eyre::Context;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// Readable for everybody, owned by nobody in particular.
const FILE_MODE: u32 = 0o644;
/// 1980-01-01: the earliest date that every archiver shows.
const TIMESTAMP_SEC: u64 = 315_532_800;

/// A `tar.gz` of `entries`, bytes by path, in the order of their paths.
pub fn tar_gz(entries: &BTreeMap<String, Vec<u8>>) -> eyre::Result<Vec<u8>> {
    // Without name, date and system in its header.
    let gzip = GzBuilder::new()
        .operating_system(255)
        .write(Vec::new(), Compression::best());
    let mut archive = Builder::new(gzip);
    for (path, bytes) in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(FILE_MODE);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(TIMESTAMP_SEC);
        header.set_size(bytes.len() as u64);
        let appended = archive.append_data(&mut header, path, bytes.as_slice());
        appended.with_context(|| format!("{path} cannot be packed"))?;
    }
    let gzip = archive.into_inner().context("the archive cannot be finished")?;
    gzip.finish().context("the archive cannot be compressed")
}
