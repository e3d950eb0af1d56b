//! Kademlia distances as nox's peers compute them.

use sha2::{Digest, Sha256};

/// How many peers a neighbourhood has unless asked for fewer.
pub const REPLICATION_FACTOR: usize = 20;
/// The code of sha2-256, under which nox wraps a key's bytes unhashed.
const SHA2_256: u8 = 0x12;
/// The most bytes that nox's multihash holds.
pub const MULTIHASH_LEN_MAX: usize = 64;

/// A point of the key space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point([u8; 32]);

/// The XOR of two points; compares as a big-endian number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Distance([u8; 32]);

impl Distance {
    /// The bucket of a peer at this distance: how many bits the two points begin with in common.
    #[must_use]
    pub fn bucket(&self) -> u32 {
        let zeros = self.0.iter().position(|byte| *byte != 0);
        zeros.map_or(256, |at| at as u32 * 8 + self.0[at].leading_zeros())
    }
}

impl Point {
    /// Where these bytes lie: at their sha256.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    #[must_use]
    pub fn distance(&self, other: &Self) -> Distance {
        Distance(std::array::from_fn(|i| self.0[i] ^ other.0[i]))
    }

    /// The position as a fraction of the key space, in `0.0..1.0`: what a picture of the ring needs.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        let head = self.0[..8].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        head as f64 / 2f64.powi(64)
    }
}

/// The target of `kad.neighborhood` for a decoded key: the point of the multihash `0x12, len, bytes`, or of the bytes
/// themselves where they are a multihash already.
pub fn neighbourhood_target(key: &[u8], already_hashed: bool) -> Result<Point, String> {
    if already_hashed {
        let [_, len, digest @ ..] = key else {
            return Err("a multihash has at least 2 bytes: code and length".to_owned());
        };
        if usize::from(*len) != digest.len() {
            return Err(format!("the multihash announces {len} bytes but has {}", digest.len()));
        }
        check_len(digest)?;
        return Ok(Point::of(key));
    }
    check_len(key)?;
    let mut multihash = vec![SHA2_256, key.len() as u8];
    multihash.extend_from_slice(key);
    Ok(Point::of(&multihash))
}

/// Where a registry's resource lies: scripts look for it at the text of its id, at most 64 bytes.
pub fn resource_point(resource_id: &str) -> Result<Point, String> {
    neighbourhood_target(resource_id.as_bytes(), false)
}

/// The target of `kad.merge`, which hashes the bare bytes. For the order of [`neighbourhood_target`] the caller passes
/// the multihash bytes.
pub fn merge_target(target: &[u8]) -> Result<Point, String> {
    check_len(target)?;
    Ok(Point::of(target))
}

fn check_len(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() <= MULTIHASH_LEN_MAX {
        return Ok(());
    }
    Err(format!(
        "multihash of {} bytes: at most {MULTIHASH_LEN_MAX} are possible; hash the key first",
        bytes.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_the_sha256_of_code_length_and_bytes() {
        let by_hand = Point::of(b"\x12\x05hello");
        assert_eq!(neighbourhood_target(b"hello", false), Ok(by_hand));
        let digest: [u8; 32] = Sha256::digest(b"\x12\x05hello").into();
        assert_eq!(by_hand, Point(digest));
    }

    #[test]
    fn merge_with_multihash_bytes_has_the_same_target_as_neighbourhood() {
        let neighbourhood = neighbourhood_target(b"hello", false);
        assert_eq!(merge_target(b"\x12\x05hello"), neighbourhood);
        assert_ne!(merge_target(b"hello"), neighbourhood);
        assert_eq!(neighbourhood_target(b"\x12\x05hello", true), neighbourhood);
    }

    #[test]
    fn more_than_64_bytes_are_refused() {
        assert!(neighbourhood_target(&[1; 64], false).is_ok());
        let error = neighbourhood_target(&[1; 65], false).unwrap_err();
        assert!(error.contains("65") && error.contains("64"), "{error}");
        assert!(merge_target(&[1; 65]).is_err());
    }

    #[test]
    fn a_multihash_of_the_wrong_length_is_refused() {
        assert!(neighbourhood_target(b"\x12\x04hello", true).is_err());
        assert!(neighbourhood_target(b"\x12", true).is_err());
    }

    #[test]
    fn distance_is_symmetric_and_zero_only_to_oneself() {
        let (a, b) = (Point::of(b"a"), Point::of(b"b"));
        assert_eq!(a.distance(&b), b.distance(&a));
        assert_eq!(a.distance(&a), Distance([0; 32]));
        assert!(a.distance(&b) > a.distance(&a));
    }
}
