//! SQLite in the process: tests, fuzzing and simulation run the same SQL as a node.

use std::cell::Cell;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, StatementStatus, ToSql};

use super::{Backend, StoreError, Value};

/// As many as there are statements in `sql`.
const STATEMENTS_MAX: usize = 32;

/// A rusqlite connection.
#[derive(Debug)]
pub struct NativeBackend {
    connection: Connection,
    /// What statements have taken so far, in steps of SQLite's machine: what is looked at, without a clock.
    steps: Cell<u64>,
}

impl NativeBackend {
    pub(super) fn steps(&self) -> u64 {
        self.steps.get()
    }

    fn note_steps(&self, statement: &Statement<'_>) {
        let taken = statement.reset_status(StatementStatus::VmStep);
        self.steps.set(self.steps.get() + u64::from(taken.unsigned_abs()));
    }
}

impl Backend for NativeBackend {
    fn open(path: &str) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Ok(Self {
            connection,
            steps: Cell::default(),
        })
    }

    fn script(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    fn run(&self, sql: &'static str, params: &[Value]) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        drop(rows);
        self.note_steps(&statement);
        Ok(())
    }

    fn read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<u8>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        let mut rows = statement.raw_query();
        let bytes = match rows.next()? {
            None => Vec::new(),
            Some(row) => match row.get_ref(0)? {
                ValueRef::Null => Vec::new(),
                ValueRef::Integer(value) => value.to_string().into_bytes(),
                ValueRef::Real(value) => value.to_string().into_bytes(),
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            },
        };
        drop(rows);
        self.note_steps(&statement);
        Ok(bytes)
    }

    fn changes(&self) -> Result<u64, StoreError> {
        Ok(self.connection.changes())
    }
}

fn bind(statement: &mut Statement<'_>, params: &[Value]) -> Result<(), StoreError> {
    for (position, value) in params.iter().enumerate() {
        statement.raw_bind_parameter(position + 1, value)?;
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map_or(1, |error| error.extended_code as isize);
        Self::Sqlite {
            code,
            message: error.to_string(),
        }
    }
}
