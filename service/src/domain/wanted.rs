//! What a reader asks other nodes for, in one string.

use super::error::Error;
use super::id::PeerKey;
use super::known::KnownRecords;

/// No character of base64, nor of a peer id.
const ENTRY: char = '@';
/// Neither.
const MAY_BE_NEW: char = '?';

/// What of a key is asked for.
#[derive(Debug)]
pub enum Wanted<'t> {
    /// All records but those that the reader holds, and the tombstones.
    Records(KnownRecords),
    /// For a write: the key, and what stands for what the particle's initiator issued for a provider.
    Entry {
        provider: &'t str,
        /// The key need not be known: it comes with the write.
        may_be_new: bool,
    },
}

impl<'t> Wanted<'t> {
    /// The text for the second.
    pub fn entry(provider: &str, may_be_new: bool) -> String {
        let mut text = ENTRY.to_string();
        if may_be_new {
            text.push(MAY_BE_NEW);
        }
        text.push_str(provider);
        text
    }

    /// # Errors
    /// [`Error::TooLong`], [`Error::BadPacked`], [`Error::Malformed`].
    pub fn parse(text: &'t str) -> Result<Self, Error> {
        let Some(entry) = text.strip_prefix(ENTRY) else {
            return Ok(Self::Records(KnownRecords::parse(text)?));
        };
        let (provider, may_be_new) = match entry.strip_prefix(MAY_BE_NEW) {
            Some(provider) => (provider, true),
            None => (entry, false),
        };
        PeerKey::parse("peer id", provider)?;
        Ok(Self::Entry { provider, may_be_new })
    }
}
