//! What does dispatch's database hold? Asked beside the receivers, with the SQL that both databases understand.

use std::collections::BTreeMap;

use gatestamp_receiver::store::{self, Place, Row, Store, StoreError, Value};

use crate::audit::Held;

/// Dispatch's database. It may be away: then the next question connects again.
pub struct Database {
    place: Place,
    store: Option<Box<dyn Store>>,
}

/// What came that was no event of its truck, or was another one of a known id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Strays {
    /// In the table `conflict`.
    pub conflicts: u64,
    /// In the table `refused`.
    pub refused: u64,
}

impl Database {
    /// The database at `place`.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self { place, store: None }
    }

    /// How far each truck is acknowledged. `None` while the database is away or has no tables yet.
    pub fn thru(&mut self) -> Option<BTreeMap<String, u64>> {
        let rows = self.ask(|store| store.query("SELECT truck, max(thru) FROM device GROUP BY truck", &[]));
        Some(rows.ok()?.iter().map(|row| (text(row, 0), number(row, 1))).collect())
    }

    /// The events of a truck, in order of sequence.
    ///
    /// # Errors
    /// As the database says.
    pub fn events(&mut self, truck: &str) -> Result<Vec<Held>, StoreError> {
        let sql = "SELECT sequence, id, received_ms, body FROM event JOIN device ON key = device_key
                   WHERE truck = $1 ORDER BY sequence, arrival";
        let rows = self.ask(|store| store.query(sql, &[truck.into()]))?;
        let held = |row: &Row| Held {
            sequence: number(row, 0),
            id: text(row, 1),
            received_ms: row.get(2).and_then(Value::int).unwrap_or_default(),
            body: row.get(3).and_then(Value::bytes).unwrap_or_default().to_vec(),
        };
        Ok(rows.iter().map(held).collect())
    }

    /// The ranges that a truck declared lost.
    ///
    /// # Errors
    /// As the database says.
    pub fn lost(&mut self, truck: &str) -> Result<Vec<(u64, u64)>, StoreError> {
        let sql = "SELECT first, last FROM lost JOIN device ON key = device_key WHERE truck = $1";
        let rows = self.ask(|store| store.query(sql, &[truck.into()]))?;
        Ok(rows.iter().map(|row| (number(row, 0), number(row, 1))).collect())
    }

    /// What there is beside the events.
    ///
    /// # Errors
    /// As the database says.
    pub fn strays(&mut self) -> Result<Strays, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM conflict), (SELECT count(*) FROM refused)";
        let rows = self.ask(|store| store.query(sql, &[]))?;
        Ok(rows
            .first()
            .map_or_else(Strays::default, |row| Strays { conflicts: number(row, 0), refused: number(row, 1) }))
    }

    /// Deletes one event.
    ///
    /// # Errors
    /// As the database says.
    pub fn delete(&mut self, id: &str) -> Result<u64, StoreError> {
        self.ask(|store| store.execute("DELETE FROM event WHERE id = $1", &[id.into()]))
    }

    fn ask<T>(&mut self, question: impl FnOnce(&mut dyn Store) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut store = match self.store.take() {
            Some(store) => store,
            None => store::beside(&self.place)?,
        };
        let answer = question(store.as_mut())?;
        // One that failed is not kept: the server may have been killed under it.
        self.store = Some(store);
        Ok(answer)
    }
}

fn number(row: &Row, column: usize) -> u64 {
    row.get(column).and_then(Value::int).and_then(|stored| u64::try_from(stored).ok()).unwrap_or(0)
}

fn text(row: &Row, column: usize) -> String {
    row.get(column).and_then(Value::text).unwrap_or_default().to_owned()
}
