//! Constants that a compilation overrides. The compiler takes any name, and only `NAME = value` with the spaces.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::CompileError;

/// A definition as the compiler wants it.
pub(super) fn with_spaces(definition: &str) -> String {
    match definition.split_once('=') {
        Some((name, value)) => format!("{} = {}", name.trim(), value.trim()),
        None => definition.to_owned(),
    }
}

/// That every overridden constant is defined in one of the files.
pub(super) fn check(definitions: &[String], file: &Path, sources: &BTreeSet<PathBuf>) -> Result<(), CompileError> {
    if definitions.is_empty() {
        return Ok(());
    }
    let texts = sources.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    let defined: BTreeSet<String> = texts.flat_map(|text| names(&text)).collect();
    for definition in definitions {
        let name = definition.split_once(" = ").filter(|(name, _)| !name.is_empty());
        let (name, _) = name.ok_or_else(|| CompileError::Constant {
            definition: definition.clone(),
        })?;
        if !defined.contains(name) {
            return Err(CompileError::NoSuchConstant {
                file: file.to_owned(),
                name: name.to_owned(),
                defined: defined.into_iter().collect(),
            });
        }
    }
    Ok(())
}

/// The names in `const NAME = …` and `const NAME ?= …` lines.
fn names(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let (name, _) = line.trim_start().strip_prefix("const ")?.split_once('=')?;
        Some(name.trim_end_matches('?').trim().to_owned())
    };
    text.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_get_their_spaces() {
        assert_eq!(with_spaces("A=1"), "A = 1");
        assert_eq!(with_spaces(" A =\"x=y\""), "A = \"x=y\"");
        assert_eq!(with_spaces("A"), "A");
    }

    #[test]
    fn constants_are_found_in_aqua() {
        let text = "aqua X\n-- const NO = 1\nconst A = 1\n  const B ?= \"x = y\"\nfunc const() -> u8:\n";
        assert_eq!(names(text), ["A", "B"]);
    }
}
