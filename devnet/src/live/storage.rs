//! What a network keeps of itself: who it is, where it listens, how many nodes it has.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rand::RngCore;
use rustix::fs::{flock, FlockOperation};
use serde::{Deserialize, Serialize};

use super::LiveError;
use crate::Secret;

/// The file that makes a directory the storage of a network.
const FILE: &str = "network.json";
/// Locked as long as a network runs on the directory.
const LOCK_FILE: &str = "lock";
const VERSION: u32 = 1;
const FILE_LEN_MAX: u64 = 4096;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// What the nodes' keys are derived from, hex.
    secret: String,
    port: u16,
    nodes: usize,
}

/// What a network is, and the directory that holds it.
#[derive(Debug)]
pub(super) struct Storage {
    dir: PathBuf,
    pub(super) secret: Secret,
    pub(super) port: u16,
    pub(super) nodes: usize,
    _held: Held,
}

#[derive(Debug)]
enum Held {
    Locked { _file: File },
    Temporary { _dir: tempfile::TempDir },
}

impl Storage {
    /// A directory that goes with the network.
    pub(super) fn temporary(port: u16, nodes: usize) -> Result<Self, LiveError> {
        let dir = tempfile::tempdir().map_err(|e| failed(&std::env::temp_dir(), &e))?;
        Ok(Self {
            dir: dir.path().to_owned(),
            secret: new_secret(),
            port,
            nodes,
            _held: Held::Temporary { _dir: dir },
        })
    }

    /// Opens a directory, a new network if there is none. What is given counts, else what is kept, else the default.
    pub(super) fn open(
        dir: &Path,
        port: Option<u16>,
        nodes: Option<usize>,
        defaults: (u16, usize),
    ) -> Result<Self, LiveError> {
        std::fs::create_dir_all(dir).map_err(|e| failed(dir, &e))?;
        let dir = dir.canonicalize().map_err(|e| failed(dir, &e))?;
        let kept = read(&dir)?;
        if kept.is_none() && !is_empty(&dir)? {
            return Err(refused(
                &dir,
                format!("it is not empty, and no network's: it has no {FILE}"),
            ));
        }
        let lock = lock(&dir)?;
        let (secret, kept_port, kept_nodes) = match kept {
            Some(kept) => (parse_secret(&dir, &kept.secret)?, Some(kept.port), Some(kept.nodes)),
            None => (new_secret(), None, None),
        };
        let nodes = nodes.or(kept_nodes).unwrap_or(defaults.1);
        if let Some(stored) = kept_nodes.filter(|stored| nodes < *stored) {
            return Err(LiveError::FewerNodes { dir, stored });
        }
        let storage = Self {
            secret,
            port: port.or(kept_port).unwrap_or(defaults.0),
            nodes,
            dir,
            _held: Held::Locked { _file: lock },
        };
        storage.save()?;
        Ok(storage)
    }

    /// Where the nodes keep their files.
    pub(super) fn nodes_dir(&self) -> PathBuf {
        self.dir.join("nodes")
    }

    /// Notes that the network has another node.
    pub(super) fn add_node(&mut self) -> Result<(), LiveError> {
        self.nodes += 1;
        match &self._held {
            Held::Locked { .. } => self.save(),
            Held::Temporary { .. } => Ok(()),
        }
    }

    fn save(&self) -> Result<(), LiveError> {
        let kept = Kept {
            version: VERSION,
            secret: hex::encode(self.secret.0),
            port: self.port,
            nodes: self.nodes,
        };
        let text = serde_json::to_vec_pretty(&kept).expect("numbers and strings are JSON");
        // The file is private to its owner, and appears whole or not at all.
        let written = tempfile::NamedTempFile::new_in(&self.dir).and_then(|mut file| {
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(self.dir.join(FILE)).map_err(|e| e.error)
        });
        written.map(drop).map_err(|e| failed(&self.dir, &e))
    }
}

fn read(dir: &Path) -> Result<Option<Kept>, LiveError> {
    let file = match File::open(dir.join(FILE)) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(dir, &e)),
    };
    let mut text = String::new();
    let mut bounded = file.take(FILE_LEN_MAX);
    bounded.read_to_string(&mut text).map_err(|e| failed(dir, &e))?;
    let kept: Kept =
        serde_json::from_str(&text).map_err(|e| refused(dir, format!("{FILE} is not a network's: {e}")))?;
    if kept.version != VERSION {
        let version = kept.version;
        return Err(refused(
            dir,
            format!("{FILE} has version {version}, this program knows {VERSION}"),
        ));
    }
    Ok(Some(kept))
}

/// Whether nothing but a lock is in the directory.
fn is_empty(dir: &Path) -> Result<bool, LiveError> {
    for entry in std::fs::read_dir(dir).map_err(|e| failed(dir, &e))? {
        if entry.map_err(|e| failed(dir, &e))?.file_name() != LOCK_FILE {
            return Ok(false);
        }
    }
    Ok(true)
}

fn lock(dir: &Path) -> Result<File, LiveError> {
    let path = dir.join(LOCK_FILE);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|e| failed(dir, &e))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(refused(
            dir,
            "another network runs on it: stop that one, or choose another directory".to_owned(),
        )),
        Err(e) => Err(failed(dir, &e.into())),
    }
}

fn parse_secret(dir: &Path, text: &str) -> Result<Secret, LiveError> {
    let mut secret = [0; 32];
    hex::decode_to_slice(text, &mut secret)
        .map_err(|e| refused(dir, format!("the secret in {FILE} is not 32 bytes in hex: {e}")))?;
    Ok(Secret(secret))
}

fn new_secret() -> Secret {
    let mut secret = [0; 32];
    rand::rngs::OsRng.fill_bytes(&mut secret);
    Secret(secret)
}

fn failed(dir: &Path, error: &io::Error) -> LiveError {
    refused(dir, error.to_string())
}

fn refused(dir: &Path, reason: String) -> LiveError {
    LiveError::Storage {
        dir: dir.to_owned(),
        reason,
    }
}
