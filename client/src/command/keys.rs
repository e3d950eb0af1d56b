//! The keys of this user: files of one line, the secret in base64, as Fluence CLI writes them.

use std::io::Write;
use std::path::{Path, PathBuf};

use base64::prelude::{Engine, BASE64_STANDARD};
use registry_client::KeyPair;

use crate::failure::{Failure, Outcome};
use crate::output;

/// The key that is used unless another is named. Made when it is needed first.
pub(crate) const DEFAULT: &str = "default";
const SECRET_LEN: usize = 32;
/// A key file is one line.
const FILE_LEN_MAX: u64 = 4_096;

pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) pair: KeyPair,
}

impl Key {
    pub(crate) fn peer_id(&self) -> String {
        self.pair.get_peer_id().to_base58()
    }
}

/// Where this user's settings are: `REGISTRY_CONFIG_DIR`, else `$XDG_CONFIG_HOME/registry`, else `~/.config/registry`.
pub(crate) fn config_dir() -> Outcome<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("REGISTRY_CONFIG_DIR")
        .or_else(|| set("XDG_CONFIG_HOME").map(|dir| dir.join("registry")))
        .or_else(|| set("HOME").map(|home| home.join(".config/registry")))
        .ok_or_else(|| Failure::usage("there is no place for keys: set HOME or REGISTRY_CONFIG_DIR"))
}

fn keys_dir() -> Outcome<PathBuf> {
    Ok(config_dir()?.join("keys"))
}

/// Where Fluence CLI keeps the user's secrets.
fn fluence_dir() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let user = set("FLUENCE_USER_DIR").or_else(|| set("HOME").map(|home| home.join(".fluence")));
    user.map(|dir| dir.join("secrets"))
}

/// The key of this name, or in this file. Without a name it is the default one, made if it is not there.
pub(crate) fn find(name: Option<&str>) -> Outcome<Key> {
    let Some(name) = name else {
        let file = keys_dir()?.join(format!("{DEFAULT}.key"));
        if !file.exists() {
            let key = create(DEFAULT)?;
            output::note(&format!("made the key `{DEFAULT}`, peer id {}", key.peer_id()));
            return Ok(key);
        }
        return read(DEFAULT, &file);
    };
    let is_name = is_name(name);
    let places = [
        is_name
            .then(|| keys_dir().map(|dir| dir.join(format!("{name}.key"))))
            .transpose()?,
        fluence_dir()
            .filter(|_| is_name)
            .map(|dir| dir.join(format!("{name}.txt"))),
        Some(PathBuf::from(name)),
    ];
    match places.into_iter().flatten().find(|file| file.is_file()) {
        Some(file) => read(name, &file),
        None => Err(
            Failure::not_found(format!("there is no key `{name}`, and no file of that name"))
                .hint(format!("registry key new {name}")),
        ),
    }
}

/// All keys with names, this command's first.
pub(crate) fn list() -> Outcome<Vec<Key>> {
    let mut keys = Vec::new();
    for (dir, extension) in [(Some(keys_dir()?), "key"), (fluence_dir(), "txt")] {
        let Some(entries) = dir.and_then(|dir| std::fs::read_dir(dir).ok()) else {
            continue;
        };
        let files = entries.flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> = files
            .filter(|file| file.extension().is_some_and(|e| e == extension))
            .collect();
        files.sort();
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match read(&name, &file) {
                Ok(key) => keys.push(key),
                Err(failure) => failure.print(false),
            }
        }
    }
    Ok(keys)
}

/// Makes a key, which nobody but this user can read. One of this name that is there stays.
pub(crate) fn create(name: &str) -> Outcome<Key> {
    if !is_name(name) {
        return Err(Failure::usage(format!(
            "`{name}` is no name of a key: take letters, digits, - and _"
        )));
    }
    let dir = keys_dir()?;
    std::fs::create_dir_all(&dir).map_err(|e| Failure::failed(format!("cannot make {}: {e}", dir.display())))?;
    let file = dir.join(format!("{name}.key"));
    let pair = KeyPair::generate_ed25519();
    let secret = pair.secret().map_err(Failure::failed)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(&file)
        .and_then(|mut to| writeln!(to, "{}", BASE64_STANDARD.encode(secret)));
    match written {
        Ok(()) => Ok(Key {
            name: name.to_owned(),
            file,
            pair,
        }),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(Failure::usage(format!(
            "the key `{name}` exists already: {}",
            file.display()
        ))),
        Err(e) => Err(Failure::failed(format!("cannot write {}: {e}", file.display()))),
    }
}

/// The secret of a key, in base64.
pub(crate) fn secret(key: &Key) -> Outcome<String> {
    let secret = key.pair.secret().map_err(Failure::failed)?;
    Ok(BASE64_STANDARD.encode(secret))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// No error says what is in the file.
fn read(name: &str, file: &Path) -> Outcome<Key> {
    let unreadable =
        |reason: &dyn std::fmt::Display| Failure::usage(format!("the key file {}: {reason}", file.display()));
    let metadata = std::fs::metadata(file).map_err(|e| unreadable(&e))?;
    if metadata.len() > FILE_LEN_MAX {
        return Err(unreadable(&"it is no key: a key is one line of base64"));
    }
    warn_if_others_read(file, &metadata);
    let text = std::fs::read_to_string(file).map_err(|e| unreadable(&e))?;
    let bytes = BASE64_STANDARD.decode(text.trim());
    let bytes = bytes.map_err(|_| unreadable(&"it is no key: a key is 32 bytes in base64"))?;
    if bytes.len() != SECRET_LEN {
        return Err(unreadable(&format!(
            "a key has {SECRET_LEN} bytes, not {}",
            bytes.len()
        )));
    }
    let pair = KeyPair::from_secret_key(bytes, fluence_keypair::KeyFormat::Ed25519);
    Ok(Key {
        name: name.to_owned(),
        file: file.to_owned(),
        pair: pair.map_err(|_| unreadable(&"it is no ed25519 secret"))?,
    })
}

#[cfg(unix)]
fn warn_if_others_read(file: &Path, metadata: &std::fs::Metadata) {
    use std::os::unix::fs::PermissionsExt;
    if metadata.permissions().mode() & 0o077 != 0 {
        output::warning(&format!("others can read {}: chmod 600 {0}", file.display()));
    }
}

#[cfg(not(unix))]
fn warn_if_others_read(_: &Path, _: &std::fs::Metadata) {}
