//! What dispatch ordered, in the journal: the counter of the newest order is committed together with its effect.
//!
//! The tables are added beside the others and are no part of the layout's number: the release before opens the same file, and
//! neither reads nor harms them.

use super::{Journal, JournalError};
use crate::downlink::{Applied, Keys, Order, PublicKey};
use rusqlite::{OptionalExtension, params};

pub(super) const CREATE: &str = "
    -- The newest order that was performed.
    CREATE TABLE IF NOT EXISTS commanded (
        one      INTEGER PRIMARY KEY CHECK (one = 1),
        counter  TEXT NOT NULL,
        id       TEXT NOT NULL
    ) STRICT;
    -- The keys that dispatch handed over to, and those of the configuration that they stand for.
    CREATE TABLE IF NOT EXISTS trusted (
        one      INTEGER PRIMARY KEY CHECK (one = 1),
        pinned   TEXT NOT NULL,
        keys     TEXT NOT NULL
    ) STRICT;
";

impl Journal {
    /// The newest order that was performed.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn commanded(&self) -> Result<Option<Applied>, JournalError> {
        // SQLite's integers are signed, and a counter may be any of 64 bits: it is kept as text.
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let found = self.db.query_row("SELECT counter, id FROM commanded", [], row).optional()?;
        // A counter that cannot be read lets nothing pass any more, rather than everything again.
        Ok(found.map(|(counter, id)| Applied { counter: counter.parse().unwrap_or(u64::MAX), id }))
    }

    /// The keys that are believed: the ones handed over to, unless the configuration was changed since.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn trusted(&self, pinned: &Keys) -> Result<Keys, JournalError> {
        let find = "SELECT keys FROM trusted WHERE pinned = ?1";
        let found: Option<String> = self.db.query_row(find, [text(pinned)], |row| row.get(0)).optional()?;
        let handed_over = found.and_then(|text| {
            let keys: Result<Vec<PublicKey>, _> = text.split_whitespace().map(PublicKey::read).collect();
            Keys::new(keys.ok()?)
        });
        Ok(handed_over.unwrap_or_else(|| pinned.clone()))
    }

    /// Commits an order: its effect and its counter, both or none.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub fn command(&mut self, order: &Order, applied: &Applied, pinned: &Keys) -> Result<(), JournalError> {
        let tx = self.db.transaction()?;
        match order {
            Order::ReplayFrom(sequence) => {
                let thru = i64::try_from(sequence.saturating_sub(1)).unwrap_or(i64::MAX);
                tx.execute("UPDATE received SET thru = min(thru, ?1)", [thru])?;
                // What dispatch asks for is owed as if it had never been sent, also after a kill.
                tx.execute("UPDATE state SET delivery = NULL", [])?;
                self.delivery = None;
            }
            Order::Keys(keys) => {
                let keep = "INSERT INTO trusted (one, pinned, keys) VALUES (1, ?1, ?2)
                            ON CONFLICT (one) DO UPDATE SET pinned = ?1, keys = ?2";
                tx.execute(keep, params![text(pinned), text(keys)])?;
            }
        }
        let keep = "INSERT INTO commanded (one, counter, id) VALUES (1, ?1, ?2)
                    ON CONFLICT (one) DO UPDATE SET counter = ?1, id = ?2";
        tx.execute(keep, params![applied.counter.to_string(), applied.id])?;
        Ok(tx.commit()?)
    }
}

fn text(keys: &Keys) -> String {
    keys.iter().map(PublicKey::text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::downlink::Signer;

    fn keys(seed: u8) -> Keys {
        Keys::new(vec![Signer::new(&[seed; 32]).public()]).unwrap()
    }

    #[test]
    fn an_order_and_its_counter_are_there_after_the_journal_was_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let applied = Applied { counter: u64::MAX - 1, id: "c-1".to_owned() };
        {
            let mut journal = Journal::open(&path, 1 << 20).unwrap();
            assert_eq!(journal.commanded().unwrap(), None);
            journal.received(50).unwrap();
            journal.command(&Order::ReplayFrom(41), &applied, &keys(1)).unwrap();
        }
        let mut journal = Journal::open(&path, 1 << 20).unwrap();
        assert_eq!((journal.thru().unwrap(), journal.commanded().unwrap()), (40, Some(applied.clone())));
        journal.command(&Order::ReplayFrom(60), &applied, &keys(1)).unwrap();
        assert_eq!(journal.thru().unwrap(), 40, "what is owed stays owed");
    }

    #[test]
    fn keys_handed_over_count_until_the_configuration_names_others() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&dir.path().join("journal.db"), 1 << 20).unwrap();
        assert_eq!(journal.trusted(&keys(1)).unwrap(), keys(1));
        let applied = Applied { counter: 1, id: "k".to_owned() };
        journal.command(&Order::Keys(keys(2)), &applied, &keys(1)).unwrap();
        assert_eq!(journal.trusted(&keys(1)).unwrap(), keys(2));
        assert_eq!(journal.trusted(&keys(3)).unwrap(), keys(3));
    }
}
