//! SQLite in the process: tests, fuzzing and simulation run the same SQL as a node.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, ToSql};

use super::{Backend, StoreError, Value};

/// As many as there are statements in `sql`.
const STATEMENTS_MAX: usize = 32;

/// A rusqlite connection.
#[derive(Debug)]
pub struct NativeBackend {
    connection: Connection,
}

impl Backend for NativeBackend {
    fn open(path: &str) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Ok(Self { connection })
    }

    fn script(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    fn run(&self, sql: &'static str, params: &[Value]) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        Ok(())
    }

    fn read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<u8>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        let mut rows = statement.raw_query();
        let Some(row) = rows.next()? else {
            return Ok(Vec::new());
        };
        Ok(match row.get_ref(0)? {
            ValueRef::Null => Vec::new(),
            ValueRef::Integer(value) => value.to_string().into_bytes(),
            ValueRef::Real(value) => value.to_string().into_bytes(),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        })
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
