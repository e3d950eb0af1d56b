//! What other implementations write.

use std::sync::Arc;

use fluence_keypair::{KeyFormat, KeyPair};
use particle::{decode, encode, Limits, Particle};

/// Written by the JS client 0.9.0: signature and data are arrays of integers.
const JS_CLIENT: &str = "810488a6616374696f6ea85061727469636c65a26964a6766563746f72ac696e69745f706565725f6964d934313244334b6f6f574134586f70314a6154334d487877594d6b436570597376346950566f704d5877437a35694859644266655342a974696d657374616d70cf0000018bcfe56800a374746ccd1b58a6736372697074a6286e756c6c29a97369676e6174757265dc0040ccc3ccea04cceecceccca86ccc894630ccf5cc87cce90430ccddcc9dccc341ccc53558cc8a45cc86ccc20b1bcc8dcce1ccbcccb9262255cc9877630e454a13ccfbcc98ccee14cc9accca2acc967eccaaccfdcce1ccbdcc8d7c140a6d111dccac0da464617461930102ccff";

/// The same as bytes. What nodes write, but for the width of the time to live.
const AS_BIN: &str = "810488a6616374696f6ea85061727469636c65a26964a6766563746f72ac696e69745f706565725f6964d934313244334b6f6f574134586f70314a6154334d487877594d6b436570597376346950566f704d5877437a35694859644266655342a974696d657374616d70cf0000018bcfe56800a374746cce00001b58a6736372697074a6286e756c6c29a97369676e6174757265c440c3ea04eeeca86c894630f587e90430dd9dc341c535588a4586c20b1b8de1bcb92622559877630e454a13fb98ee149aca2a967eaafde1bd8d7c140a6d111dac0da464617461c4030102ff";

const SIGNED_BYTES: &str = "766563746f720068e5cf8b010000581b0000286e756c6c29";

fn signed() -> Particle {
    let secret: Vec<u8> = (0..32).collect();
    let key = KeyPair::from_secret_key(secret, KeyFormat::Ed25519).unwrap();
    let mut particle = Particle::signed(&key, "vector".into(), 1_700_000_000_000, 7_000, "(null)".into()).unwrap();
    particle.data = vec![1, 2, 255];
    particle
}

#[test]
fn the_signature_is_that_of_the_js_client() {
    let particle = signed();
    assert_eq!(hex::encode(particle.signed_bytes()), SIGNED_BYTES);
    assert_eq!(
        &*particle.init_peer_id,
        "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB"
    );
    let received = decode(&hex::decode(JS_CLIENT).unwrap(), &Limits::default()).unwrap();
    assert_eq!(received, particle);
    received.verify().unwrap();
}

#[test]
fn a_message_is_written_with_bytes_as_bin() {
    assert_eq!(hex::encode(encode(&signed())), AS_BIN);
    assert_eq!(decode(&hex::decode(AS_BIN).unwrap(), &Limits::default()), Ok(signed()));
}

#[test]
fn whatever_is_signed_cannot_be_changed() {
    let of_another = KeyPair::generate_ed25519().get_peer_id().to_base58();
    type Change = Box<dyn Fn(&mut Particle)>;
    let changes: [(&str, Change); 5] = [
        ("id", Box::new(|p| p.id = "vectos".into())),
        ("timestamp", Box::new(|p| p.timestamp += 1)),
        ("ttl", Box::new(|p| p.ttl += 1)),
        ("script", Box::new(|p| p.script = "(never)".into())),
        (
            "initiator",
            Box::new(move |p| p.init_peer_id = of_another.as_str().into()),
        ),
    ];
    for (what, change) in changes {
        let mut particle = signed();
        change(&mut particle);
        assert!(particle.verify().is_err(), "{what}");
    }
    let mut particle = signed();
    particle.data = Vec::new();
    particle.verify().expect("data is not signed: it changes on the way");
}

#[test]
fn only_the_peer_id_of_an_ed25519_key_is_an_initiator() {
    let rsa_or_any_hash = bs58::encode([&[0x12, 0x20][..], &[7; 32]].concat()).into_string();
    let secp256k1 = KeyPair::generate_secp256k1().get_peer_id().to_base58();
    // The protobuf of an ECDSA key, which some libraries read and others panic at.
    let ecdsa = bs58::encode([&[0x00, 0x24, 0x08, 0x03, 0x12, 0x20][..], &[7; 32]].concat()).into_string();
    let long = "1".repeat(100_000);
    for peer_id in ["", "x", "0OIl", &rsa_or_any_hash, &secp256k1, &ecdsa, &long] {
        let mut particle = signed();
        particle.init_peer_id = Arc::from(peer_id);
        let error = particle.verify().unwrap_err().to_string();
        assert!(error.contains("is not the peer id of an ed25519 key"), "{error}");
        assert!(error.len() < 400, "{} bytes of error", error.len());
    }
}

#[test]
fn a_particle_lives_until_its_ttl_has_passed() {
    let particle = signed();
    assert!(!particle.is_expired_at(1_700_000_007_000));
    assert!(particle.is_expired_at(1_700_000_007_001));
    let forever = Particle {
        timestamp: u64::MAX,
        ..particle
    };
    assert!(!forever.is_expired_at(u64::MAX));
}
