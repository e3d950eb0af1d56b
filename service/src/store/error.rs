/// SQLite's result codes that matter here.
const SQLITE_IOERR: isize = 10;
const SQLITE_CORRUPT: isize = 11;
const SQLITE_FULL: isize = 13;
const SQLITE_READONLY: isize = 8;
const SQLITE_CANTOPEN: isize = 14;
const SQLITE_NOTADB: isize = 26;

/// The store failed. What the call would have changed is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("SQLite: {message} (code {code}){}", hint(*code))]
    Sqlite { code: isize, message: String },
    #[error("a stored row cannot be read ({why}): move registry.sqlite aside, the neighbours will refill the node")]
    BadRow { why: &'static str },
    #[error("the database has schema version {found}, this service knows up to {known}: run the newer service again, or move registry.sqlite aside")]
    TooNew { found: u32, known: u32 },
    #[error("the unreadable database {path} cannot be moved aside ({why}): move it by hand")]
    CannotQuarantine { path: String, why: String },
}

impl StoreError {
    /// What SQLite itself says of a file with this defect, when it stumbles over it. The last line of a check's verdict
    /// is the defect, one before it names the database.
    pub(super) fn damaged(verdict: &str) -> Self {
        let defect = verdict.lines().last().unwrap_or_default();
        Self::Sqlite {
            code: SQLITE_CORRUPT,
            message: format!("database disk image is malformed: {defect}"),
        }
    }

    /// Whether the file itself is beyond use, so that a fresh one serves better.
    pub fn is_damaged_file(&self) -> bool {
        // Extended codes carry the primary one in their low byte.
        matches!(self, Self::Sqlite { code, .. } if matches!(code & 0xff, SQLITE_CORRUPT | SQLITE_NOTADB))
    }

    /// The same, or that not even the settings can be read.
    pub(super) fn prevents_opening(&self) -> bool {
        self.is_damaged_file() || matches!(self, Self::BadRow { .. })
    }
}

fn hint(code: isize) -> &'static str {
    match code & 0xff {
        SQLITE_FULL => ": the disk is full, free some space",
        // SQLite in wasm does not say which.
        SQLITE_IOERR => ": the disk is full or failing, free some space under /storage, then check the disk",
        SQLITE_READONLY => ": /storage is read-only, mount it writable",
        SQLITE_CANTOPEN => ": map /storage into the module and make it writable",
        SQLITE_CORRUPT | SQLITE_NOTADB => ": the file is damaged and moved aside, call again to begin with a fresh one",
        _ => "",
    }
}
