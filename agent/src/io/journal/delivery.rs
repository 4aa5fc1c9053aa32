//! How delivery stands, in the row of the engine's state: it costs a commit no page more, and a release that does not know of it leaves
//! it as it was, which is never ahead of what was delivered.

use super::{Journal, JournalError};
use crate::outbox::Delivery;
use rusqlite::{Connection, OptionalExtension, params};

/// The column is no part of the layout's number: the release before opens the same file.
pub(super) fn lay_out(db: &Connection) -> Result<(), rusqlite::Error> {
    let is_there = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('state') WHERE name = 'delivery')";
    if !db.query_row(is_there, [], |row| row.get(0))? {
        db.execute_batch("ALTER TABLE state ADD COLUMN delivery TEXT")?;
    }
    Ok(())
}

impl Journal {
    /// Delivery stands so. Noted with the next [`Journal::save`].
    pub fn delivers(&mut self, delivery: &Delivery) {
        // Plain data into memory: cannot fail.
        self.delivery = serde_json::to_string(delivery).ok();
    }

    /// How delivery stood when that was noted last. What cannot be read only means that more is sent again.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn delivery(&self) -> Result<Delivery, JournalError> {
        let find = "SELECT delivery FROM state";
        let text: Option<String> = self.db.query_row(find, [], |row| row.get(0)).optional()?.flatten();
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// Takes back what was noted ahead of sending and was not sent, and notes how delivery stands, where that is worth a commit of its
    /// own.
    ///
    /// # Errors
    /// As SQLite has them; lost, it only means that more is sent again.
    pub fn note_delivery(&mut self, delivery: Option<&Delivery>) -> Result<(), JournalError> {
        if let Some(delivery) = delivery {
            self.delivers(delivery);
        }
        let ahead = self.numbering.is_ahead();
        if !ahead && delivery.is_none() {
            return Ok(());
        }
        let tx = self.db.transaction()?;
        self.numbering.take_back(&tx)?;
        tx.execute("UPDATE state SET delivery = coalesce(?1, delivery)", params![self.delivery])?;
        tx.commit()?;
        self.numbering.taken_back();
        Ok(())
    }
}
