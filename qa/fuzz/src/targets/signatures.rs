//! Signatures of every kind of key over objects of every kind: the registry's verdict is that of other implementations.

use registry_service::domain::{verify_key, verify_record, verify_tombstone};

use crate::input::{damage, Objects, Source};
use crate::{oracle, probe};

pub(super) fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let source = &mut source;
    let damages = source.below(4);
    match source.below(3) {
        0 => {
            let mut key = Objects::genuine_key(source);
            (0..damages).for_each(|_| damage::key(source, &mut key));
            let here = verify_key(key.clone()).map(drop);
            agree("key", here, oracle::key(&key), &key);
        }
        1 => {
            let mut record = Objects::genuine_record(source);
            (0..damages).for_each(|_| damage::record(source, &mut record));
            let here = verify_record(record.clone(), None).map(drop);
            agree("record", here, oracle::record(&record), &record);
        }
        _ => {
            let mut tombstone = Objects::genuine_tombstone(source);
            (0..damages).for_each(|_| damage::tombstone(source, &mut tombstone));
            let here = verify_tombstone(tombstone.clone()).map(drop);
            agree("tombstone", here, oracle::tombstone(&tombstone), &tombstone);
        }
    }
}

fn agree(
    what: &str,
    here: Result<(), registry_service::domain::Error>,
    there: oracle::Verdict,
    object: &impl std::fmt::Debug,
) {
    assert_eq!(
        here.is_ok(),
        there.is_ok(),
        "{what}: here {here:?}, there {there:?}: {object:?}"
    );
    match here {
        Ok(()) => probe::note(what, "Ok"),
        Err(error) => probe::refused(what, &error),
    }
}
