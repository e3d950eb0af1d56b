//! The clients that users of the registry have: Fluence CLI and the JS client, as npm installs them.
//!
//! `./build.sh test` installs both; by hand it is `npm ci --prefix qa/clients/fluence-cli`, and the same for
//! `qa/clients/js-client`.

mod bounded;
mod document;
mod fluence_cli;
mod js_client;
mod package;

use std::path::{Path, PathBuf};

pub use bounded::{run, Background, Ended};
pub use document::{block, blocks};
pub use fluence_cli::{FluenceCli, Project};
pub use js_client::{application, example, js_folder, js_tests, node};
pub use package::pack;

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("this package lies two folders deep")
        .to_owned()
}

/// The folder of one of the clients, with its npm packages installed.
///
/// # Panics
///
/// Panics if they are not.
#[must_use]
pub fn installed(client: &str) -> PathBuf {
    let dir = root().join("qa/clients").join(client);
    assert!(
        dir.join("node_modules").is_dir(),
        "the npm packages of {client} are not installed: npm ci --prefix qa/clients/{client}"
    );
    dir
}

/// What gives Node.js before 22 the `Promise.withResolvers` that both clients call.
fn polyfill() -> PathBuf {
    root().join("qa/clients/promise-with-resolvers.mjs")
}
