//! Signatures of every kind of peer that fluence-keypair knows.
//!
//! - ed25519: 64 bytes.
//! - secp256k1: DER with the lower of the two possible s, over the sha256 of the signed bytes. Checked with
//!   libsecp256k1 directly, because fluence-keypair 0.10.4 drops that library's verdict and accepts any well-formed
//!   signature.
//! - RSA: the peer id holds only a hash, so the public key travels with the signature, as an *envelope*:
//!   u32 LE length of the key, the key as PKCS#1 DER, then the PKCS#1 v1.5 signature with SHA-256.
//!   Moduli of 2048 to 4096 bits. fluence-keypair has no RSA on wasm32, so the `rsa` crate checks it, on
//!   every platform the same.

use fluence_keypair::{KeyFormat, PublicKey, Signature};
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::pkcs1v15;
use rsa::pkcs8::EncodePublicKey;
use rsa::signature::Verifier;
use rsa::traits::PublicKeyParts;
use rsa::RsaPublicKey;
use sha2::{Digest, Sha256};

use super::error::{quoted, Error};
use super::id::PeerKey;
use super::signing::SignedBytes;

const RSA_MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// A larger exponent only makes verification slow.
const RSA_EXPONENT_BITS_MAX: usize = 33;
const RSA_PROTOBUF_PREFIX: [u8; 3] = [0x08, 0x00, 0x12];

/// A peer's public key, ready to verify with.
#[derive(Clone)]
pub(super) enum Signer {
    Ed25519(PublicKey),
    Secp256k1(libsecp256k1::PublicKey),
    RsaSha256([u8; 32]),
}

impl Signer {
    /// # Errors
    /// [`Error::TooLong`] and [`Error::Malformed`].
    pub(super) fn parse(what: &'static str, peer_id: &str) -> Result<Self, Error> {
        let signer = match PeerKey::parse(what, peer_id)? {
            PeerKey::Ed25519(public) => {
                let mut prefixed = [u8::from(KeyFormat::Ed25519); 33];
                prefixed[1..].copy_from_slice(&public);
                PublicKey::decode(&prefixed).ok().map(Self::Ed25519)
            }
            PeerKey::Secp256k1(public) => libsecp256k1::PublicKey::parse_compressed(&public)
                .ok()
                .map(Self::Secp256k1),
            PeerKey::RsaSha256(digest) => Some(Self::RsaSha256(digest)),
        };
        signer.ok_or_else(|| Error::Malformed {
            what,
            value: quoted(peer_id),
            why: "its key is not a point of the curve".to_owned(),
        })
    }

    /// Checks that this peer signed `message`; what is wrong otherwise.
    pub(super) fn verify(&self, message: &SignedBytes, signature: &[u8]) -> Result<(), String> {
        match self {
            Self::Ed25519(public) => verify_ed25519(public, message, signature),
            Self::Secp256k1(public) => verify_secp256k1(public, message, signature),
            Self::RsaSha256(digest) => verify_rsa(digest, message, signature),
        }
    }
}

fn verify_ed25519(public: &PublicKey, message: &SignedBytes, signature: &[u8]) -> Result<(), String> {
    if signature.len() != 64 {
        return Err(format!("{} bytes, ed25519 has 64", signature.len()));
    }
    public
        .verify(message, &Signature::from_bytes(KeyFormat::Ed25519, signature.to_vec()))
        .map_err(|_| "it does not match the signed bytes".to_owned())
}

fn verify_secp256k1(public: &libsecp256k1::PublicKey, message: &SignedBytes, signature: &[u8]) -> Result<(), String> {
    let signature =
        libsecp256k1::Signature::parse_der(signature).map_err(|error| format!("not a DER signature: {error:?}"))?;
    // Anybody could make it of the first, without the key.
    if signature.s.is_high() {
        return Err("it is the second form of a signature: its s is above half of the curve's order".to_owned());
    }
    let hashed = libsecp256k1::Message::parse(&Sha256::digest(message).into());
    if libsecp256k1::verify(&hashed, &signature, public) {
        Ok(())
    } else {
        Err("it does not match the signed bytes".to_owned())
    }
}

fn verify_rsa(digest: &[u8; 32], message: &SignedBytes, envelope: &[u8]) -> Result<(), String> {
    let (der, signature) =
        split_envelope(envelope).ok_or("not an RSA envelope: u32 LE length, PKCS#1 key, signature")?;
    let public = RsaPublicKey::from_pkcs1_der(der).map_err(|_| "the key in the envelope is not PKCS#1 DER")?;
    if !RSA_MODULUS_BITS.contains(&public.n().bits()) || public.e().bits() > RSA_EXPONENT_BITS_MAX {
        return Err("the RSA modulus must have 2048 to 4096 bits, the exponent at most 33".to_owned());
    }
    if &rsa_peer_digest(&public)? != digest {
        return Err("the key in the envelope is not the peer's".to_owned());
    }
    let signature = pkcs1v15::Signature::try_from(signature).map_err(|_| "not an RSA signature")?;
    pkcs1v15::VerifyingKey::<Sha256>::new(public)
        .verify(message, &signature)
        .map_err(|_| "it does not match the signed bytes".to_owned())
}

fn split_envelope(envelope: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = envelope.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

/// The digest in the peer id of an RSA key: sha256 of libp2p's protobuf around its X.509 form.
fn rsa_peer_digest(public: &RsaPublicKey) -> Result<[u8; 32], String> {
    let x509 = public.to_public_key_der().map_err(|error| error.to_string())?;
    let mut protobuf = RSA_PROTOBUF_PREFIX.to_vec();
    push_varint(&mut protobuf, x509.as_bytes().len());
    protobuf.extend_from_slice(x509.as_bytes());
    Ok(Sha256::digest(&protobuf).into())
}

fn push_varint(buffer: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        buffer.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    buffer.push(value as u8);
}
