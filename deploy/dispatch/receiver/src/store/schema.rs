//! Which tables are there, and how does an older database get them?
//!
//! Migrations only add, one numbered file each, in one transaction with the new number. A database of a later release is refused by
//! name: this one would not know what it must not break.

use super::StoreError;

/// The version that this release writes.
pub const VERSION: i64 = 3;

/// What a database has to say about itself, made before anything else.
pub(super) const META: &str = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)";
/// The version, as text.
pub(super) const READ: &str = "SELECT value FROM meta WHERE name = 'schema'";
/// Notes a version.
pub(super) const WRITE: &str = "INSERT INTO meta (name, value) VALUES ('schema', $1)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// The steps for one kind of database; the n-th leads to version n.
pub(super) const SQLITE: [&str; 3] = [
    include_str!("../../schema/0001-sqlite.sql"),
    include_str!("../../schema/0002-sqlite.sql"),
    include_str!("../../schema/0003-sqlite.sql"),
];
/// The same for the other.
pub(super) const POSTGRES: [&str; 3] = [
    include_str!("../../schema/0001-postgres.sql"),
    include_str!("../../schema/0002-postgres.sql"),
    include_str!("../../schema/0003-postgres.sql"),
];

/// The steps that are missing, each with the version it leads to.
///
/// # Errors
/// When the database is of a later release, or says nonsense.
pub(super) fn missing(
    found: Option<&str>,
    steps: &[&'static str],
    name: &str,
) -> Result<Vec<(i64, &'static str)>, StoreError> {
    let found: i64 = match found {
        None => 0,
        Some(text) => text.parse().map_err(|_| {
            StoreError::Refused(format!("{name}: its schema version is `{text}`, no number: restore a backup"))
        })?,
    };
    if found > VERSION {
        return Err(StoreError::Refused(format!(
            "{name} has schema version {found}, written by a later release; this release, {}, knows versions up to {VERSION}. \
             Install the later release again, or restore a backup from before",
            env!("CARGO_PKG_VERSION")
        )));
    }
    Ok((1..).zip(steps.iter().copied()).filter(|(version, _)| *version > found).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_have_the_same_versions() {
        assert_eq!(SQLITE.len(), POSTGRES.len());
        assert_eq!(i64::try_from(SQLITE.len()), Ok(VERSION));
    }

    #[test]
    fn a_later_version_is_refused_by_name_and_an_older_one_is_brought_forward() {
        let later = missing(Some("9"), &SQLITE, "x.db").expect_err("refused").to_string();
        assert!(later.contains("version 9") && later.contains("x.db"), "{later}");
        let steps = |found| missing(found, &SQLITE, "x").expect("accepted").len();
        assert_eq!([steps(None), steps(Some("1")), steps(Some("3"))], [3, 2, 0]);
        assert!(missing(Some("one"), &SQLITE, "x").is_err());
    }
}
