//! The outline of a fence as somebody drew it, and boxes around outlines.

use geofence::{Position, Shape};
use sha2::{Digest, Sha256};

/// Units of 1e-7 degree in a full circle.
pub(super) const CIRCLE_E7: i64 = 3_600_000_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outline {
    /// As [`Shape::Polygon`]: the closing position of a ring comes first in the file and last here, once.
    Polygon {
        vertices: Vec<Position>,
        ring_ends: Vec<usize>,
    },
    Circle {
        centre: Position,
        radius_m: f64,
    },
}

impl Outline {
    pub(super) fn shape(&self) -> Shape<'_> {
        match self {
            Self::Polygon { vertices, ring_ends } => Shape::Polygon { vertices, ring_ends },
            Self::Circle { centre, radius_m } => Shape::Circle { centre: *centre, radius_m: *radius_m },
        }
    }

    /// A position of the outline, the same for the same outline.
    pub(super) fn anchor(&self) -> Option<Position> {
        match self {
            Self::Polygon { vertices, .. } => vertices.first().copied(),
            Self::Circle { centre, .. } => Some(*centre),
        }
    }

    /// The rings of a polygon, none for a circle.
    pub(super) fn rings(&self) -> impl Iterator<Item = &[Position]> {
        let (vertices, ends): (&[Position], &[usize]) = match self {
            Self::Polygon { vertices, ring_ends } => (vertices, ring_ends),
            Self::Circle { .. } => (&[], &[]),
        };
        std::iter::once(&0).chain(ends).zip(ends).filter_map(|(&begin, &end)| vertices.get(begin..end))
    }

    /// The canonical bytes of the geometry: what its hash covers.
    pub(super) fn hash(&self, hasher: &mut Sha256) {
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

/// Metres per 1e-7 degree (east, north) around a place, good for looking at outlines; decisions are geofence's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    pub(super) origin: Position,
    pub(super) east_m: f64,
    pub(super) north_m: f64,
}

impl Plane {
    pub(super) fn at(origin: Position) -> Self {
        // WGS 84 radii of curvature, as geofence has them.
        let sin = libm::sin(origin.lat().to_radians());
        let w2 = 1.0 - 6.694_379_990_14e-3 * sin * sin;
        let prime_vertical_m = 6_378_137.0 / libm::sqrt(w2);
        let meridian_m = prime_vertical_m * (1.0 - 6.694_379_990_14e-3) / w2;
        let unit = 1e-7_f64.to_radians();
        // At a pole east has no length; what is divided by it must stay finite.
        let cos = libm::cos(origin.lat().to_radians()).max(1e-6);
        Self { origin, east_m: prime_vertical_m * cos * unit, north_m: meridian_m * unit }
    }

    /// Metres east and north of the origin.
    #[allow(clippy::cast_precision_loss, reason = "offsets are below 2^53")]
    pub(super) fn metres(self, position: Position) -> (f64, f64) {
        let (east, north) = position.offset_e7(self.origin);
        (east as f64 * self.east_m, north as f64 * self.north_m)
    }

    /// The position so many metres east and north, `None` beyond a pole.
    pub(super) fn position(self, east_m: f64, north_m: f64) -> Option<Position> {
        let lat = self.origin.lat() + north_m / self.north_m * 1e-7;
        let lon = self.origin.lon() + east_m / self.east_m * 1e-7;
        let lon = if lon > 180.0 {
            lon - 360.0
        } else if lon < -180.0 {
            lon + 360.0
        } else {
            lon
        };
        Position::from_degrees(lat, lon)
    }
}

/// A box in 1e-7 degree. `west` lies within -180 and 180 degrees, `east` beyond 180 where it crosses the antimeridian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) west: i64,
    pub(super) east: i64,
    pub(super) south: i64,
    pub(super) north: i64,
}

impl Extent {
    /// The smallest box around positions that lie within half of the earth of the first.
    pub(super) fn around(positions: &[Position]) -> Option<Self> {
        let origin = *positions.first()?;
        let mut extent = Self { west: 0, east: 0, south: 0, north: 0 };
        for position in positions {
            let (east, north) = position.offset_e7(origin);
            extent.west = extent.west.min(east);
            extent.east = extent.east.max(east);
            extent.south = extent.south.min(north);
            extent.north = extent.north.max(north);
        }
        Some(extent.placed(origin))
    }

