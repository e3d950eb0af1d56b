//! Open names: resources that everybody can create, because everybody can derive their owner's key from the label.

use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

use super::data::Key;
use super::error::Error;
use super::id::{check_label, KeyId, PeerKey};
use super::signing;
use super::time::HostTimestamp;

/// The owner's ed25519 seed is the sha256 of this and the label.
const SEED_TAG: &str = "fluence-registry/open/1";

/// The key of an open name, signed. The same label and second give the same bytes on every node.
///
/// # Errors
/// [`Error::EmptyLabel`], [`Error::TooLong`].
pub fn open_key(label: &str, now: HostTimestamp) -> Result<Key, Error> {
    check_label(label)?;
    let owner = owner(label);
    let owner_peer_id = peer_id(&owner);
    let mut key = Key {
        id: KeyId::of(label, &owner_peer_id).to_string(),
        label: label.to_owned(),
        owner_peer_id,
        timestamp_created: now.as_sec(),
        ..Key::default()
    };
    key.signature = owner.sign(&signing::key_bytes(&key)).to_vec();
    Ok(key)
}

/// Whether this is the key of an open name.
pub fn is_open(key: &Key) -> bool {
    check_label(&key.label).is_ok() && peer_id(&owner(&key.label)) == key.owner_peer_id
}

fn owner(label: &str) -> SigningKey {
    let seed = Sha256::new().chain_update(SEED_TAG).chain_update(label).finalize();
    SigningKey::from_bytes(&seed.into())
}

fn peer_id(owner: &SigningKey) -> String {
    PeerKey::of_ed25519(owner.verifying_key().as_bytes())
}
