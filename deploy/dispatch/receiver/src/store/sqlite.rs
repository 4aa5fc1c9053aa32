//! `SQLite`: the default, one file, one receiver.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, ToSql, params_from_iter};

use super::{Row, Store, StoreError, Value, schema};

/// The receiver and its webhook write in turns; a turn is one commit, and a worn disk may take seconds for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Statements kept ready: all that the ledger has.
const STATEMENTS: usize = 64;

/// A `SQLite` database.
#[derive(Debug)]
pub struct Sqlite {
    database: Connection,
    /// Held as long as this is: the one receiver. Its file is never removed, since removing a lock file races with taking it.
    _lock: Option<File>,
}

impl Sqlite {
    /// Opens or makes the file for the one receiver, and brings it to this release's tables.
    ///
    /// # Errors
    /// When another receiver has it, when a later release wrote it, or when `SQLite` says so.
    pub fn owned(file: &Path) -> Result<Self, StoreError> {
        let lock = Self::lock(file)?;
        let mut store = Self { database: connect(file, true)?, _lock: Some(lock) };
        store.migrate(file)?;
        Ok(store)
    }

    /// Opens a file that is there, beside its receiver.
    ///
    /// # Errors
    /// When it is not there, a later release wrote it, or `SQLite` says so.
    pub fn beside(file: &Path) -> Result<Self, StoreError> {
        if !file.exists() {
            let name = file.display();
            return Err(StoreError::Refused(format!("{name} is not there: `gatestamp-receiver run` makes it")));
        }
        let mut store = Self { database: connect(file, false)?, _lock: None };
        let missing = schema::missing(store.version()?.as_deref(), &schema::SQLITE, &file.display().to_string())?;
        if missing.is_empty() {
            return Ok(store);
        }
        Err(StoreError::Refused(format!(
            "{}: start `gatestamp-receiver run` once: it has older tables",
            file.display()
        )))
    }

    /// Opens a backup that nobody else has open, and brings it to this release's tables: an earlier release may have written it.
    ///
    /// # Errors
    /// When it is no receiver's database, a later release wrote it, or `SQLite` says so.
    pub fn of_backup(file: &Path) -> Result<Self, StoreError> {
        let mut store = Self { database: connect(file, false)?, _lock: None };
        if store.version()?.is_none() {
            return Err(StoreError::Refused(format!("{} is no backup of a receiver's database", file.display())));
        }
        store.migrate(file)?;
        Ok(store)
    }

    /// Keeps every receiver away from the file, as long as what it gives back lives.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a receiver has it; [`StoreError::Failed`] when the lock's file cannot be made.
    pub fn lock(file: &Path) -> Result<File, StoreError> {
        let path = Self::lock_path(file);
        let name = path.display();
        // A full disk, or a mount that is not there yet, passes.
        let unusable = |fault: std::io::Error| {
            let gone = fault.kind() == ErrorKind::NotFound;
            let remedy =
                if gone { "the folder is not there" } else { "the receiver's user must be able to write there" };
            StoreError::Failed(format!("{name}: {fault}: {remedy}"))
        };
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(StoreError::Refused(format!(
                "{}: another receiver has this database open. Over SQLite there is one receiver only: stop it first (systemctl \
                 stop gatestamp-receiver). Several share a fleet over PostgreSQL ([store] kind = \"postgres\")",
                file.display()
            ))),
            Err(TryLockError::Error(fault)) => Err(unusable(fault)),
        }
    }

    /// The lock's file, beside the database.
    #[must_use]
    pub fn lock_path(file: &Path) -> PathBuf {
        let mut path = file.as_os_str().to_owned();
        path.push(".lock");
        PathBuf::from(path)
    }

    /// Writes a copy of everything that is committed at this moment, while others go on.
    ///
    /// # Errors
    /// When the copy cannot be written, or is there already and not empty.
    pub fn copy_to(&mut self, copy: &Path) -> Result<(), StoreError> {
        let name = copy.to_str().ok_or_else(|| StoreError::Refused("the copy's name is not UTF-8".to_owned()))?;
        self.database.execute("VACUUM INTO ?1", [name]).map_err(failed)?;
        File::open(copy).and_then(|file| file.sync_all()).map_err(|fault| StoreError::Failed(fault.to_string()))
    }

    /// Reads every page and every index. `ok`, or what is wrong.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub fn integrity(&mut self) -> Result<String, StoreError> {
        self.database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(failed)
    }

    fn version(&mut self) -> Result<Option<String>, StoreError> {
        let there = "SELECT 1 FROM sqlite_schema WHERE name = 'meta'";
        if self.database.query_row(there, [], |_| Ok(())).optional().map_err(failed)?.is_none() {
            return Ok(None);
        }
        self.database.query_row(schema::READ, [], |row| row.get(0)).optional().map_err(failed)
    }

    fn migrate(&mut self, file: &Path) -> Result<(), StoreError> {
        let found = self.version()?;
        let steps = schema::missing(found.as_deref(), &schema::SQLITE, &file.display().to_string())?;
        for (version, step) in steps {
            let transaction = self.database.transaction().map_err(failed)?;
            transaction.execute_batch(schema::META).map_err(failed)?;
            transaction.execute_batch(step).map_err(failed)?;
            transaction.execute(schema::WRITE, [version.to_string()]).map_err(failed)?;
            transaction.commit().map_err(failed)?;
        }
        Ok(())
    }
}

