//! Databases in memory that are used again: to make the tables takes longer than most calls.

use std::cell::{Cell, RefCell};

use registry_service::store::{Backend, NativeBackend, StoreError, Value};

const TABLES: &str = "SELECT group_concat('DELETE FROM ' || name, ';') FROM sqlite_master WHERE type = 'table'";
/// SQLite's code for a full disk.
const SQLITE_FULL: isize = 13;

thread_local! {
    static IDLE: RefCell<Vec<NativeBackend>> = const { RefCell::new(Vec::new()) };
    static WRITES_LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// From now on, on this thread, so many writes succeed and the next one fails as on a full disk; none: all succeed.
pub fn fail_after(writes: Option<u32>) {
    WRITES_LEFT.set(writes);
}

fn write() -> Result<(), StoreError> {
    match WRITES_LEFT.get() {
        None => Ok(()),
        Some(0) => {
            WRITES_LEFT.set(None);
            Err(StoreError::Sqlite {
                code: SQLITE_FULL,
                message: "the disk is full, as this test wants it".to_owned(),
            })
        }
        Some(left) => {
            WRITES_LEFT.set(Some(left - 1));
            Ok(())
        }
    }
}

/// An empty database in memory, whichever path it is opened at.
#[derive(Debug)]
pub struct Memory {
    /// None once it is dropped.
    backend: Option<NativeBackend>,
}

impl Memory {
    fn backend(&self) -> Result<&NativeBackend, StoreError> {
        self.backend.as_ref().ok_or(StoreError::BadRow { why: "closed" })
    }
}

impl Backend for Memory {
    fn open(_: &str) -> Result<Self, StoreError> {
        let idle = IDLE.with_borrow_mut(Vec::pop);
        Ok(Self {
            backend: Some(idle.map_or_else(|| NativeBackend::open(":memory:"), Ok)?),
        })
    }

    fn script(&self, sql: &str) -> Result<(), StoreError> {
        write()?;
        self.backend()?.script(sql)
    }

    fn run(&self, sql: &'static str, params: &[Value]) -> Result<(), StoreError> {
        if !sql.starts_with("ROLLBACK") {
            write()?;
        }
        self.backend()?.run(sql, params)
    }

    fn read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<u8>, StoreError> {
        self.backend()?.read(sql, params)
    }

    fn changes(&self) -> Result<u64, StoreError> {
        self.backend()?.changes()
    }
}

impl Drop for Memory {
    /// Emptied, or given up.
    fn drop(&mut self) {
        let Some(backend) = self.backend.take() else { return };
        // Fails where no transaction was left open, as it should be.
        let _ = backend.run("ROLLBACK", &[]);
        let Ok(script) = backend.read(TABLES, &[]) else { return };
        let emptied = String::from_utf8(script).is_ok_and(|script| backend.script(&script).is_ok());
        if emptied {
            IDLE.with_borrow_mut(|idle| idle.push(backend));
        }
    }
}
