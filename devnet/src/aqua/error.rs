use std::path::{Path, PathBuf};

use super::AquaFunction;

/// How alike two names have to be, of 1, for one to be meant by the other.
const ALIKE_MIN: f64 = 0.8;
/// How many names an error shows.
const SHOWN_MAX: usize = 5;

/// Why there is no compiled file, or no such function in it.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("cannot read {}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} is a directory, not an Aqua file{}", dir.display(), beside(files))]
    Directory { dir: PathBuf, files: Vec<String> },
    #[error(
        "Aqua is compiled by Node, which does not start: {0}; install Node 18 or later, and see that `node` is on PATH"
    )]
    NoNode(std::io::Error),
    #[error("the Aqua compiler is not installed: run  npm ci --prefix {}", dir.display())]
    NoPackages { dir: PathBuf },
    #[error("the Aqua compiler broke down:\n{0}")]
    Broken(String),
    #[error("{} does not compile:\n{}", file.display(), errors.join("\n"))]
    Aqua { file: PathBuf, errors: Vec<String> },
    #[error("`{definition}` is no constant: write it like  NAME = value")]
    Constant { definition: String },
    #[error("{} knows no constant `{name}`{}", file.display(), choice(name, defined))]
    NoSuchConstant {
        file: PathBuf,
        name: String,
        defined: Vec<String>,
    },
    #[error("{} exports no function `{name}`{}", file.display(), exports(name, exported))]
    NoSuchFunction {
        file: PathBuf,
        name: String,
        exported: Vec<AquaFunction>,
    },
}

impl CompileError {
    pub(super) fn directory(dir: &Path) -> Self {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut files: Vec<_> = names.filter(|name| name.ends_with(".aqua")).collect();
        files.sort();
        let dir = dir.to_owned();
        Self::Directory { dir, files }
    }
}

fn beside(files: &[String]) -> String {
    match files {
        [] => String::new(),
        files => format!("; in it there are {}", first(files)),
    }
}

/// The names that may be meant, or what there is to choose from.
fn choice(name: &str, names: &[String]) -> String {
    let meant = alike(name, names.iter().map(String::as_str));
    match (meant.first(), names) {
        (Some(meant), _) => format!("; did you mean `{meant}`?"),
        (None, []) => "; there is none that could be overridden".to_owned(),
        (None, names) => format!("; there are {}", first(names)),
    }
}

fn exports(name: &str, functions: &[AquaFunction]) -> String {
    if functions.is_empty() {
        return "; it exports none: name them in an `export` line after the `aqua` header".to_owned();
    }
    let meant = alike(name, functions.iter().map(AquaFunction::name));
    if meant.is_empty() {
        let names: Vec<_> = functions.iter().map(|f| f.name().to_owned()).collect();
        return format!("; it exports {}", first(&names));
    }
    let is_meant = |function: &&AquaFunction| meant.contains(&function.name());
    let meant: Vec<_> = functions.iter().filter(is_meant).map(AquaFunction::signature).collect();
    format!("; did you mean\n  {}", meant.join("\n  "))
}

fn first(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The names that are most like this one, the most first.
fn alike<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let lower = name.to_lowercase();
    let score = |other: &'a str| (strsim::jaro_winkler(&lower, &other.to_lowercase()), other);
    let mut scored: Vec<_> = names.map(score).filter(|(score, _)| *score >= ALIKE_MIN).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().map(|(_, name)| name).take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_named_and_nothing_far_from_it() {
        let names = [
            "registerProvider",
            "registerNodeProvider",
            "resolveProviders",
            "getResource",
        ];
        let meant = |name| alike(name, names.into_iter());
        assert_eq!(meant("resolveProvider").first(), Some(&"resolveProviders"));
        assert_eq!(meant("registerprovider").first(), Some(&"registerProvider"));
        assert_eq!(meant("hello"), [] as [&str; 0]);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<_> = (0..80).map(|n| format!("f{n}")).collect();
        assert_eq!(first(&names), "f0, f1, f2, f3, f4 and 75 more");
        assert_eq!(first(&names[..1]), "f0");
    }
}
