//! The packaged crate, away from the repository: a peer that asks for it as INSTALL.md says.

use std::fs;
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;
use tar::Archive;

const VERSION: &str = env!("CARGO_PKG_VERSION");

const PEER: &str = r#"
fn main() {
    let config = registry_distro::RegistryConfig {
        expired_interval: 86_400,
        renew_interval: 43_200,
        replicate_interval: 3_600,
    };
    let spell = registry_distro::registry_spell(config);
    let modules = registry_distro::modules();
    println!(
        "{} {} {} {} {} {}",
        registry_distro::VERSION,
        modules["registry"].len(),
        modules["sqlite3"].len(),
        registry_distro::CONFIG.len(),
        spell.air.len(),
        spell.init_data["config"]["expired_timeout_sec"],
    );
}
"#;

const EXPIRED_TIMEOUT: &str = "REGISTRY_EXPIRED_TIMEOUT_SEC";

fn cargo(dir: &Path, target_dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(dir).args(args).arg("--offline");
    // Neither flags nor profiles of this build.
    command.env("CARGO_TARGET_DIR", target_dir).env_remove("RUSTFLAGS");
    let output = command.output().expect("cargo starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {error}", args.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_packaged_crate_needs_nothing_of_the_repository() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("target");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = ["package", "--quiet", "--locked", "--allow-dirty", "--no-verify"];
    cargo(here, &target, &package);
    let packed = fs::File::open(target.join(format!("package/registry-distro-{VERSION}.crate"))).unwrap();
    Archive::new(GzDecoder::new(packed)).unpack(dir.path()).unwrap();

    let peer = dir.path().join("peer");
    fs::create_dir_all(peer.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"peer\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
         [dependencies]\nregistry-distro = \"={VERSION}\"\n\n\
         [patch.crates-io]\nregistry-distro = {{ path = \"../registry-distro-{VERSION}\" }}\n"
    );
    fs::write(peer.join("Cargo.toml"), manifest).unwrap();
    fs::write(peer.join("src/main.rs"), PEER).unwrap();
    cargo(&peer, &target, &["build", "--quiet"]);
    let started = |timeout: &str| {
        let mut command = Command::new(target.join("debug/peer"));
        command.env(EXPIRED_TIMEOUT, timeout).output().expect("the peer starts")
    };
    let printed = started("3600");
    let expected = format!(
        "{VERSION} {} {} {} {} [3600]\n",
        registry_distro::REGISTRY_WASM.len(),
        registry_distro::SQLITE_WASM.len(),
        registry_distro::CONFIG.len(),
        registry_distro::REGISTRY_SPELL.len(),
    );
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), expected);

    let refused = started("1h");
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains(&format!("{EXPIRED_TIMEOUT} is `1h`")), "{said}");
}
