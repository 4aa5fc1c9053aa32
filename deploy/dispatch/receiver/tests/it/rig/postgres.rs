//! A PostgreSQL server of the test's own, as the receiver is told about it.

use gatestamp_receiver::store::Place;
pub(crate) use hil_tests::postgresql::{Server, program};

pub(crate) fn place(server: &Server) -> Place {
    Place::Postgres { url: server.url(), ca: None }
}
