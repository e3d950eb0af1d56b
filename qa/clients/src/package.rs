//! The npm package as it is released.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{root, run};

/// Packs `aqua/` as `npm pack` does, into this folder. Returns the path of the tarball.
#[must_use]
pub fn pack(into: &Path) -> PathBuf {
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", "--pack-destination"]).arg(into);
    let packed = run(npm.current_dir(root().join("aqua")), Duration::from_secs(60));
    let name = packed.success().lines().last().expect("the tarball's name");
    into.join(name)
}
