//! Blocks of code as the documents have them.

use crate::root;

/// The blocks of a document that are in one language, without their fences.
///
/// # Panics
///
/// Panics if there is no such document.
#[must_use]
pub fn blocks(document: &str, language: &str) -> Vec<String> {
    let path = root().join(document);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let opening = format!("```{language}\n");
    text.split(&opening)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// The one block in this language that contains a text.
///
/// # Panics
///
/// Panics if there is none, or more than one.
#[must_use]
pub fn block(document: &str, language: &str, contains: &str) -> String {
    let mut found = blocks(document, language);
    found.retain(|block| block.contains(contains));
    assert_eq!(found.len(), 1, "{document}: blocks in {language} with `{contains}`");
    found.remove(0)
}
