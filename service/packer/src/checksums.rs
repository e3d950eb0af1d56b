//! `SHA256SUMS`, in the format that `sha256sum -c` checks.

use std::path::Path;

use eyre::Context;
use sha2::{Digest, Sha256};

pub const FILE_NAME: &str = "SHA256SUMS";

/// What is released: modules and compiled scripts.
const EXTENSIONS: [&str; 2] = ["wasm", "air"];

/// One line for each module and script in `directory`, sorted by name, each with its path relative to it.
pub fn sha256sums(directory: &Path) -> eyre::Result<String> {
    let mut names = Vec::new();
    let entries = std::fs::read_dir(directory).with_context(|| format!("{} cannot be read", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        let released = path
            .extension()
            .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known));
        if let (true, Some(name)) = (released, path.file_name()) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();

    let mut lines = String::new();
    for name in names {
        let bytes = std::fs::read(directory.join(&name)).with_context(|| format!("{name} cannot be read"))?;
        lines.push_str(&format!("{}  {name}\n", hex::encode(Sha256::digest(bytes))));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_and_cover_modules_and_scripts_only() {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in [("b.wasm", "b"), ("a.air", "a"), (FILE_NAME, "old"), ("note", "n")] {
            std::fs::write(directory.path().join(name), content).unwrap();
        }

        assert_eq!(
            sha256sums(directory.path()).unwrap(),
            "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a.air\n\
             3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d  b.wasm\n"
        );
    }
}
