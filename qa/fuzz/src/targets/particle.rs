//! Messages that carry particles.

use futures_util::io::Cursor;
use futures_util::FutureExt;
use particle::{decode, encode, read_particle, write_particle, DecodeError, Limits, Particle, ReadError};

use crate::input::Source;
use crate::probe;

/// Small, so that a few bytes are too many.
const LIMITS: Limits = Limits {
    script_len_max: 48,
    data_len_max: 48,
};

pub(super) fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    match source.below(8) {
        0 => round_trip(&mut source),
        1..=5 => changed(&mut source),
        6 => read_all(source.rest()),
        _ => {
            decoded(source.rest());
        }
    }
}

fn particle(source: &mut Source<'_>) -> Particle {
    let text = |source: &mut Source<'_>, lengths: &[usize]| "é".repeat(*source.pick(lengths) / 2);
    Particle {
        id: text(source, &[8, 0, 256, 258]).into(),
        init_peer_id: text(source, &[52, 0, 64, 66]).into(),
        timestamp: *source.pick(&[1_700_000_000_000, 0, u64::MAX]),
        ttl: *source.pick(&[7_000, 0, u32::MAX]),
        script: text(source, &[6, 0, 48, 50]).into(),
        signature: vec![source.below(256) as u8; *source.pick(&[64, 0, 65])].into(),
        data: vec![source.below(256) as u8; *source.pick(&[3, 0, 48, 49])],
    }
}

fn fits(particle: &Particle) -> bool {
    particle.id.len() <= 256
        && particle.init_peer_id.len() <= 64
        && particle.script.len() <= LIMITS.script_len_max
        && particle.signature.len() <= 64
        && particle.data.len() <= LIMITS.data_len_max
}

fn round_trip(source: &mut Source<'_>) {
    let particle = particle(source);
    let mut stream = Cursor::new(Vec::new());
    let written = write_particle(&mut stream, &particle).now_or_never();
    written.expect("memory does not wait").expect("memory takes all");
    let frame = stream.into_inner();
    let read = read_particle(&mut Cursor::new(&frame[..]), &LIMITS).now_or_never();
    let read = read.expect("memory does not wait");
    if fits(&particle) {
        assert_eq!(read.expect("what is written is read"), Some(particle));
        probe::note("round-trip", "Ok");
    } else {
        assert!(matches!(
            read,
            Err(ReadError::Message(
                DecodeError::TooLong { .. } | DecodeError::MessageTooLong { .. }
            ))
        ));
        probe::note("round-trip", "TooLong");
    }
}

/// A genuine message, changed in a few places.
fn changed(source: &mut Source<'_>) {
    let mut bytes = encode(&particle(source));
    for _ in 0..1 + source.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = source.below(bytes.len());
        match source.below(6) {
            0 => bytes[at] ^= 1 << source.below(8),
            1 => bytes[at] = source.below(256) as u8,
            2 => bytes.insert(at, source.below(256) as u8),
            3 => bytes.truncate(at),
            // Arrays and strings that say they have 4 GiB.
            4 => drop(bytes.splice(at..at, [0xdd, 0xff, 0xff, 0xff, 0xff])),
            _ => drop(bytes.splice(at..at, [0xdb, 0xff, 0xff, 0xff, 0xff])),
        }
    }
    decoded(&bytes);
}

/// Frames until the stream ends or cannot be read.
fn read_all(bytes: &[u8]) {
    let mut stream = Cursor::new(bytes);
    loop {
        let read = read_particle(&mut stream, &LIMITS).now_or_never();
        match read.expect("memory does not wait") {
            Ok(Some(_)) => probe::note("read", "Ok"),
            Ok(None) => return probe::note("read", "end"),
            Err(ReadError::Message(error)) => return probe::note("read", &name(&error)),
            Err(error) => return probe::note("read", &name(&error)),
        }
    }
}

/// Whatever is decoded is within the limits and is written as something that decodes to the same; only what its initiator
/// signed verifies, and nobody signed anything here.
fn decoded(bytes: &[u8]) {
    match decode(bytes, &LIMITS) {
        Ok(particle) => {
            probe::note("decode", "Ok");
            assert!(fits(&particle), "{particle:?}");
            assert_eq!(decode(&encode(&particle), &LIMITS).as_ref(), Ok(&particle));
            let verdict = particle.verify().expect_err("nobody signed this");
            probe::note("verify", &name(&verdict));
        }
        Err(error) => {
            assert!(error.to_string().len() < 500, "an error without end");
            probe::note("decode", &name(&error));
        }
    }
}

/// The name of an error's variant.
fn name(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    let end = text.find(|char: char| !char.is_ascii_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}
