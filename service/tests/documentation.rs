//! The documentation is complete: what it leaves out, or says otherwise than the code, fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const API: &str = include_str!("../../docs/API.md");
const BINDINGS: &str = include_str!("../../aqua/registry-service.aqua");
const LIMITS: &str = include_str!("../src/domain/limits.rs");
/// What holds nothing that we wrote.
const FOREIGN: [&str; 5] = ["target", "target-wasm", "node_modules", "artifacts", ".git"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the service lies in the repository")
        .to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `name` stands in the text as code, with nothing but punctuation around it.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[test]
fn every_exported_function_is_in_the_api_reference_to_the_letter() {
    let functions: Vec<&str> = BINDINGS
        .lines()
        .filter(|line| line.starts_with("  ") && line.contains('(') && line.contains("->"))
        .map(str::trim)
        .collect();
    assert!(functions.len() > 40, "{} functions were found", functions.len());
    let missing: Vec<&&str> = functions.iter().filter(|function| !API.contains(**function)).collect();
    assert!(missing.is_empty(), "docs/API.md lacks: {missing:#?}");
}

#[test]
fn the_api_reference_names_no_function_and_no_data_type_that_is_gone() {
    let aqua = root().join("aqua");
    let mut sources = String::new();
    for entry in fs::read_dir(&aqua).expect("the Aqua files") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "aqua") {
            sources.push_str(&read(&path));
        }
    }
    let mut named = 0;
    let mut gone = Vec::new();
    for line in API.lines() {
        let signature = line
            .strip_prefix("| `")
            .and_then(|rest| rest.split('`').next())
            .unwrap_or(line);
        if signature.contains("(") && signature.contains(") -> ") && !signature.contains('<') {
            named += 1;
            // A function of the service to the letter, one in Aqua with its results.
            let in_aqua = format!("func {signature}:");
            if !BINDINGS.contains(&format!("  {signature}\n")) && !sources.contains(&in_aqua) {
                gone.push(signature);
            }
        }
        if let Some(name) = line.strip_prefix("data ").and_then(|rest| rest.split(':').next()) {
            named += 1;
            if !sources.contains(&format!("data {name}:\n")) {
                gone.push(name);
            }
        }
    }
    assert!(named > 80, "{named} names were found");
    assert!(gone.is_empty(), "docs/API.md names what is not there: {gone:#?}");
}

#[test]
fn every_data_type_is_in_the_api_reference_with_all_its_fields() {
    let mut missing = Vec::new();
    for item in BINDINGS.split("\ndata ").skip(1) {
        let (name, rest) = item.split_once(':').expect("a name");
        let fields: Vec<&str> = rest
            .lines()
            .skip(1)
            .take_while(|line| line.starts_with("  "))
            .filter_map(|line| line.trim().split(':').next())
            .collect();
        assert!(!fields.is_empty(), "{name}");
        // A table row for the type, or its declaration.
        let row = API
            .lines()
            .find(|line| line.starts_with("| `") && line.split('|').nth(1).is_some_and(|cell| names(cell, name)));
        let declared = API.split("data ").find(|part| part.starts_with(&format!("{name}:")));
        let declared = declared.map(|part| part.split("\n\n").next().unwrap_or(part));
        // Types that belong to another one stand in its row.
        let inline = API.lines().find(|line| line.contains(&format!("`{name}` is ")));
        let Some(text) = declared.or(row).or(inline) else {
            missing.push(name.to_owned());
            continue;
        };
        let is_result = fields.starts_with(&["success", "error"]);
        let described = fields.iter().skip(if is_result && declared.is_none() { 2 } else { 0 });
        missing.extend(
            described
                .filter(|field| !names(text, field))
                .map(|field| format!("{name}.{field}")),
        );
    }
    assert!(missing.is_empty(), "docs/API.md lacks: {missing:#?}");
}

/// `NAME` and value of each constant in `limits.rs`.
fn limits() -> BTreeMap<String, u64> {
    let mut limits = BTreeMap::new();
    for line in LIMITS.lines().filter_map(|line| line.strip_prefix("pub const ")) {
        let (name, rest) = line.split_once(':').expect("a type");
        let expression = rest.split_once('=').expect("a value").1.trim().trim_end_matches(';');
        let value = value(expression, &limits).unwrap_or_else(|| panic!("{name} = {expression}"));
        limits.insert(name.to_owned(), value);
    }
    limits
}

/// Of a sum of products of numbers and constants before it, shifted or not.
fn value(expression: &str, known: &BTreeMap<String, u64>) -> Option<u64> {
    if let Some((left, right)) = expression.split_once("<<") {
        return value(left, known)?.checked_shl(value(right, known)?.try_into().ok()?);
    }
    let factor = |text: &str| match text.trim() {
        "i64::MAX as u64" => Some(i64::MAX as u64),
        text => known.get(text).copied().or_else(|| text.replace('_', "").parse().ok()),
    };
    let mut sum = 0;
    for term in expression.split('+') {
        sum += term.split('*').map(factor).product::<Option<u64>>()?;
    }
    Some(sum)
}

