//! Where a network keeps its nodes' files: a directory that outlives it, or a temporary one.
//!
//! A kept directory says whose it is. Its nodes' keys follow from the seed, so another seed's network cannot use it; and the
//! clock goes on from where it stood, because a node that has seen a time must not see it again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::NetworkError;
use crate::time::VirtualTime;

/// What a kept directory says of its network.
const STATE_FILE: &str = "simulation.json";
/// Who has left in the last second can come back in the next one.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) enum Storage {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

/// Where a network stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    seed: u64,
    pub(crate) virtual_ms: u64,
    /// How many particles there were: ids do not repeat.
    pub(crate) particles: u64,
}

impl Storage {
    /// The directory, and where the network that used it before stood.
    pub(crate) fn open(kept: Option<&Path>, seed: u64) -> Result<(Self, Standing), NetworkError> {
        let new = Standing {
            seed,
            ..Standing::default()
        };
        let Some(dir) = kept else {
            let dir = tempfile::tempdir();
            let dir = dir.map_err(|source| storage_error(&std::env::temp_dir(), source))?;
            return Ok((Self::Temporary(dir), new));
        };
        std::fs::create_dir_all(dir).map_err(|source| storage_error(dir, source))?;
        let storage = Self::Kept(dir.to_owned());
        let file = dir.join(STATE_FILE);
        let standing = match std::fs::read(&file) {
            Ok(text) => {
                let found = serde_json::from_slice::<Standing>(&text);
                let found = found.map_err(|source| storage_error(&file, source.into()))?;
                Standing {
                    virtual_ms: found.virtual_ms + PAUSE.as_millis() as u64,
                    ..found
                }
            }
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => new,
            Err(source) => return Err(storage_error(&file, source)),
        };
        if standing.seed != seed {
            return Err(NetworkError::OtherSeed {
                path: dir.to_owned(),
                found: standing.seed,
                given: seed,
            });
        }
        storage.save(standing)?;
        Ok((storage, standing))
    }

    /// Notes where the network stands, if that is to be kept.
    pub(crate) fn save(&self, standing: Standing) -> Result<(), NetworkError> {
        let Self::Kept(dir) = self else {
            return Ok(());
        };
        let file = dir.join(STATE_FILE);
        let written = tempfile::NamedTempFile::new_in(dir).and_then(|new| {
            serde_json::to_writer(&new, &standing)?;
            new.persist(&file).map_err(|e| e.error)
        });
        written.map(drop).map_err(|source| storage_error(&file, source))
    }

    pub(crate) fn dir(&self) -> &Path {
        match self {
            Self::Kept(dir) => dir,
            Self::Temporary(dir) => dir.path(),
        }
    }
}

impl Standing {
    pub(crate) fn new(seed: u64, now: VirtualTime, particles: u64) -> Self {
        Self {
            seed,
            virtual_ms: now.as_millis() as u64,
            particles,
        }
    }
}

pub(crate) fn storage_error(path: &Path, source: std::io::Error) -> NetworkError {
    NetworkError::Storage {
        path: path.to_owned(),
        source,
    }
}
