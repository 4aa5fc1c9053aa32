//! Is a point of the world inside a fence, and how far from it?
//!
//! Plain floating point in metres, and on purpose nothing of `geofence`: a truth computed by the code under test proves nothing.

use super::ground::Metres;

/// A simple polygon in metres; the last corner joins the first.
#[derive(Debug, Clone)]
pub struct Polygon {
    /// Its corners, in order.
    pub corners: Vec<Metres>,
}

impl Polygon {
    /// An axis-parallel rectangle between two opposite corners.
    #[must_use]
    pub fn rectangle(west: f64, south: f64, east: f64, north: f64) -> Self {
        Self {
            corners: vec![
                Metres::new(west, south),
                Metres::new(east, south),
                Metres::new(east, north),
                Metres::new(west, north),
            ],
        }
    }

    /// The same shape elsewhere.
    #[must_use]
    pub fn moved(&self, by: Metres) -> Self {
        let moved = |corner: &Metres| Metres::new(corner.east + by.east, corner.north + by.north);
        Self { corners: self.corners.iter().map(moved).collect() }
    }

    /// Metres to the boundary: negative inside, positive outside.
    #[must_use]
    pub fn signed_distance(&self, point: Metres) -> f64 {
        let mut nearest = f64::INFINITY;
        let mut inside = false;
        for (from, to) in self.edges() {
            nearest = nearest.min(distance_to_segment(point, from, to));
            if (from.north > point.north) != (to.north > point.north) {
                let share = (point.north - from.north) / (to.north - from.north);
                if point.east < from.east + share * (to.east - from.east) {
                    inside = !inside;
                }
            }
        }
        if inside { -nearest } else { nearest }
    }

    fn edges(&self) -> impl Iterator<Item = (Metres, Metres)> {
        let next = self.corners.iter().cycle().skip(1);
        self.corners.iter().copied().zip(next.copied())
    }
}

fn distance_to_segment(point: Metres, from: Metres, to: Metres) -> f64 {
    let along = to.minus(from);
    let length_squared = along.east * along.east + along.north * along.north;
    let offset = point.minus(from);
    let share = (offset.east * along.east + offset.north * along.north) / length_squared;
    point.distance(from.towards(to, share.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_is_negative_and_outside_positive() {
        let yard = Polygon::rectangle(0.0, 0.0, 100.0, 50.0);
        assert!((yard.signed_distance(Metres::new(50.0, 10.0)) + 10.0).abs() < 1e-9);
        assert!((yard.signed_distance(Metres::new(130.0, 90.0)) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_notch_is_outside() {
        let corners = [(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (50.0, 20.0), (0.0, 100.0)];
        let yard = Polygon { corners: corners.map(|(e, n)| Metres::new(e, n)).to_vec() };
        assert!(yard.signed_distance(Metres::new(50.0, 60.0)) > 0.0);
        assert!(yard.signed_distance(Metres::new(50.0, 10.0)) < 0.0);
    }
}
