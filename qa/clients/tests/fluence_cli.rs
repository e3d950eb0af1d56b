//! Fluence CLI with the package, and on the project that is here for it.

use std::path::Path;
use std::process::Command;

use registry_clients::{block, root, FluenceCli, Project};
use tempfile::TempDir;

#[test]
fn a_project_that_depends_on_the_package_compiles_to_javascript() {
    let cli = FluenceCli::new();
    let project = Project::new(&cli);
    let app = block("docs/INSTALL.md", "aqua", "func findProviders");
    project.write("src/aqua/main.aqua", &app);
    let compiled = project.run(&cli, &["aqua", "-i", "src/aqua", "-o", "out", "--js"]);
    compiled.success();
    let script = std::fs::read_to_string(project.path().join("out/main.js")).unwrap();
    assert!(script.contains("export function findProviders("), "{script}");
    let types = std::fs::read_to_string(project.path().join("out/main.d.ts")).unwrap();
    assert!(
        types.contains("export type FindProvidersParams = [resource_id: string,"),
        "{types}"
    );
}

/// What the repository has for Fluence CLI, with what its links lead to, at the same places.
fn copied() -> TempDir {
    let copy = TempDir::new().unwrap();
    std::fs::create_dir(copy.path().join("builtin-package")).unwrap();
    for folder in ["aqua", "builtin-package/fluence-cli"] {
        let to = copy.path().join(Path::new(folder).parent().unwrap());
        let copied = Command::new("cp").arg("-RP").arg(root().join(folder)).arg(to).status();
        assert!(copied.unwrap().success(), "{folder}");
    }
    copy
}

#[test]
fn the_spell_of_the_project_for_the_cli_builds() {
    let cli = FluenceCli::new();
    let copy = copied();
    let project = copy.path().join("builtin-package/fluence-cli");
    cli.run(&project, &["dep", "i", "@fluencelabs/aqua-lib@0.10.2"])
        .success();
    cli.run(&project, &["spell", "build"]).success();
}
