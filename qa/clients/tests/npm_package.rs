//! The npm package as others take it in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use registry_clients::{application, pack, root, run};
use serde_json::Value;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(120);

fn tool(name: &str) -> Command {
    Command::new(root().join("aqua/js/node_modules/.bin").join(name))
}

#[test]
fn publint_and_attw_are_content() {
    let aqua = root().join("aqua");
    run(tool("publint").arg(&aqua).arg("--strict"), LIMIT).success();
    let dir = TempDir::new().unwrap();
    let tarball = pack(dir.path());
    run(tool("attw").arg(tarball).args(["--profile", "esm-only"]), LIMIT).success();
}

/// Every path that `exports` has for a condition.
fn exported(value: &Value, paths: &mut BTreeSet<String>) {
    match value {
        Value::String(path) => {
            paths.insert(path.clone());
        }
        Value::Object(conditions) => conditions.values().for_each(|value| exported(value, paths)),
        _ => panic!("{value}"),
    }
}

#[test]
fn what_is_packed_holds_what_exports_names_and_no_sources() {
    let app = application();
    let registry = app.path().join("node_modules/@fluencelabs/registry");
    let manifest: Value = serde_json::from_slice(&std::fs::read(registry.join("package.json")).unwrap()).unwrap();
    let mut paths = BTreeSet::new();
    exported(&manifest["exports"], &mut paths);
    for path in &paths {
        let found = match path.strip_prefix("./*.") {
            Some(extension) => files(&registry)
                .iter()
                .any(|file| file.extension().is_some_and(|e| e == extension)),
            None => registry.join(path).is_file(),
        };
        assert!(found, "{path} is not packed");
    }
    assert!(!registry.join("js").exists());
}

#[test]
fn the_package_is_aqua_javascript_with_its_types_and_nothing_else() {
    let app = application();
    let registry = app.path().join("node_modules/@fluencelabs/registry");
    let names = |dir: &Path| -> BTreeSet<String> {
        let names = files(dir)
            .into_iter()
            .map(|file| file.file_name().unwrap().to_string_lossy().into_owned());
        names.collect()
    };
    let others: Vec<String> = names(&registry)
        .into_iter()
        .filter(|name| !name.ends_with(".aqua"))
        .collect();
    assert_eq!(others, ["LICENSE", "README.md", "dist", "package.json"]);
    let dist = names(&registry.join("dist"));
    let modules: Vec<&str> = dist.iter().filter_map(|name| name.strip_suffix(".js")).collect();
    assert!(
        modules.contains(&"index") && modules.contains(&"scripts"),
        "{modules:?}"
    );
    let expected = modules
        .iter()
        .flat_map(|module| [format!("{module}.js"), format!("{module}.d.ts")]);
    assert_eq!(dist, expected.collect::<BTreeSet<_>>());
}

fn files(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}
