//! The artifacts of this source tree. They are built by `./build.sh`; without them these tests fail and say so.

use std::path::PathBuf;

use marine_module_info_parser::{manifest, sdk_version};
use registry_packer::{bindings, checksums, module, Layout};

fn built(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is not built: run ./build.sh", path.display());
    path
}

#[test]
fn the_bindings_in_the_repository_are_those_of_the_module() {
    let layout = Layout::of_this_workspace();
    let interface = module::interface(&built(layout.registry_wasm())).unwrap();

    let expected = bindings::render(&interface).unwrap();
    if let Err(error) = bindings::check(&layout.bindings(), &expected) {
        panic!("{error:#}");
    }
}

#[test]
fn the_module_says_what_it_is() {
    let wasm = built(Layout::of_this_workspace().registry_wasm());

    let manifest = manifest::extract_from_path(&wasm).unwrap();
    assert_eq!(manifest.version.to_string(), env!("CARGO_PKG_VERSION"));
    assert_eq!(sdk_version::extract_from_path(&wasm).unwrap().to_string(), "0.14.0");
}

#[test]
fn no_path_of_the_building_machine_is_in_the_module() {
    let wasm = std::fs::read(built(Layout::of_this_workspace().registry_wasm())).unwrap();

    let root = Layout::of_this_workspace().root().canonicalize().unwrap();
    for private in [root.to_str().unwrap(), "/.cargo/", "/.rustup/"] {
        let found = wasm.windows(private.len()).any(|bytes| bytes == private.as_bytes());
        assert!(!found, "registry.wasm contains {private}");
    }
}

#[test]
fn the_checksums_are_those_of_the_files() {
    let layout = Layout::of_this_workspace();
    let recorded = std::fs::read_to_string(built(layout.checksums())).unwrap();

    for name in ["registry.wasm", "sqlite3.wasm"] {
        assert!(recorded.contains(&format!("  {name}\n")), "{name} is not in SHA256SUMS");
    }
    assert_eq!(checksums::sha256sums(&layout.artifacts()).unwrap(), recorded);
}
