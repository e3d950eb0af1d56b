//! Bytes that are no particle.

use futures_util::io::Cursor;
use futures_util::FutureExt;
use particle::{decode, encode, read_particle, write_particle, DecodeError, Limits, Particle, ReadError};
use proptest::prelude::*;

const SMALL: Limits = Limits {
    script_len_max: 64,
    data_len_max: 64,
};

fn particle() -> impl Strategy<Value = Particle> {
    let bytes = |max| proptest::collection::vec(any::<u8>(), 0..=max);
    (
        ".{0,16}",
        "[1-9A-Z]{0,52}",
        any::<u64>(),
        any::<u32>(),
        ".{0,16}",
        bytes(64),
        bytes(64),
    )
        .prop_map(|(id, init_peer_id, timestamp, ttl, script, signature, data)| Particle {
            id: id.into(),
            init_peer_id: init_peer_id.into(),
            timestamp,
            ttl,
            script: script.into(),
            signature: signature.into(),
            data,
        })
}

fn read(bytes: &[u8]) -> Result<Option<Particle>, ReadError> {
    let mut stream = Cursor::new(bytes);
    read_particle(&mut stream, &SMALL)
        .now_or_never()
        .expect("memory does not wait")
}

fn framed(particle: &Particle) -> Vec<u8> {
    let mut stream = Cursor::new(Vec::new());
    let written = write_particle(&mut stream, particle).now_or_never();
    written.expect("memory does not wait").unwrap();
    stream.into_inner()
}

/// The message with each byte of signature and data as an integer of its own, as the JS client writes it, and with its
/// fields the other way round.
fn backwards_in_arrays(particle: &Particle) -> Vec<u8> {
    use rmp::encode::{write_array_len, write_map_len, write_str, write_uint};
    let mut out = vec![0x81, 0x04];
    let array = |out: &mut Vec<u8>, bytes: &[u8]| {
        write_array_len(out, bytes.len() as u32).unwrap();
        for byte in bytes {
            write_uint(out, u64::from(*byte)).unwrap();
        }
    };
    write_map_len(&mut out, 8).unwrap();
    write_str(&mut out, "data").unwrap();
    array(&mut out, &particle.data);
    write_str(&mut out, "signature").unwrap();
    array(&mut out, &particle.signature);
    for (name, value) in [
        ("script", &particle.script),
        ("init_peer_id", &particle.init_peer_id),
        ("id", &particle.id),
    ] {
        write_str(&mut out, name).unwrap();
        write_str(&mut out, value).unwrap();
    }
    for (name, value) in [("ttl", u64::from(particle.ttl)), ("timestamp", particle.timestamp)] {
        write_str(&mut out, name).unwrap();
        write_uint(&mut out, value).unwrap();
    }
    write_str(&mut out, "action").unwrap();
    write_str(&mut out, "Particle").unwrap();
    out
}

