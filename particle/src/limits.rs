//! How large the parts of a particle may be.

/// Bytes of a particle's id. Peers in use write at most 60.
pub const ID_LEN_MAX: usize = 256;

/// Bytes of a peer id in base58. An ed25519 key's has 52.
pub const PEER_ID_LEN_MAX: usize = 64;

/// Bytes of an ed25519 signature.
pub const SIGNATURE_LEN: usize = 64;

/// What a peer takes in. The rest of a particle has fixed limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the script.
    pub script_len_max: usize,
    /// Bytes of AquaVM's data.
    pub data_len_max: usize,
}

impl Default for Limits {
    /// A script of 1 MiB, data of 8 MiB: the scripts of the Registry have less than 16 KiB, and the data of a call on 20
    /// nodes has less than 128 KiB.
    fn default() -> Self {
        Self {
            script_len_max: 1 << 20,
            data_len_max: 8 << 20,
        }
    }
}

impl Limits {
    /// Bytes of a message with the largest parts. Data counts twice: some peers write each byte as an integer of two.
    #[must_use]
    pub fn message_len_max(&self) -> usize {
        const NAMES_AND_NUMBERS: usize = 256;
        let fixed = NAMES_AND_NUMBERS + ID_LEN_MAX + PEER_ID_LEN_MAX + 2 * SIGNATURE_LEN;
        let varying = self.data_len_max.saturating_mul(2);
        varying.saturating_add(self.script_len_max).saturating_add(fixed)
    }
}