/// Durable at each commit: an acknowledgement must not outlive what it acknowledges. What was asked for is read back, because
/// `SQLite` ignores a pragma that it does not like.
fn connect(file: &Path, create: bool) -> Result<Connection, StoreError> {
    let create = if create { OpenFlags::SQLITE_OPEN_CREATE } else { OpenFlags::empty() };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    let named = |fault: rusqlite::Error| StoreError::Failed(format!("{}: {fault}", file.display()));
    let database = Connection::open_with_flags(file, flags).map_err(named)?;
    database.busy_timeout(PATIENCE).map_err(failed)?;
    database.set_prepared_statement_cache_capacity(STATEMENTS);
    let mode: String =
        database.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(named)?;
    database.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    database.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    let synchronous: i64 = database.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(failed)?;
    if (mode.as_str(), synchronous) != ("wal", 2) {
        let name = file.display();
        return Err(StoreError::Refused(format!(
            "{name}: the file system gives no write-ahead log (journal mode {mode}): put it on a local disk"
        )));
    }
    Ok(database)
}

fn failed(fault: rusqlite::Error) -> StoreError {
    StoreError::Failed(format!("SQLite: {fault}"))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(value) => Self::Int(value),
            ValueRef::Real(value) => Self::Real(value),
            ValueRef::Text(value) => Self::Text(String::from_utf8_lossy(value).into_owned()),
            ValueRef::Blob(value) => Self::Bytes(value.to_vec()),
        }
    }
}

impl Store for Sqlite {
    /// Immediate: a transaction that begins by reading could not become a writer beside the webhook's.
    fn begin(&mut self) -> Result<(), StoreError> {
        self.database.execute_batch("BEGIN IMMEDIATE").map_err(failed)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.database.execute_batch("COMMIT").map_err(failed)
    }

    fn rollback(&mut self) {
        // Fails when SQLite has rolled back by itself already, which is what is wanted.
        let _ = self.database.execute_batch("ROLLBACK");
    }

    fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, StoreError> {
        let mut statement = self.database.prepare_cached(sql).map_err(failed)?;
        let rows = statement.execute(params_from_iter(values)).map_err(failed)?;
        Ok(rows as u64)
    }

    fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.database.prepare_cached(sql).map_err(failed)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(values)).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let line: rusqlite::Result<Row> = (0..columns).map(|at| row.get_ref(at).map(Value::from)).collect();
            found.push(line.map_err(failed)?);
        }
        Ok(found)
    }
}
