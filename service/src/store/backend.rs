use std::fmt::Debug;

use super::StoreError;

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

/// One SQLite connection that keeps every statement it has prepared. The same SQL runs on all backends.
pub trait Backend: Debug + Sized {
    /// Opens a database, creating the file where there is none.
    ///
    /// # Errors
    /// [`StoreError`] with SQLite's code and text.
    fn open(path: &str) -> Result<Self, StoreError>;

    /// Runs several statements without parameters.
    ///
    /// # Errors
    /// [`StoreError`].
    fn script(&self, sql: &str) -> Result<(), StoreError>;

    /// Runs one statement to its end.
    ///
    /// # Errors
    /// [`StoreError`]; outside a transaction nothing has changed then.
    fn run(&self, sql: &'static str, params: &[Value]) -> Result<(), StoreError>;

    /// The first column of the first row as bytes; none where there is no row, or NULL in it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<u8>, StoreError>;

    /// Rows changed by the last `run`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn changes(&self) -> Result<u64, StoreError>;
}
