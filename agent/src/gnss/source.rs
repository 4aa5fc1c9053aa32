//! What the border knows about the source of the receiver's bytes, and the ledger has to know too.

use serde::{Deserialize, Serialize};

/// What became of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Open: bytes may come.
    Open,
    /// The receiver talks at this line speed, bit/s; three good sentences say so.
    Proven(u32),
    /// Not there: unplugged, taken by another program, or its gpsd is gone.
    Gone,
}
