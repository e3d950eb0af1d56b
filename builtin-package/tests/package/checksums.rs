use std::path::Path;

use registry_distro::{REGISTRY_SPELL, REGISTRY_WASM, SQLITE_WASM};
use sha2::{Digest, Sha256};

#[test]
fn what_is_embedded_is_what_the_build_made() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/SHA256SUMS");
    let sums = std::fs::read_to_string(path).unwrap();
    let embedded: [(&str, &[u8]); 3] = [
        ("registry.wasm", REGISTRY_WASM),
        ("sqlite3.wasm", SQLITE_WASM),
        ("registry-spell.air", REGISTRY_SPELL.as_bytes()),
    ];
    for (name, bytes) in embedded {
        let line = format!("{}  {name}", hex::encode(Sha256::digest(bytes)));
        assert!(sums.lines().any(|sum| sum == line), "{line} is not in\n{sums}");
    }
}
