//! The facilities that the truck may visit, ready for the tracker.
//!
//! `geojson` reads and judges the file; this file holds the result: fences in the order of their keys, so that the order
//! of features in a file never shows in what is decided.

mod geojson;

use geofence::{FenceKey, Fences, Position, Shape};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use geojson::read;

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
        [Self::Approach, Self::Queue, Self::Site, Self::Gate, Self::Yard, Self::Dock]
            .into_iter()
            .find(|zone| zone.name() == word)
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

#[derive(Debug, Clone, PartialEq)]
enum Outline {
    Polygon { vertices: Vec<Position>, ring_ends: Vec<usize> },
    Circle { centre: Position, radius_m: f64 },
}

impl Outline {
    fn shape(&self) -> Shape<'_> {
        match self {
            Self::Polygon { vertices, ring_ends } => Shape::Polygon { vertices, ring_ends },
            Self::Circle { centre, radius_m } => Shape::Circle { centre: *centre, radius_m: *radius_m },
        }
    }

    /// The canonical bytes of the geometry: what its hash covers.
    fn hash(&self, hasher: &mut Sha256) {
        let mut position = |p: &Position| {
            hasher.update(p.lat_e7().to_le_bytes());
            hasher.update(p.lon_e7().to_le_bytes());
        };
        match self {
            Self::Polygon { vertices, ring_ends } => {
                vertices.iter().for_each(&mut position);
                for end in ring_ends {
                    hasher.update((*end as u64).to_le_bytes());
                }
            }
            Self::Circle { centre, radius_m } => {
                position(centre);
                hasher.update(radius_m.to_bits().to_le_bytes());
            }
        }
    }
}

/// One fence of one facility.
#[derive(Debug, Clone, PartialEq)]
struct Fence {
    key: FenceKey,
    facility: usize,
    zone: Zone,
    outline: Outline,
    bounds: Bounds,
}

/// A box around an outline, as offsets from a corner of it, so that the antimeridian is no wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    origin: Position,
    west: i64,
    east: i64,
    south: i64,
    north: i64,
}

/// Metres as 1e-7 degree at some place, rounded up.
#[derive(Debug, Clone, Copy)]
struct Margin {
    lat: i64,
    lon: i64,
}

impl Margin {
    fn of(metres: f64, place: Position) -> Self {
        // 1e-7 degree of latitude is at least 1.1057 cm; towards the poles degrees of longitude shrink.
        let lat = metres / 0.011;
        let shrink = libm::cos(place.lat().to_radians()).max(0.01);
        #[allow(clippy::cast_possible_truncation, reason = "`as` saturates; a huge box is only slower")]
        let (lat, lon) = (lat as i64, (lat / shrink) as i64);
        // No further than round the earth, so that sums of margins and offsets cannot overflow.
        let units = |units: i64| (units + 1).min(3_600_000_000);
        Self { lat: units(lat), lon: units(lon) }
    }
}

impl Bounds {
    fn around(outline: &Outline) -> Option<Self> {
        let (origin, pad_lat, pad_lon) = match outline {
            Outline::Polygon { vertices, .. } => (*vertices.first()?, 0, 0),
            Outline::Circle { centre, radius_m } => {
                let margin = Margin::of(*radius_m, *centre);
                (*centre, margin.lat, margin.lon)
            }
        };
        let mut bounds = Self { origin, west: -pad_lon, east: pad_lon, south: -pad_lat, north: pad_lat };
        if let Outline::Polygon { vertices, .. } = outline {
            for vertex in vertices {
                let (east, north) = vertex.offset_e7(origin);
                bounds.west = bounds.west.min(east);
                bounds.east = bounds.east.max(east);
                bounds.south = bounds.south.min(north);
                bounds.north = bounds.north.max(north);
            }
        }
        Some(bounds)
    }

    fn reaches(&self, position: Position, margin: Margin) -> bool {
        let (east, north) = position.offset_e7(self.origin);
        (self.west - margin.lon..=self.east + margin.lon).contains(&east)
            && (self.south - margin.lat..=self.north + margin.lat).contains(&north)
    }
}

/// All facilities of one file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facilities {
    facilities: Vec<Facility>,
    /// In ascending order of their keys.
    fences: Vec<Fence>,
    revision: u64,
}

/// A fence before it is known whether its facility exists.
struct Draft {
    feature_id: String,
    facility: usize,
    zone: Zone,
    outline: Outline,
}

impl Facilities {
    fn build(mut facilities: Vec<Facility>, drafts: Vec<Draft>) -> Self {
        let mut fences: Vec<Fence> = drafts.into_iter().filter_map(|d| fence(d, &facilities)).collect();
        fences.sort_by_key(|fence| fence.key);
        let mut hashers = vec![Sha256::new(); facilities.len()];
        for fence in &fences {
            if let Some(hasher) = hashers.get_mut(fence.facility) {
                hasher.update(fence.zone.name());
                fence.outline.hash(hasher);
            }
        }
        for (facility, hasher) in facilities.iter_mut().zip(hashers) {
            facility.revision = format!("{:016x}", first_u64(hasher));
        }
        let mut hasher = Sha256::new();
        for fence in &fences {
            hasher.update(fence.key.0.to_le_bytes());
        }
        let revision = first_u64(hasher);
        Self { facilities, fences, revision }
    }

    /// The facility of fence `index` and the fence's role in it.
    #[must_use]
    pub fn of(&self, index: usize) -> Option<(&Facility, Zone)> {
        let fence = self.fences.get(index)?;
        self.facilities.get(fence.facility).map(|facility| (facility, fence.zone))
    }

    /// All facilities, in the order of the file.
    #[must_use]
    pub fn facilities(&self) -> &[Facility] {
        &self.facilities
    }
}

impl Fences for Facilities {
    fn len(&self) -> usize {
        self.fences.len()
    }

    fn key(&self, index: usize) -> Option<FenceKey> {
        self.fences.get(index).map(|fence| fence.key)
    }

    fn find(&self, key: FenceKey) -> Option<usize> {
        self.fences.binary_search_by_key(&key, |fence| fence.key).ok()
    }

    fn signed_distance_m(&self, index: usize, position: Position) -> Option<f64> {
        self.fences.get(index).map(|fence| fence.outline.shape().signed_distance_m(position))
    }

    fn depth_m(&self, index: usize) -> Option<f64> {
        self.fences.get(index).map(|fence| fence.outline.shape().depth_m())
    }

    fn around(&self, position: Position, within_m: f64, visit: &mut dyn FnMut(usize)) {
        let margin = Margin::of(within_m, position);
        for (index, fence) in self.fences.iter().enumerate() {
            if fence.bounds.reaches(position, margin) {
                visit(index);
            }
        }
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}

fn fence(draft: Draft, facilities: &[Facility]) -> Option<Fence> {
    let mut hasher = Sha256::new();
    for part in [facilities.get(draft.facility)?.id.as_str(), draft.zone.name(), &draft.feature_id] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    draft.outline.hash(&mut hasher);
    Some(Fence {
        key: FenceKey(first_u64(hasher)),
        facility: draft.facility,
        zone: draft.zone,
        bounds: Bounds::around(&draft.outline)?,
        outline: draft.outline,
    })
}

fn first_u64(hasher: Sha256) -> u64 {
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |value, byte| (value << 8) | u64::from(*byte))
}
