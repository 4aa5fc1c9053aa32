//! Which places does the truck know, and how are they written down for the agent?

use std::io;
use std::path::Path;

use serde::Serialize;

use super::fence::Polygon;
use super::ground::{Metres, Origin};

/// The role of a fence within its facility (the words of the agent's contract).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Zone {
    /// The facility itself: crossing it is an arrival or a departure.
    Site,
    /// Where trucks wait before the gate.
    Queue,
    /// Where trucks are loaded.
    Dock,
}

impl Zone {
    /// The word used in files and events.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Queue => "queue",
            Self::Dock => "dock",
        }
    }
}

/// One fence of a facility.
#[derive(Debug, Clone)]
pub struct Fence {
    /// Its role.
    pub zone: Zone,
    /// Its shape in the world's metres.
    pub polygon: Polygon,
}

/// A place with its fences.
#[derive(Debug, Clone)]
pub struct Facility {
    /// The id that events carry as their subject.
    pub id: &'static str,
    /// The name a dispatcher reads.
    pub name: &'static str,
    /// Its fences, the site first.
    pub fences: Vec<Fence>,
}

/// The time zone of every facility of the rig.
pub const TIME_ZONE: &str = "Europe/Berlin";

impl Facility {
    /// A facility with a site fence only.
    #[must_use]
    pub fn new(id: &'static str, name: &'static str, site: Polygon) -> Self {
        Self { id, name, fences: vec![Fence { zone: Zone::Site, polygon: site }] }
    }

    /// The same with one more fence.
    #[must_use]
    pub fn with(mut self, zone: Zone, polygon: Polygon) -> Self {
        self.fences.push(Fence { zone, polygon });
        self
    }

    fn features<'a>(&'a self, origin: &'a Origin) -> impl Iterator<Item = Feature<'a>> {
        self.fences.iter().map(|fence| self.feature(fence, origin))
    }

    fn feature(&self, fence: &Fence, origin: &Origin) -> Feature<'_> {
        let word = fence.zone.word();
        let properties = if fence.zone == Zone::Site {
            Properties { id: self.id.to_owned(), name: self.name.to_owned(), tz: TIME_ZONE, zone: None, parent: None }
        } else {
            let (id, name) = (format!("{}-{word}", self.id), format!("{}, {word}", self.name));
            Properties { id, name, tz: TIME_ZONE, zone: Some(word), parent: Some(self.id) }
        };
        let geometry = Geometry { kind: "Polygon", coordinates: [ring(&fence.polygon.corners, origin)] };
        Feature { kind: "Feature", properties, geometry }
    }
}

/// The members of RFC 7946, in the order in which people write them.
#[derive(Serialize)]
struct Feature<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    properties: Properties<'a>,
    geometry: Geometry,
}

#[derive(Serialize)]
struct Properties<'a> {
    id: String,
    name: String,
    tz: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<&'a str>,
}

#[derive(Serialize)]
struct Geometry {
    #[serde(rename = "type")]
    kind: &'static str,
    coordinates: [Vec<[f64; 2]>; 1],
}

/// The closed exterior ring of RFC 7946: longitude first, seven decimals (a centimetre).
fn ring(corners: &[Metres], origin: &Origin) -> Vec<[f64; 2]> {
    let rounded = |degrees: f64| (degrees * 1e7).round() / 1e7;
    corners
        .iter()
        .chain(corners.first())
        .map(|corner| {
            let at = origin.degrees(*corner);
            [rounded(at.lon), rounded(at.lat)]
        })
        .collect()
}

/// Writes the facilities as a GeoJSON `FeatureCollection`, a feature a line.
///
/// # Errors
/// When the file cannot be written.
pub fn write_geojson(facilities: &[Facility], origin: &Origin, file: &Path) -> io::Result<()> {
    let features = facilities.iter().flat_map(|facility| facility.features(origin));
    let lines = features.map(|feature| serde_json::to_string(&feature)).collect::<Result<Vec<_>, _>>()?;
    std::fs::write(file, format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}\n", lines.join(",\n")))
}
