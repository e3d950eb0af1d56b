//! The SQLite module that the registry runs on.

use eyre::ensure;
use sha2::{Digest, Sha256};

/// SQLite 3.40.1 as a Marine module, version 0.18.2: the build that Fluence peers run.
pub const SQLITE_SHA256: &str = "0e51a456cfc929f5c1bb297c06de864150e668dc263982d93fce993093e9f832";

/// The module out of the crate fluence-spell-distro.
///
/// # Errors
/// When its bytes are not the ones that this project was tested with.
pub fn sqlite_wasm() -> eyre::Result<&'static [u8]> {
    verified(fluence_spell_distro::SQLITE_WASM)
}

fn verified(wasm: &[u8]) -> eyre::Result<&[u8]> {
    let actual = hex::encode(Sha256::digest(wasm));
    ensure!(
        actual == SQLITE_SHA256,
        "sqlite3.wasm of fluence-spell-distro {} has the sha256 {actual}, expected {SQLITE_SHA256}: \
         restore the version that Cargo.lock names, or test the new module and change SQLITE_SHA256",
        fluence_spell_distro::VERSION,
    );
    Ok(wasm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_crate_holds_the_expected_module() {
        assert!(sqlite_wasm().unwrap().starts_with(b"\0asm"));
    }

    #[test]
    fn any_other_module_is_refused_by_its_hash() {
        let mut tampered = fluence_spell_distro::SQLITE_WASM.to_vec();
        tampered[1000] ^= 1;

        let error = verified(&tampered).unwrap_err().to_string();
        assert!(error.contains(&hex::encode(Sha256::digest(&tampered))), "{error}");
    }
}
