//! Writing files so that nobody ever sees half of one, and so that an unchanged file keeps its modification time.

use std::path::Path;

use eyre::{Context, ContextCompat};

/// Writes `bytes` to `path`, creating its directory. Returns whether anything changed: with the same bytes already
/// there the file is not touched, so that nothing which depends on it is built again.
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> eyre::Result<bool> {
    if std::fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(false);
    }
    let directory = path
        .parent()
        .with_context(|| format!("{} names no file", path.display()))?;
    write_atomically(directory, path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(true)
}

fn write_atomically(directory: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    std::fs::write(&unfinished, bytes)?;
    std::fs::rename(unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_bytes_leave_the_file_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/er/file");

        assert!(write_if_changed(&path, b"one").unwrap());
        assert!(!write_if_changed(&path, b"one").unwrap());
        assert!(write_if_changed(&path, b"two").unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named_in_the_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, b"").unwrap();

        let error = write_if_changed(&file.join("below"), b"x").unwrap_err();
        assert!(error.to_string().contains("below cannot be written"), "{error}");
    }
}