proptest! {
    #[test]
    fn what_is_written_is_read(particle in particle()) {
        prop_assert_eq!(decode(&encode(&particle), &SMALL), Ok(particle.clone()));
        prop_assert_eq!(decode(&backwards_in_arrays(&particle), &SMALL), Ok(particle.clone()));
        prop_assert_eq!(read(&framed(&particle)).unwrap(), Some(particle));
    }

    #[test]
    fn a_message_cut_off_anywhere_is_refused(particle in particle(), at in any::<prop::sample::Index>()) {
        let message = encode(&particle);
        prop_assert!(decode(&message[..at.index(message.len())], &SMALL).is_err());
        let frame = framed(&particle);
        let at = at.index(frame.len());
        let outcome = read(&frame[..at]);
        prop_assert!(matches!((at, outcome), (0, Ok(None)) | (_, Err(ReadError::CutOff))));
    }

    #[test]
    fn a_changed_message_is_refused_or_another_particle(
        particle in particle(),
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        let mut message = encode(&particle);
        let at = at.index(message.len());
        message[at] = to;
        if let Ok(read) = decode(&message, &SMALL) {
            prop_assert!(read.script.len() <= 64 && read.data.len() <= 64 && read.signature.len() <= 64);
            prop_assert_eq!(decode(&encode(&read), &SMALL), Ok(read));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = decode(&bytes, &SMALL);
        let _ = read(&bytes);
        let _ = decode(&[&[0x81, 0x04, 0x88][..], &bytes].concat(), &SMALL);
    }
}

fn plain() -> Particle {
    Particle {
        id: "id".into(),
        init_peer_id: "peer".into(),
        timestamp: 1,
        ttl: 2,
        script: "(null)".into(),
        signature: [3; 64].into(),
        data: vec![4; 64],
    }
}

#[test]
fn every_part_has_a_limit_that_is_checked_before_it_is_read() {
    let long = |change: fn(&mut Particle)| {
        let mut particle = plain();
        change(&mut particle);
        [
            decode(&encode(&particle), &SMALL).unwrap_err(),
            decode(&backwards_in_arrays(&particle), &SMALL).unwrap_err(),
        ]
    };
    let cases: [(&str, usize, [DecodeError; 2]); 5] = [
        ("id", 256, long(|p| p.id = "x".repeat(257).into())),
        ("init_peer_id", 64, long(|p| p.init_peer_id = "x".repeat(65).into())),
        ("script", 64, long(|p| p.script = "x".repeat(65).into())),
        ("signature", 64, long(|p| p.signature = [0; 65].into())),
        ("data", 64, long(|p| p.data = vec![0; 65])),
    ];
    for (field, max, errors) in cases {
        for error in errors {
            let len = max + 1;
            assert_eq!(error, DecodeError::TooLong { field, len, max });
        }
    }
}

#[test]
fn the_largest_particle_fits_into_the_largest_message() {
    let largest = Particle {
        id: "x".repeat(256).into(),
        init_peer_id: "x".repeat(64).into(),
        timestamp: u64::MAX,
        ttl: u32::MAX,
        script: "x".repeat(64).into(),
        signature: [255; 64].into(),
        data: vec![255; 64],
    };
    assert_eq!(decode(&backwards_in_arrays(&largest), &SMALL), Ok(largest));
}

#[test]
fn a_length_beyond_the_limit_is_refused_without_its_bytes() {
    let max = SMALL.message_len_max();
    let huge = read(&[0xff, 0xff, 0xff, 0xff, 0x1f]).unwrap_err();
    assert!(
        matches!(huge, ReadError::Message(DecodeError::MessageTooLong { len: 0x1_ffff_ffff, max: at }) if at == max),
        "{huge}"
    );
    for no_length in [&[0xff; 6][..], &[0x80, 0x00], &[0xff, 0xff, 0xff, 0xff, 0x00]] {
        assert!(matches!(read(no_length), Err(ReadError::Length)), "{no_length:?}");
    }
}

#[test]
fn only_a_map_of_the_eight_fields_is_a_particle() {
    let message = encode(&plain());
    let replaced = |from: &str, to: &str| {
        let at = message
            .windows(from.len())
            .position(|part| part == from.as_bytes())
            .unwrap();
        let mut message = message.clone();
        message[at..at + from.len()].copy_from_slice(to.as_bytes());
        decode(&message, &SMALL)
    };
    assert_eq!(
        replaced("Particle", "particle"),
        Err(DecodeError::UnknownAction("particle".into()))
    );
    assert_eq!(
        replaced("script", "skript"),
        Err(DecodeError::UnknownField("skript".into()))
    );
    let trailing = [&message[..], &[0]].concat();
    assert_eq!(decode(&trailing, &SMALL), Err(DecodeError::Trailing(1)));
    assert_eq!(decode(&message[1..], &SMALL), Err(DecodeError::Prefix));
    let mut of_nine = message.clone();
    of_nine[2] = 0x89;
    assert_eq!(decode(&of_nine, &SMALL), Err(DecodeError::NotAMap));

    let mut twice = Vec::from([0x81, 0x04, 0x88]);
    for _ in 0..2 {
        rmp::encode::write_str(&mut twice, "id").unwrap();
        rmp::encode::write_str(&mut twice, "x").unwrap();
    }
    assert_eq!(decode(&twice, &SMALL), Err(DecodeError::Repeated("id")));
}

#[test]
fn several_particles_follow_each_other_on_a_stream() {
    let first = plain();
    let second = Particle { ttl: 7, ..plain() };
    let bytes = [framed(&first), framed(&second)].concat();
    let mut stream = Cursor::new(&bytes[..]);
    let mut next = || read_particle(&mut stream, &SMALL).now_or_never().unwrap().unwrap();
    assert_eq!(next(), Some(first));
    assert_eq!(next(), Some(second));
    assert_eq!(next(), None);
}
