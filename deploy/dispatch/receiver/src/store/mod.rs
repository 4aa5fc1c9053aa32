//! Where is what dispatch has? In one of two databases, behind one trait.
//!
//! The trait is as small as SQL allows: transactions, and statements with values. Everything that dispatch has to do right is
//! written once above it (`ledger`), in SQL that both databases understand, so that it cannot be right in one and wrong in the
//! other. Placeholders are `$1`, `$2`, ..: each stands for the first time in rising order, since `SQLite` numbers them so.

mod postgres;
pub mod restored;
mod schema;
mod sqlite;

use std::path::PathBuf;

pub use postgres::Postgres;
pub use schema::VERSION as SCHEMA_VERSION;
pub use sqlite::Sqlite;

/// A value that goes in or comes out.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// 64 bits in both.
    Int(i64),
    /// A float.
    Real(f64),
    /// UTF-8 without a NUL, which `PostgreSQL` does not take.
    Text(String),
    /// Anything.
    Bytes(Vec<u8>),
}

impl Value {
    /// The integer, if it is one.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(value) = self { Some(value) } else { None }
    }

    /// The bytes, if they are.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<T> From<Option<T>> for Value
where
    Self: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

/// One line of an answer.
pub type Row = Vec<Value>;

/// What goes wrong with a database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or failed while working; a new connection may do better.
    #[error("{0}")]
    Failed(String),
    /// Somebody has to do something first.
    #[error("{0}")]
    Refused(String),
}

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file.
    Sqlite(PathBuf),
    /// A connection string, as libpq has it: `host=.. user=.. dbname=..` or `postgresql://..`; and the CA of its certificate, if TLS is
    /// demanded.
    Postgres {
        /// The connection string.
        url: String,
        /// PEM; with it the server must show a certificate of this CA.
        ca: Option<PathBuf>,
    },
}

/// A database. Not shared between threads: whoever needs it opens his own connection.
pub trait Store: Send {
    /// Begins a transaction.
    ///
    /// # Errors
    /// When the database says so.
    fn begin(&mut self) -> Result<(), StoreError>;

    /// Ends it. When this returns, what it did outlives a power cut.
    ///
    /// # Errors
    /// When the database says so: then nobody knows whether it is durable, and it must be treated as if it were not.
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Undoes it, as far as that is still possible.
    fn rollback(&mut self);

    /// Does something; says how many rows it touched.
    ///
    /// # Errors
    /// When the database says so.
    fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, StoreError>;

    /// Asks something.
    ///
    /// # Errors
    /// When the database says so.
    fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, StoreError>;
}

/// Opens the database and brings its tables to this release's version. For the one receiver that writes: over a file, a second one is
/// refused.
///
/// # Errors
/// [`StoreError::Refused`] with what to do; [`StoreError::Failed`] when it cannot be reached.
pub fn open(place: &Place) -> Result<Box<dyn Store>, StoreError> {
    match place {
        Place::Sqlite(file) => Ok(Box::new(Sqlite::owned(file)?)),
        Place::Postgres { url, ca } => Ok(Box::new(Postgres::open(url, ca.as_deref())?)),
    }
}

/// Reads what the place names, without opening the database: it may be away, and that is no fault of the configuration.
///
/// # Errors
/// [`StoreError::Refused`] with the file and what is wrong in it.
pub fn check(place: &Place) -> Result<(), StoreError> {
    match place {
        Place::Sqlite(_) | Place::Postgres { ca: None, .. } => Ok(()),
        Place::Postgres { ca: Some(ca), .. } => postgres::tls(ca).map(drop),
    }
}

/// A further connection to a database that is open already, or that somebody else works on: to look at, and for the webhook's cursor.
///
/// # Errors
/// As [`open`].
pub fn beside(place: &Place) -> Result<Box<dyn Store>, StoreError> {
    match place {
        Place::Sqlite(file) => Ok(Box::new(Sqlite::beside(file)?)),
        Place::Postgres { url, ca } => Ok(Box::new(Postgres::open(url, ca.as_deref())?)),
    }
}
