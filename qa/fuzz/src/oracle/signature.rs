//! Peer ids and signatures: ring for ed25519 and RSA, k256 for secp256k1.

use k256::ecdsa::signature::Verifier;
use k256::ecdsa::{Signature, VerifyingKey};
use ring::signature::{UnparsedPublicKey, ED25519, RSA_PKCS1_2048_8192_SHA256};

use super::{sha256, unbase58, Verdict};

/// Longest text of a peer id.
const PEER_ID_LEN_MAX: usize = 64;

/// What a peer id holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerKey {
    Ed25519(Vec<u8>),
    Secp256k1(Vec<u8>),
    /// The sha256 of the key.
    Rsa(Vec<u8>),
}

/// # Errors
/// Why it is none.
pub fn peer_key(id: &str) -> Result<PeerKey, String> {
    let none = || format!("`{id:.80}` is no peer id");
    if id.len() > PEER_ID_LEN_MAX {
        return Err(none());
    }
    let bytes = unbase58(id).ok_or_else(none)?;
    match bytes.as_slice() {
        [0x00, 36, 8, 1, 0x12, 32, key @ ..] if key.len() == 32 => Ok(PeerKey::Ed25519(key.to_vec())),
        [0x00, 37, 8, 2, 0x12, 33, key @ ..] if key.len() == 33 => Ok(PeerKey::Secp256k1(key.to_vec())),
        [0x12, 32, digest @ ..] if digest.len() == 32 => Ok(PeerKey::Rsa(digest.to_vec())),
        _ => Err(none()),
    }
}

/// # Errors
/// Why the signature is not that peer's over these bytes.
pub fn verify(key: &PeerKey, message: &[u8; 32], signature: &[u8]) -> Verdict {
    match key {
        PeerKey::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key)
            .verify(message, signature)
            .map_err(|_| "the ed25519 signature is wrong".to_owned()),
        PeerKey::Secp256k1(key) => verify_secp256k1(key, message, signature),
        PeerKey::Rsa(digest) => verify_rsa(digest, message, signature),
    }
}

/// DER, over the sha256 of the message.
fn verify_secp256k1(key: &[u8], message: &[u8], signature: &[u8]) -> Verdict {
    let key = VerifyingKey::from_sec1_bytes(key).map_err(|error| format!("no point of secp256k1: {error}"))?;
    let signature = Signature::from_der(signature).map_err(|error| format!("no DER: {error}"))?;
    key.verify(message, &signature)
        .map_err(|error| format!("the secp256k1 signature is wrong: {error}"))
}

/// An envelope: u32 LE length of the key, the key as PKCS#1, the signature.
fn verify_rsa(digest: &[u8], message: &[u8], envelope: &[u8]) -> Verdict {
    let too_short = || "the envelope is too short".to_owned();
    let (len, rest) = envelope.split_at_checked(4).ok_or_else(too_short)?;
    let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]) as usize;
    let (pkcs1, signature) = rest.split_at_checked(len).ok_or_else(too_short)?;
    if sha256(&libp2p_key(pkcs1)) != digest {
        return Err("the key is not the peer's".to_owned());
    }
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pkcs1)
        .verify(message, signature)
        .map_err(|_| "the RSA signature is wrong".to_owned())
}

/// libp2p's protobuf around the X.509 form of a PKCS#1 key.
fn libp2p_key(pkcs1: &[u8]) -> Vec<u8> {
    const RSA_ENCRYPTION: [u8; 15] = [
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    let bits = der(0x03, &[&[0], pkcs1].concat());
    let x509 = der(0x30, &[&RSA_ENCRYPTION[..], &bits].concat());
    let mut protobuf = vec![0x08, 0x00, 0x12];
    let mut len = x509.len();
    while len >= 0x80 {
        protobuf.push(len as u8 | 0x80);
        len >>= 7;
    }
    protobuf.push(len as u8);
    protobuf.extend(x509);
    protobuf
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let mut out = vec![tag];
    if len < 0x80 {
        out.push(len as u8);
    } else {
        let bytes = len.to_be_bytes();
        let significant = &bytes[bytes.iter().take_while(|&&byte| byte == 0).count()..];
        out.push(0x80 | significant.len() as u8);
        out.extend(significant);
    }
    out.extend(content);
    out
}
