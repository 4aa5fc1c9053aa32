//! What does dispatch's database hold? Asked beside the receivers, in SQL.

use std::collections::BTreeMap;

use postgres::{Client, NoTls};

use crate::audit::Held;

/// Dispatch's database. It may be away: then the next question connects again.
pub struct Database {
    url: String,
    client: Option<Client>,
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
    /// The database at `url`, as libpq has it.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), client: None }
    }

    /// How far each truck is acknowledged. `None` while the database is away or has no tables yet.
    pub fn thru(&mut self) -> Option<BTreeMap<String, u64>> {
        let rows = self.ask(|client| client.query("SELECT truck, max(thru) FROM device GROUP BY truck", &[]));
        let rows = rows.ok()?;
        Some(rows.iter().map(|row| (row.get(0), number(row.get(1)))).collect())
    }

    /// The events of a truck, in order of sequence.
    ///
    /// # Errors
    /// As the server says.
    pub fn events(&mut self, truck: &str) -> Result<Vec<Held>, postgres::Error> {
        let sql = "SELECT sequence, id, received_ms, body FROM event JOIN device ON key = device_key
                   WHERE truck = $1 ORDER BY sequence, arrival";
        let rows = self.ask(|client| client.query(sql, &[&truck]))?;
        let held = |row: &postgres::Row| Held {
            sequence: number(row.get(0)),
            id: row.get(1),
            received_ms: row.get(2),
            body: row.get(3),
        };
        Ok(rows.iter().map(held).collect())
    }

    /// The ranges that a truck declared lost.
    ///
    /// # Errors
    /// As the server says.
    pub fn lost(&mut self, truck: &str) -> Result<Vec<(u64, u64)>, postgres::Error> {
        let sql = "SELECT first, last FROM lost JOIN device ON key = device_key WHERE truck = $1";
        let rows = self.ask(|client| client.query(sql, &[&truck]))?;
        Ok(rows.iter().map(|row| (number(row.get(0)), number(row.get(1)))).collect())
    }

    /// What there is beside the events.
    ///
    /// # Errors
    /// As the server says.
    pub fn strays(&mut self) -> Result<Strays, postgres::Error> {
        let sql = "SELECT (SELECT count(*) FROM conflict), (SELECT count(*) FROM refused)";
        let row = self.ask(|client| client.query_one(sql, &[]))?;
        Ok(Strays { conflicts: number(row.get(0)), refused: number(row.get(1)) })
    }

    /// Deletes one event.
    ///
    /// # Errors
    /// As the server says.
    pub fn delete(&mut self, id: &str) -> Result<u64, postgres::Error> {
        self.ask(|client| client.execute("DELETE FROM event WHERE id = $1", &[&id]))
    }

    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut Client) -> Result<T, postgres::Error>,
    ) -> Result<T, postgres::Error> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => Client::connect(&self.url, NoTls)?,
        };
        let answer = question(&mut client)?;
        // One that failed is not kept: the server may have been killed under it.
        self.client = Some(client);
        Ok(answer)
    }
}

fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}
