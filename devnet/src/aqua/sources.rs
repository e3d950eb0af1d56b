//! Which files a compilation reads: what its cache key covers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::compiler::ImportPaths;

/// The file and all it imports, directly or not, as far as they are found; what is not found is the compiler's to
/// report.
pub(super) fn transitive(file: &Path, paths: &ImportPaths) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![file.to_owned()];
    while let Some(file) = open.pop() {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let dir = file.parent().unwrap_or(Path::new("")).to_owned();
        if found.insert(file) {
            open.extend(imports(&text).filter_map(|name| resolve(name, &dir, paths)));
        }
    }
    found
}

/// The names in `import "…"`, `use "…"` and `import … from "…"` lines.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.trim_start();
        if !line.starts_with("import") && !line.starts_with("use") {
            return None;
        }
        let (_, rest) = line.split_once('"')?;
        rest.split_once('"').map(|(name, _)| name)
    })
}

fn resolve(name: &str, dir: &Path, paths: &ImportPaths) -> Option<PathBuf> {
    let aliased = paths.aliases.iter().filter_map(|(prefix, dir)| {
        let rest = name.strip_prefix(prefix.as_str())?;
        Some(dir.join(rest.trim_start_matches('/')))
    });
    let candidates = std::iter::once(dir.join(name))
        .chain(aliased)
        .chain(paths.dirs.iter().map(|dir| dir.join(name)));
    let with_extension = |path: PathBuf| {
        let mut longer = path.clone().into_os_string();
        longer.push(".aqua");
        [path, longer.into()]
    };
    candidates.flat_map(with_extension).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_followed_to_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let main = write("main.aqua", "aqua M\nimport \"a.aqua\"\nuse \"lib/b.aqua\" as B\n");
        let a = write("a.aqua", "aqua A\nimport X from \"@scope/pkg/c\"\n");
        let b = write(
            "libs/lib/b.aqua",
            "aqua B\nimport \"main.aqua\"\nimport \"gone.aqua\"\n",
        );
        let c = write("pkg/c.aqua", "aqua C\n");
        let paths = ImportPaths {
            dirs: vec![dir.path().join("libs")],
            aliases: vec![("@scope/pkg".into(), dir.path().join("pkg"))],
        };
        assert_eq!(transitive(&main, &paths), BTreeSet::from([main, a, b, c]));
    }
}
