//! How does a database know that it is older than what was acknowledged from it?
//!
//! What was committed after a backup is gone with the lost database, and its trucks do not know: they were told that it is kept. So
//! whatever puts a copy in a database's place marks every device in it, and the whole database, since a truck may not be in it at all.
//! The mark is in the database: a receiver that is killed finds it again.
//!
//! A copy of a `SQLite` file is marked when it is written, so one that was put in place by `cp` knows it too. An archive of `pg_dump` cannot
//! be: there the database remembers who it was (`IDENTITY`).

use super::{Store, StoreError, Value};

/// Arrivals that are never given out again after a restore: whoever has read on from a number above the copy's must not find other
/// events under numbers that he has passed. A thousand trucks with 30 events a day each need 90 years for as many, and 64 bits have
/// room for 9 * 10^9 restores.
const SKIPPED: i64 = 1_000_000_000;
/// Where the copy's counter stands is moved; without a first event it has none.
const SKIP_SQLITE: [&str; 2] = [
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'event', 0 WHERE NOT EXISTS
        (SELECT 1 FROM sqlite_sequence WHERE name = 'event')",
    "UPDATE sqlite_sequence SET seq = seq + $1 WHERE name = 'event'",
];
const SKIP_POSTGRES: &str = "SELECT setval(pg_get_serial_sequence('event', 'arrival'),
    nextval(pg_get_serial_sequence('event', 'arrival')) + $1)";
const MARK_DEVICES: &str = "UPDATE device SET again_ms = $1, again_asked = 0";
const MARK: &str = "INSERT INTO meta (name, value) VALUES ('restored', $1)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const WHEN: &str = "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'restored'";

/// Which server, on which of its timelines, and which table: another server, a standby that took over perhaps without the last commits,
/// and tables that `pg_restore` made differ in one of the three.
pub(super) const IDENTITY: &str =
    "SELECT system_identifier::text || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
    || '/' || 'device'::regclass::oid::text FROM pg_control_system()";
/// The one that was noted.
pub(super) const KNOWN: &str = "SELECT value FROM meta WHERE name = 'identity'";
/// Notes it.
pub(super) const KNOW: &str = "INSERT INTO meta (name, value) VALUES ('identity', $1)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// When a copy was put in this database's place, in milliseconds since 1970; none if that never was.
///
/// # Errors
/// When the database says so.
pub fn when(store: &mut dyn Store) -> Result<Option<i64>, StoreError> {
    Ok(store.query(WHEN, &[])?.first().and_then(|row| row.first()?.int()))
}

/// Marks every device that is there, and what comes: all of them are asked for what is not here.
///
/// # Errors
/// When the database says so.
pub fn mark(store: &mut dyn Store, at_ms: i64) -> Result<(), StoreError> {
    store.execute(MARK_DEVICES, &[at_ms.into()])?;
    store.execute(MARK, &[Value::Text(at_ms.to_string())])?;
    Ok(())
}

/// Marks a copy in a file that gets the database's name next.
///
/// # Errors
/// When `SQLite` says so.
pub fn mark_sqlite(store: &mut dyn Store, at_ms: i64) -> Result<(), StoreError> {
    let [make, raise] = SKIP_SQLITE;
    store.execute(make, &[])?;
    store.execute(raise, &[SKIPPED.into()])?;
    mark(store, at_ms)
}

/// Marks a database that `pg_restore` has filled.
///
/// # Errors
/// When `PostgreSQL` says so.
pub fn mark_postgres(store: &mut dyn Store, at_ms: i64) -> Result<(), StoreError> {
    store.query(SKIP_POSTGRES, &[SKIPPED.into()])?;
    mark(store, at_ms)
}
