//! The core from outside: drives drawn as text, properties, and `geo` as the oracle of geometry.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that indexes wrongly fails, which is what it is for"
)]

mod atlas;
mod atlas_file;
mod changes;
mod drawn;
mod oracle;
mod pictures;
mod properties;
mod receivers;
mod scene;
