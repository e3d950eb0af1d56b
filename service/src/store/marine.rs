//! SQLite in the module beside this one. Every method call below is a call across modules.

use std::cell::RefCell;
use std::fmt;

use marine_sqlite_connector::{Connection, State, Statement};

use super::{Backend, StoreError, Value};

/// A connection of marine-sqlite-connector with the statements prepared so far.
pub struct MarineBackend {
    /// Before the connection, so that they are finalised first.
    statements: RefCell<Vec<(&'static str, Statement)>>,
    connection: Connection,
}

impl fmt::Debug for MarineBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MarineBackend").finish_non_exhaustive()
    }
}

impl MarineBackend {
    fn with<T>(
        &self,
        sql: &'static str,
        params: &[Value],
        work: impl FnOnce(&mut Statement) -> marine_sqlite_connector::Result<T>,
    ) -> Result<T, StoreError> {
        let mut statements = self.statements.borrow_mut();
        let position = match statements.iter().position(|(known, _)| *known == sql) {
            Some(position) => position,
            None => {
                statements.push((sql, self.connection.prepare(sql)?));
                statements.len() - 1
            }
        };
        let statement = &mut statements[position].1;
        let outcome = bind(statement, params).and_then(|()| work(statement));
        // A statement that is not reset keeps its transaction open. Reset repeats the error of a failed step.
        let reset = statement.reset();
        let value = outcome?;
        reset?;
        Ok(value)
    }
}

fn bind(statement: &mut Statement, params: &[Value]) -> marine_sqlite_connector::Result<()> {
    for (position, value) in params.iter().enumerate() {
        match value {
            Value::Integer(value) => statement.bind(position + 1, *value)?,
            Value::Text(text) => statement.bind(position + 1, text.as_str())?,
            Value::Blob(bytes) => statement.bind(position + 1, bytes)?,
        }
    }
    Ok(())
}

impl Backend for MarineBackend {
    fn open(path: &str) -> Result<Self, StoreError> {
        Ok(Self {
            statements: RefCell::default(),
            connection: Connection::open(path)?,
        })
    }

    fn script(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute(sql)?)
    }

    fn run(&self, sql: &'static str, params: &[Value]) -> Result<(), StoreError> {
        self.with(sql, params, |statement| {
            while statement.next()? == State::Row {}
            Ok(())
        })
    }

    fn read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<u8>, StoreError> {
        self.with(sql, params, |statement| match statement.next()? {
            State::Row => statement.read::<Vec<u8>>(0),
            State::Done => Ok(Vec::new()),
        })
    }

    fn changes(&self) -> Result<u64, StoreError> {
        Ok(self.connection.changes() as u64)
    }
}

impl From<marine_sqlite_connector::Error> for StoreError {
    fn from(error: marine_sqlite_connector::Error) -> Self {
        Self::Sqlite {
            code: error.code.unwrap_or(1),
            message: error.message.unwrap_or_else(|| "no message".to_owned()),
        }
    }
}
