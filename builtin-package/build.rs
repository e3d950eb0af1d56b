//! In a checkout the embedded files are links to what the build makes: says so when they are not made yet.

use std::path::Path;
use std::process::exit;

const EMBEDDED: [&str; 3] = ["registry.wasm", "sqlite3.wasm", "registry-spell.air"];

fn main() {
    let dir = Path::new("registry-service");
    let mut missing = Vec::new();
    for name in EMBEDDED {
        let path = dir.join(name);
        println!("cargo:rerun-if-changed={}", path.display());
        if !path.is_file() {
            missing.push(name);
        }
    }
    if !missing.is_empty() {
        eprintln!(
            "registry-distro embeds {}, which {} not built yet: run ./build.sh in the repository first",
            missing.join(", "),
            if missing.len() == 1 { "is" } else { "are" },
        );
        exit(1);
    }
}