#[test]
fn every_limit_is_in_the_api_reference_with_its_value() {
    let limits = limits();
    assert!(limits.len() > 40, "{} limits were found", limits.len());
    let mut wrong = Vec::new();
    for (name, value) in &limits {
        let row = API
            .lines()
            .find_map(|line| line.strip_prefix(&format!("| `{name}` | ")));
        let documented = row
            .and_then(|row| row.split_once(" |"))
            .map(|(value, _)| value.replace(',', ""));
        if documented.as_deref() != Some(value.to_string().as_str()) {
            wrong.push(format!("{name} is {value}, docs/API.md says {documented:?}"));
        }
    }
    for name in API
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0))
    {
        let is_limit = name.contains('_') && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let is_aqua = [
            "INITIAL_REPLICATION_FACTOR",
            "CONSISTENCY_LEVEL",
            "DEFAULT_TIMEOUT",
            "HEDGE_TIMEOUT",
            "ROUTING_TABLE_SIZE",
            "DIRECTORY_PAGES",
            "DIRECTORY_PAGE_LEN",
        ];
        if is_limit && !limits.contains_key(name) && !is_aqua.contains(&name) {
            wrong.push(format!("{name} is in docs/API.md but not in limits.rs"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The variants of every error enum, and the fixed parts of its text.
#[test]
fn every_error_is_in_the_api_reference_with_its_text() {
    let sources = ["src/domain/error.rs", "src/auth/error.rs", "src/store/error.rs"];
    let mut missing = Vec::new();
    let mut count = 0;
    for source in sources {
        let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(source));
        for item in text.split("#[error(").skip(1) {
            let (attribute, rest) = item.split_once(")]").expect("the end of an attribute");
            let name = rest
                .trim()
                .split(|c: char| !c.is_alphanumeric())
                .next()
                .expect("a variant");
            let row = API.lines().find(|line| line.starts_with(&format!("| `{name}` | ")));
            count += 1;
            let Some(row) = row else {
                missing.push(name.to_owned());
                continue;
            };
            for part in fixed_parts(attribute) {
                if !row.contains(&part) {
                    missing.push(format!("{name}: `{part}`"));
                }
            }
        }
    }
    assert!(count > 25, "{count} errors were found");
    assert!(missing.is_empty(), "docs/API.md lacks: {missing:#?}");
}

/// What stands between the placeholders of a format string.
fn fixed_parts(attribute: &str) -> Vec<String> {
    let Some((_, rest)) = attribute.split_once('"') else {
        return Vec::new();
    };
    // Neither placeholders nor other text hold a quotation mark.
    let format = rest.split('"').next().unwrap_or_default();
    let joined: Vec<&str> = format.split("\\\n").map(str::trim_start).collect();
    let mut parts = Vec::new();
    let mut rest = joined.concat();
    while let Some((part, tail)) = rest.split_once('{') {
        parts.push(part.to_owned());
        rest = tail
            .split_once('}')
            .map(|(_, tail)| tail.to_owned())
            .unwrap_or_default();
    }
    parts.push(rest);
    // Words, not the punctuation between two values.
    parts.retain(|part| part.chars().filter(|c| c.is_alphabetic()).count() > 8);
    parts.into_iter().map(|part| part.trim().to_owned()).collect()
}

#[test]
fn every_function_and_constant_of_the_aqua_package_is_in_the_api_reference() {
    let mut missing = Vec::new();
    for file in [
        "constants",
        "resources-api",
        "neighbourhood",
        "open-names",
        "leases",
        "alive",
        "directory",
        "pubsub",
        "registry-api",
        "replication",
        "scheduled",
        "spell",
    ] {
        let text = read(&root().join(format!("aqua/{file}.aqua")));
        let declared = text.lines().next().and_then(|header| header.split_once(" declares "));
        let declared = declared.unwrap_or_else(|| panic!("{file} declares nothing")).1;
        for line in text.lines() {
            if let Some((name, value)) = line.strip_prefix("const ").and_then(|line| line.split_once(" = ")) {
                if !API.contains(&format!("| `{name}` | {value} |")) {
                    missing.push(format!("{name} = {value}"));
                }
            }
            let Some(function) = line.strip_prefix("func ") else {
                continue;
            };
            let name = function.split('(').next().expect("a name");
            let signature = function.trim_end_matches(':');
            if declared.split(", ").any(|declared| declared == name) && !API.contains(&format!("`{signature}`")) {
                missing.push(signature.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "docs/API.md lacks: {missing:#?}");
}

fn markdown_files(dir: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    for entry in entries {
        let entry = entry.expect("a readable directory");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        let kind = entry.file_type().expect("a kind of file");
        if kind.is_dir() && !FOREIGN.contains(&name.as_str()) {
            markdown_files(&entry.path(), files);
        } else if kind.is_file() && name.ends_with(".md") {
            files.push(entry.path());
        }
    }
}

/// Without the blocks between lines of three backquotes.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The targets of `[text](target)`.
fn links(text: &str) -> Vec<String> {
    let after = prose(text);
    let targets = after.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets
        .map(|(target, _)| target.trim_matches(['<', '>']).to_owned())
        .collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for heading in prose(text).lines().filter(|line| line.starts_with('#')) {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor = kept.collect::<String>().replace(' ', "-");
        // The second of a name is `name-1`.
        let mut unique = anchor.clone();
        let mut number = 0;
        while !anchors.insert(unique) {
            number += 1;
            unique = format!("{anchor}-{number}");
        }
    }
    anchors
}

#[test]
fn no_link_between_pages_is_dead() {
    let mut files = Vec::new();
    markdown_files(&root(), &mut files);
    assert!(files.len() > 5, "{files:?}");
    let mut dead = Vec::new();
    for file in &files {
        let text = read(file);
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => file.clone(),
                path => file.parent().expect("a directory").join(path),
            };
            let name = || format!("{}: {link}", file.strip_prefix(root()).unwrap_or(file).display());
            let is_page = target.extension().is_some_and(|extension| extension == "md");
            let anchor_is_missing = || !anchor.is_empty() && is_page && !anchors(&read(&target)).contains(anchor);
            if !target.exists() || anchor_is_missing() {
                dead.push(name());
            }
        }
    }
    assert!(dead.is_empty(), "dead links: {dead:#?}");
}
