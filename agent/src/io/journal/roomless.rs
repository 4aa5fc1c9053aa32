//! A start for which the disk has no room, and no reserve to give up: deciding goes on, and what is decided is held in memory until there is.
//!
//! A journal that is there is opened by this process alone: then SQLite keeps the index of its log in memory and not in a file, and reading
//! takes no room. Where there is none that can be read so, one in memory stands in for it, which nothing is written to; the first
//! save for which the disk has room lays out the real one. If that turns out to be damaged, or to hold events, it is the next start's.

use super::{Journal, JournalError, classify};
use crate::io::reserve;
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};

/// What stands in for a journal that cannot be made.
#[derive(Debug)]
pub(super) struct StandIn {
    path: PathBuf,
    quota: u64,
    /// A damaged one has to be salvaged first.
    starts_again: bool,
}

impl Journal {
    /// Opens the journal at `path` where the disk has no room for [`Journal::open`]. `is_owed`: when there is room, only another start can
    /// open it.
    ///
    /// # Errors
    /// As [`Journal::open`] has them.
    pub fn open_without_room(path: &Path, quota: u64, is_owed: bool) -> Result<Self, JournalError> {
        let failed = |error| classify(path, error);
        if !is_owed && fs::metadata(path).is_ok_and(|meta| meta.len() > 0) {
            let opened = Connection::open(path).map_err(failed).and_then(|db| {
                // Before the first look at the log: later it has its index.
                db.execute_batch("PRAGMA locking_mode = EXCLUSIVE").map_err(failed)?;
                Self::on(db, path, quota)
            });
            match opened {
                // The room went while it was laid out.
                Err(error) if error.may_be_want_of_room() => {}
                // Moved now, there would be no room to note that it is to be salvaged.
                Err(JournalError::Damaged { why, .. }) => {
                    tracing::error!(why, "the journal is damaged; it is set aside when there is room again");
                }
                opened => return opened,
            }
        }
        let mut journal = Self::on(Connection::open_in_memory()?, path, quota)?;
        // What dispatch acknowledges or orders is not kept either, and so not done.
        journal.db.execute_batch("PRAGMA query_only = 1")?;
        journal.stand_in = Some(StandIn { path: path.to_owned(), quota, starts_again: is_owed });
        Ok(journal)
    }

    /// Nothing was ever written to it, and it may lack what the real one will have.
    #[must_use]
    pub fn is_stand_in(&self) -> bool {
        self.stand_in.is_some()
    }

    /// The real one takes the place of what stands in for it, if there is room.
    pub(super) fn make_real(&mut self) -> Result<(), JournalError> {
        let Some(StandIn { path, quota, starts_again }) = &self.stand_in else { return Ok(()) };
        // Only a start can salvage, and without room none gets farther than this one. Opened for nothing it would be checked each time.
        if *starts_again {
            return Err(if is_full(path) { JournalError::Full } else { JournalError::Unopened(path.clone()) });
        }
        let real = match Self::open(path, *quota) {
            Err(error) if error.may_be_want_of_room() => return Err(JournalError::Full),
            // Only a start can set it aside.
            Err(JournalError::Damaged { .. }) if is_full(path) => return Err(JournalError::Full),
            Err(other) => return Err(other),
            Ok(real) => real,
        };
        if real.highest()? > 0 || real.state()?.is_some() {
            return Err(JournalError::Unopened(path.clone()));
        }
        let before = std::mem::replace(self, real);
        // Laid out in the same way, and what was decided of its numbers since.
        (self.numbering, self.recorded) = (before.numbering, before.recorded);
        Ok(())
    }
}

fn is_full(journal: &Path) -> bool {
    journal.parent().is_some_and(reserve::is_full)
}
