//! JS client 0.9.0, in the Node.js that is on PATH.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::{installed, pack, polyfill, root, run, Ended};

const LIMIT: Duration = Duration::from_secs(900);

/// `node FILE` in a folder, with what the JS client needs before Node.js 22.
#[must_use]
pub fn node(folder: &Path, file: &str) -> Command {
    let mut node = Command::new("node");
    node.arg("--import").arg(polyfill()).arg(file);
    node.current_dir(folder).env("NO_COLOR", "1");
    node
}

/// Where the tests in JavaScript lie, beside the JS client's packages.
///
/// # Panics
///
/// Panics if these are not installed.
#[must_use]
pub fn js_folder() -> PathBuf {
    installed("js-client")
}

/// Runs a file of tests in a folder, with these variables in its environment.
#[must_use]
pub fn js_tests(folder: &Path, file: &str, variables: &[(&str, &str)]) -> Ended {
    let mut node = Command::new("node");
    node.arg("--import").arg(polyfill());
    node.args(["--test", "--test-force-exit", "--test-reporter", "spec", file]);
    node.current_dir(folder);
    node.envs(variables.iter().copied()).env("NO_COLOR", "1");
    run(&mut node, LIMIT)
}

/// The folder of an application that has installed the package, as it is packed, and what the package's README names.
///
/// # Panics
///
/// Panics if the JS client is not installed here, or nothing can be written.
#[must_use]
pub fn application() -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    let packages = dir.path().join("node_modules/@fluencelabs");
    let registry = packages.join("registry");
    std::fs::create_dir_all(&registry).expect("a folder that can be made");
    let installed = installed("js-client").join("node_modules/@fluencelabs");
    for package in [
        "aqua-api",
        "aqua-lib",
        "aqua-to-js",
        "avm",
        "js-client",
        "marine-js",
        "marine-worker",
    ] {
        link(&installed.join(package), &packages.join(package));
    }
    let mut unpack = Command::new("tar");
    unpack.arg("xzf").arg(pack(dir.path())).arg("-C").arg(&registry);
    run(unpack.arg("--strip-components=1"), LIMIT).success();
    dir
}

/// An example with what it depends on, as npm installs it.
///
/// # Panics
///
/// Panics as [`application`] does, and if there is no such example.
#[must_use]
pub fn example(name: &str) -> TempDir {
    let dir = application();
    let files = std::fs::read_dir(root().join("examples").join(name)).expect("an example");
    for file in files.map(|file| file.expect("a file")) {
        // Folders are what npm or Vite have made.
        if file.path().is_file() {
            std::fs::copy(file.path(), dir.path().join(file.file_name())).expect("a file that can be copied");
        }
    }
    dir
}

fn link(target: &Path, name: &Path) {
    std::os::unix::fs::symlink(target, name).expect("a link that can be made");
}
