//! Packed lists and keys.

use registry_service::domain::data::Record;
use registry_service::domain::{pack_key, pack_records, unpack_key, KnownRecords, Unpacker};

use crate::input::{Objects, Source};
use crate::probe;

/// Records that all lists of a call may hold.
const RECORDS_MAX: usize = 16_384;
/// Bytes that the strings of all lists of a call may come to.
const LEN_MAX: usize = 32 * 1024 * 1024;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    match source.below(8) {
        0 => round_trip(&mut source),
        1..=3 => changed(&mut source),
        4..=6 => {
            let text = base64(source.rest());
            unpack(&mut source, &text);
        }
        _ => {
            let text = String::from_utf8_lossy(source.rest()).into_owned();
            unpack(&mut source, &text);
        }
    }
}

fn list(source: &mut Source<'_>) -> Vec<Record> {
    (0..source.below(5)).map(|_| Objects::record(source)).collect()
}

fn round_trip(source: &mut Source<'_>) {
    let records = list(source);
    let packed = pack_records(&records);
    assert_eq!(Unpacker::sharing(1).unpack(&packed).as_ref(), Ok(&records));
    let key = Objects::key(source);
    if let Ok(unpacked) = unpack_key(&pack_key(&key)) {
        assert_eq!(unpacked, key);
    }
    let known = KnownRecords::parse(&KnownRecords::describe(&records)).expect("its own text parses");
    assert!(records.iter().all(|record| known.contains(record)));
    let other = Objects::record(source);
    assert!(
        records.contains(&other) || !known.contains(&other),
        "another record is known"
    );
    probe::note("round-trip", ["empty", "one", "some"][records.len().min(2)]);
}

/// A genuine list, changed in a few places below its base64.
fn changed(source: &mut Source<'_>) {
    let packed = pack_records(&list(source));
    let mut bytes = unbase64(&packed);
    for _ in 0..1 + source.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = source.below(bytes.len());
        match source.below(5) {
            0 => bytes[at] ^= 1 << source.below(8),
            1 => bytes[at] = source.below(256) as u8,
            2 => bytes.insert(at, source.below(256) as u8),
            3 => bytes.truncate(at),
            // A number of five bytes, as large as it can be.
            _ => drop(bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
        }
    }
    let text = base64(&bytes);
    unpack(source, &text);
}

/// Whatever unpacks is within the bounds and packs to something that unpacks to the same.
fn unpack(source: &mut Source<'_>, text: &str) {
    let lists = 1 + source.below(4);
    match Unpacker::sharing(lists).unpack(text) {
        Ok(records) => {
            probe::note("unpack", if records.is_empty() { "empty" } else { "Ok" });
            assert!(records.len() <= RECORDS_MAX / lists);
            let len: usize = records.iter().map(string_bytes).sum();
            assert!(len <= LEN_MAX / lists, "{len} bytes of strings");
            let again = pack_records(&records);
            assert_eq!(Unpacker::sharing(1).unpack(&again), Ok(records));
        }
        Err(error) => probe::refused("unpack", &error),
    }
    match unpack_key(text) {
        Ok(key) => {
            probe::note("unpack_key", "Ok");
            assert_eq!(unpack_key(&pack_key(&key)).as_ref(), Ok(&key));
        }
        Err(error) => probe::refused("unpack_key", &error),
    }
    match KnownRecords::parse(text) {
        Ok(_) => probe::note("known", "Ok"),
        Err(error) => probe::refused("known", &error),
    }
}

fn string_bytes(record: &Record) -> usize {
    let metadata = &record.metadata;
    let single = [
        &metadata.key_id,
        &metadata.issued_by,
        &metadata.peer_id,
        &metadata.value,
    ];
    let lists = metadata.relay_id.iter().chain(&metadata.service_id);
    single.into_iter().chain(lists).map(String::len).sum()
}

/// Without padding.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let triple = chunk.iter().fold(0, |triple, byte| triple << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(char::from(BASE64[(triple >> (18 - 6 * at)) as usize & 0x3f]));
        }
    }
    text
}

fn unbase64(text: &str) -> Vec<u8> {
    let value = |letter: u8| BASE64.iter().position(|known| *known == letter).unwrap_or(0) as u32;
    let mut bytes = Vec::new();
    for chunk in text.as_bytes().chunks(4) {
        let word = chunk.iter().fold(0, |word, letter| word << 6 | value(*letter)) << (6 * (4 - chunk.len()));
        bytes.extend(&word.to_be_bytes()[1..chunk.len()]);
    }
    bytes
}
