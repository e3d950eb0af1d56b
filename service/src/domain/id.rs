//! Ids: keys are 32 bytes of sha256, peers are public keys (or the hash of one).

use std::fmt;

use sha2::{Digest, Sha256};

use super::error::{quoted, Error};
use super::limits::{KEY_ID_LEN_MAX, LABEL_LEN_MAX, PEER_ID_LEN_MAX};

const MULTIHASH_IDENTITY: u8 = 0x00;
const MULTIHASH_SHA256: u8 = 0x12;
/// libp2p's protobuf around a public key: field 1, the key type; field 2, the key's bytes.
const PROTOBUF_ED25519: [u8; 4] = [0x08, 0x01, 0x12, 32];
const PROTOBUF_SECP256K1: [u8; 4] = [0x08, 0x02, 0x12, 33];

/// The id of a key, decoded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 32]);

impl KeyId {
    /// `sha256(label ‖ owner_peer_id)`, as everywhere in the field.
    pub fn of(label: &str, owner_peer_id: &str) -> Self {
        Self(
            Sha256::new()
                .chain_update(label)
                .chain_update(owner_peer_id)
                .finalize()
                .into(),
        )
    }

    /// # Errors
    /// [`Error::TooLong`] and [`Error::Malformed`] for anything but the base58 of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_len("key id", text.len(), KEY_ID_LEN_MAX)?;
        let mut bytes = [0; 32];
        let malformed = |why: String| Error::Malformed {
            what: "key id",
            value: quoted(text),
            why,
        };
        match bs58::decode(text).onto(&mut bytes) {
            Ok(32) => Ok(Self(bytes)),
            Ok(len) => Err(malformed(format!("{len} bytes instead of 32"))),
            Err(error) => Err(malformed(format!("not the base58 of 32 bytes: {error}"))),
        }
    }

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.0).into_string())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// What a peer id says about the peer's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerKey {
    Ed25519([u8; 32]),
    /// Compressed.
    Secp256k1([u8; 33]),
    /// An RSA key is too long for the id; this is the sha256 of its libp2p protobuf.
    RsaSha256([u8; 32]),
}

impl PeerKey {
    /// The id of the peer with this public key.
    pub(super) fn of_ed25519(public: &[u8; 32]) -> String {
        let protobuf = [PROTOBUF_ED25519.as_slice(), public].concat();
        let multihash = [&[MULTIHASH_IDENTITY, protobuf.len() as u8], protobuf.as_slice()].concat();
        bs58::encode(multihash).into_string()
    }

    /// # Errors
    /// [`Error::TooLong`] and [`Error::Malformed`]: only the three canonical base58 forms are peer ids here, so
    /// that one peer has one id.
    pub fn parse(what: &'static str, text: &str) -> Result<Self, Error> {
        check_len(what, text.len(), PEER_ID_LEN_MAX)?;
        let malformed = |why: String| Error::Malformed {
            what,
            value: quoted(text),
            why,
        };
        let mut buffer = [0; PEER_ID_LEN_MAX];
        let len = bs58::decode(text)
            .onto(&mut buffer)
            .map_err(|error| malformed(format!("not base58: {error}")))?;
        Self::from_multihash(&buffer[..len])
            .ok_or_else(|| malformed("not the multihash of an ed25519, secp256k1 or RSA key".into()))
    }

    fn from_multihash(bytes: &[u8]) -> Option<Self> {
        let (&[code, len], digest) = bytes.split_first_chunk()?;
        if digest.len() != usize::from(len) {
            return None;
        }
        match code {
            MULTIHASH_SHA256 => Some(Self::RsaSha256(digest.try_into().ok()?)),
            MULTIHASH_IDENTITY => match digest.split_first_chunk()? {
                (&PROTOBUF_ED25519, key) => Some(Self::Ed25519(key.try_into().ok()?)),
                (&PROTOBUF_SECP256K1, key) => Some(Self::Secp256k1(key.try_into().ok()?)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// An empty one is nearly always a mistake. `register_key` takes it, as the reference does: such keys are about.
///
/// # Errors
/// [`Error::EmptyLabel`], [`Error::TooLong`].
pub(crate) fn check_label(label: &str) -> Result<(), Error> {
    if label.is_empty() {
        return Err(Error::EmptyLabel);
    }
    check_len("label", label.len(), LABEL_LEN_MAX)
}

/// # Errors
/// [`Error::TooLong`].
pub(crate) fn check_len(what: &'static str, len: usize, max: usize) -> Result<(), Error> {
    if len > max {
        return Err(Error::TooLong { what, len, max });
    }
    Ok(())
}

/// # Errors
/// [`Error::TooMany`].
pub(crate) fn check_count(what: &'static str, count: usize, max: usize) -> Result<(), Error> {
    if count > max {
        return Err(Error::TooMany { what, count, max });
    }
    Ok(())
}
