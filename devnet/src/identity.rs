//! Key pairs from the network's seed or secret.

use fluence_keypair::{KeyFormat, KeyPair};
use sha2::{Digest, Sha256};

use crate::config::Secret;

/// The key pair of peer number `index`: a function of the seed alone.
pub(crate) fn key_pair(seed: u64, index: usize) -> KeyPair {
    let mut hash = Sha256::new();
    hash.update(b"devnet/peer/");
    hash.update(seed.to_le_bytes());
    hash.update((index as u64).to_le_bytes());
    from_digest(hash)
}

/// The key pair of peer number `index` in a network with a secret.
pub(crate) fn secret_key_pair(secret: &Secret, index: usize) -> KeyPair {
    let mut hash = Sha256::new();
    hash.update(b"devnet/secret/peer/");
    hash.update(secret.0);
    hash.update((index as u64).to_le_bytes());
    from_digest(hash)
}

fn from_digest(hash: Sha256) -> KeyPair {
    KeyPair::from_secret_key(hash.finalize().to_vec(), KeyFormat::Ed25519)
        .expect("any 32 bytes are an ed25519 secret key")
}

#[cfg(test)]
mod tests {
    use super::key_pair;

    #[test]
    fn keys_depend_on_seed_and_index_only() {
        let id = |seed, index| key_pair(seed, index).get_peer_id().to_base58();
        assert_eq!(id(1, 0), id(1, 0));
        assert_ne!(id(1, 0), id(1, 1));
        assert_ne!(id(1, 0), id(2, 0));
        assert!(id(1, 0).starts_with("12D3KooW"));
    }
}