    pub(super) fn of(outline: &Outline) -> Option<Self> {
        match outline {
            Outline::Polygon { vertices, .. } => Self::around(vertices),
            Outline::Circle { centre, radius_m } => {
                let point = Self { west: 0, east: 0, south: 0, north: 0 };
                Some(point.widened(*radius_m, Plane::at(*centre)).placed(*centre))
            }
        }
    }

    fn placed(self, origin: Position) -> Self {
        let (lat, lon) = (i64::from(origin.lat_e7()), i64::from(origin.lon_e7()));
        let shift = if self.west + lon < -CIRCLE_E7 / 2 { lon + CIRCLE_E7 } else { lon };
        Self { west: self.west + shift, east: self.east + shift, south: self.south + lat, north: self.north + lat }
    }

    /// The box with so many metres around it.
    pub(super) fn widened(self, metres: f64, plane: Plane) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "`as` saturates; a huge box is only slower")]
        let units = |unit_m: f64| ((metres / unit_m) as i64 + 1).min(CIRCLE_E7 / 4);
        let (lon, lat) = (units(plane.east_m), units(plane.north_m));
        Self { west: self.west - lon, east: self.east + lon, south: self.south - lat, north: self.north + lat }
    }
}

/// Calls `visit` with every pair of boxes that meet, the lower number first. A sweep from west to east: what it compares
/// grows with the boxes that lie above one another, not with their number.
pub(super) fn pairs(boxes: &[Extent], mut visit: impl FnMut(usize, usize)) {
    let easternmost = boxes.iter().map(|b| b.east).max().unwrap_or(0);
    let mut order: Vec<(i64, usize)> = boxes.iter().enumerate().map(|(index, b)| (b.west, index)).collect();
    // A box beyond 180 degrees meets those that begin at -180 once more round the earth.
    let again = |&(west, index): &(i64, usize)| (west + CIRCLE_E7 <= easternmost).then_some((west + CIRCLE_E7, index));
    let once_more: Vec<_> = order.iter().filter_map(again).collect();
    order.extend(once_more);
    order.sort_unstable();
    for (n, &(west, index)) in order.iter().enumerate() {
        let Some(this) = boxes.get(index) else { continue };
        // The second time round only to be met.
        if west != this.west {
            continue;
        }
        for &(other_west, other) in order.iter().skip(n + 1) {
            if other_west > this.east {
                break;
            }
            let Some(that) = boxes.get(other) else { continue };
            if that.south <= this.north && that.north >= this.south && other != index {
                visit(index.min(other), index.max(other));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(lat: f64, lon: f64) -> Position {
        Position::from_degrees(lat, lon).unwrap()
    }

    #[test]
    fn boxes_meet_across_the_antimeridian() {
        let around = |lon: f64| {
            let wrapped = if lon > 180.0 { lon - 360.0 } else { lon };
            Extent::around(&[at(0.0, lon - 0.1), at(0.1, wrapped)]).unwrap()
        };
        let mut met = Vec::new();
        pairs(&[around(-179.85), around(180.05), around(0.0), around(179.96)], |a, b| met.push((a, b)));
        met.sort_unstable();
        assert_eq!(met, [(0, 1), (1, 3)]);
    }

    #[test]
    fn a_plane_goes_there_and_back() {
        let plane = Plane::at(at(52.0, 179.999));
        let there = plane.position(500.0, -300.0).unwrap();
        let (east, north) = plane.metres(there);
        assert!(there.lon() < 0.0 && (east - 500.0).abs() < 0.02 && (north + 300.0).abs() < 0.02);
        assert!((geofence::distance_m(plane.origin, there) - 583.095).abs() < 0.05);
    }

    proptest! {
        #[test]
        fn the_sweep_finds_what_comparing_all_finds(
            boxes in prop::collection::vec((-50_i64..50, 0_i64..20, -50_i64..50, 0_i64..20), 0..40)
        ) {
            let boxes: Vec<_> = boxes.into_iter().map(|(west, width, south, height)| {
                Extent { west, east: west + width, south, north: south + height }
            }).collect();
            let mut found = Vec::new();
            pairs(&boxes, |a, b| found.push((a, b)));
            found.sort_unstable();
            let mut all = Vec::new();
            for (a, x) in boxes.iter().enumerate() {
                for (b, y) in boxes.iter().enumerate().skip(a + 1) {
                    if x.west <= y.east && y.west <= x.east && x.south <= y.north && y.south <= x.north {
                        all.push((a, b));
                    }
                }
            }
            prop_assert_eq!(found, all);
        }
    }
}
