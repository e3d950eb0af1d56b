//! Particles as Fluence peers send them to each other: the codec, the signature, the time to live.
//!
//! A particle is a script, the data that AquaVM has gathered so far, and the initiator's signature. It travels in one
//! frame: its length as an unsigned varint, a multicodec prefix, and MessagePack. Peers exchange frames on substreams of
//! the protocol [`PROTOCOL`]; most substreams carry one frame.
//!
//! ```
//! use fluence_keypair::KeyPair;
//! use particle::{decode, encode, Limits, Particle};
//!
//! let key = KeyPair::generate_ed25519();
//! let sent = Particle::signed(&key, "an id".into(), 1_700_000_000_000, 7_000, "(null)".into())?;
//!
//! let received = decode(&encode(&sent), &Limits::default())?;
//! received.verify()?;
//! assert!(!received.is_expired_at(1_700_000_007_000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here trusts what was received: every length is checked before memory is allocated for it, and no input
//! panics. [`decode`] does not verify the signature. Call [`Particle::verify`] before anything is done with a particle.

mod decode;
mod encode;
mod frame;
mod limits;
mod particle;

pub use decode::{decode, DecodeError};
pub use encode::encode;
pub use frame::{read_frame, read_particle, write_particle, ReadError};
pub use limits::{Limits, ID_LEN_MAX, PEER_ID_LEN_MAX, SIGNATURE_LEN};
pub use particle::{ed25519_key, Particle, SignatureError};

/// The name of the libp2p protocol.
pub const PROTOCOL: &str = "/fluence/particle/2.0.0";

/// Multicodec 0x0201, MessagePack, as an unsigned varint: how every message begins.
const PREFIX: [u8; 2] = [0x81, 0x04];

/// The message's kind. There is no other.
const ACTION: &str = "Particle";
