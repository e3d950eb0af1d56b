//! The artifacts of this source tree. They are built by `./build.sh`; without them these tests fail and say so.

use std::path::PathBuf;

use marine_module_info_parser::{manifest, sdk_version};
use registry_packer::bindings::{AQUA_DHT, REGISTRY};
use registry_packer::{checksums, module, Layout};

fn built(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is not built: run ./build.sh", path.display());
    path
}

/// What has bindings in the repository.
const MODULES: [&str; 2] = ["registry", "aqua-dht"];

#[test]
fn the_bindings_in_the_repository_are_those_of_the_modules() {
    let layout = Layout::of_this_workspace();
    for bindings in [REGISTRY, AQUA_DHT] {
        let interface = module::interface(&built(layout.wasm(bindings.module))).unwrap();

        let expected = bindings.render(&interface).unwrap();
        if let Err(error) = bindings.check(layout.root(), &expected) {
            panic!("{error:#}");
        }
    }
}

#[test]
fn a_module_says_what_it_is() {
    for module in MODULES {
        let wasm = built(Layout::of_this_workspace().wasm(module));

        let manifest = manifest::extract_from_path(&wasm).unwrap();
        assert_eq!(manifest.version.to_string(), env!("CARGO_PKG_VERSION"));
        assert_eq!(sdk_version::extract_from_path(&wasm).unwrap().to_string(), "0.14.0");
    }
}

#[test]
fn no_path_of_the_building_machine_is_in_a_module() {
    for module in MODULES {
        let wasm = std::fs::read(built(Layout::of_this_workspace().wasm(module))).unwrap();

        let root = Layout::of_this_workspace().root().canonicalize().unwrap();
        for private in [root.to_str().unwrap(), "/.cargo/", "/.rustup/"] {
            let found = wasm.windows(private.len()).any(|bytes| bytes == private.as_bytes());
            assert!(!found, "{module}.wasm contains {private}");
        }
    }
}

#[test]
fn the_checksums_are_those_of_the_files() {
    let layout = Layout::of_this_workspace();
    let recorded = std::fs::read_to_string(built(layout.checksums())).unwrap();

    for name in ["registry.wasm", "sqlite3.wasm", "aqua-dht.wasm", "aqua-dht-spell.air"] {
        assert!(recorded.contains(&format!("  {name}\n")), "{name} is not in SHA256SUMS");
    }
    assert_eq!(checksums::sha256sums(&layout.artifacts()).unwrap(), recorded);
}
