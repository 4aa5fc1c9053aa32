//! The facilities that the truck may visit: from the file that somebody drew to the atlas that decisions are made on.
//!
//! ```text
//!   GeoJSON --geojson, geometry--> Plan --compile--> atlas bytes --facilities--> Facilities: fences for the tracker,
//!      |                            |                (fences, table)             names for events
//!      +-> Finding: errors          +-> lint: Finding: warnings; show, svg
//! ```
//!
//! Fences are in the order of their keys and facilities in the order of their ids, so that the order of features in a file
//! shows neither in what is decided nor in the bytes.

mod compile;
mod facilities;
mod finding;
mod geojson;
mod geometry;
mod identity;
pub mod lint;
mod outline;
mod plan;
pub mod show;
pub mod svg;
mod table;

use crate::fault::Fault;
use serde::{Deserialize, Serialize};

pub use compile::compile;
pub use facilities::{Facilities, Unusable};
pub use finding::{Finding, Place, Severity};
pub use geojson::survey;
pub use plan::Plan;

/// The role of a fence within its facility.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// The road to the facility.
    Approach,
    /// Where trucks wait outside.
    Queue,
    /// The premises: entering is the arrival, leaving the departure.
    Site,
    /// The gate line.
    Gate,
    /// The yard inside.
    Yard,
    /// One dock or all of them.
    Dock,
}

impl Zone {
    /// All of them, from the outside to the inside. An atlas has them by their place here: new ones go to the end.
    pub const ALL: [Self; 6] = [Self::Approach, Self::Queue, Self::Site, Self::Gate, Self::Yard, Self::Dock];

    /// The word for it in facility files and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approach => "approach",
            Self::Queue => "queue",
            Self::Site => "site",
            Self::Gate => "gate",
            Self::Yard => "yard",
            Self::Dock => "dock",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|zone| zone.name() == word)
    }
}

/// What events say about a facility.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facility {
    /// Unique within the file.
    pub id: String,
    /// For people.
    pub name: String,
    /// IANA time zone, for whoever shows local times.
    pub tz: Option<String>,
    /// Hash of the geometry of all its fences: 16 hexadecimal digits.
    pub revision: String,
}

/// Reads the text of a facility file into memory. `file` is how faults name it.
///
/// # Errors
/// Every error in the file, each with the line of its feature.
pub fn read(file: &str, text: &str) -> Result<Facilities, Vec<Fault>> {
    let bytes = compiled(file, text)?;
    Facilities::open(bytes).map_err(|error| vec![error.fault(file)])
}

/// Reads the text of a facility file and compiles it to the bytes of an atlas.
///
/// # Errors
/// Every error in the file, each with the line of its feature.
pub fn compiled(file: &str, text: &str) -> Result<Vec<u8>, Vec<Fault>> {
    let (plan, errors) = survey(text);
    let compiled = if errors.is_empty() { compile(&plan) } else { Err(errors) };
    compiled.map_err(|errors| errors.iter().map(|error| error.fault(file)).collect())
}
