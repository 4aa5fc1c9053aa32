//! What do the receiver's tests stand on?

pub(crate) mod broker;
pub(crate) mod event;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod truck;

use std::path::Path;

use gatestamp_receiver::store::Place;
use postgres::Server;

/// Runs what waits for packets.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// A database of each kind; tests that hold for dispatch hold on both.
pub(crate) enum Database {
    /// A file in the folder.
    Sqlite(Place),
    /// A server of its own.
    Postgres(Server),
}

impl Database {
    pub(crate) fn sqlite(dir: &Path) -> Self {
        Self::Sqlite(Place::Sqlite(dir.join("dispatch.db")))
    }

    pub(crate) fn postgres(dir: &Path) -> Self {
        Self::Postgres(Server::start(&dir.join("postgres")).expect("a database server"))
    }

    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Sqlite(place) => place.clone(),
            Self::Postgres(server) => postgres::place(server),
        }
    }
}
