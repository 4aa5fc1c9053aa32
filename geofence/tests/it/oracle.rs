//! Containment and distance against `geo`, on random stars and on points that lie exactly on vertices and edges.

use geo::{Distance, Euclidean, Intersects};
use geofence::{Position, Shape};
use proptest::prelude::*;

/// A star around (lat, lon): radii in metres, evenly spread.
fn star(lat: f64, lon: f64, radii: &[f64]) -> Vec<Position> {
    let step = std::f64::consts::TAU / f64::from(u32::try_from(radii.len()).unwrap());
    let corner = |(index, radius): (usize, &f64)| {
        let angle = step * f64::from(u32::try_from(index).unwrap());
        let (north, east) = (radius * angle.sin() / 111_000.0, radius * angle.cos() / 111_000.0);
        Position::from_degrees(lat + north, lon + east / lat.to_radians().cos()).unwrap()
    };
    radii.iter().enumerate().map(corner).collect()
}

/// The same outline for `geo`, in units of 1e-7 degree: integers, so nothing is rounded.
fn planar(vertices: &[Position]) -> geo::Polygon<f64> {
    let coord = |p: &Position| geo::Coord { x: f64::from(p.lon_e7()), y: f64::from(p.lat_e7()) };
    geo::Polygon::new(vertices.iter().map(coord).collect(), Vec::new())
}

proptest! {
    #[test]
    fn containment_is_that_of_geo_edges_included(
        lat in -69.0..69.0f64, lon in -179.0..179.0f64,
        radii in proptest::collection::vec(60.0..400.0f64, 4..30),
        points in proptest::collection::vec((-500.0..500.0f64, -500.0..500.0f64), 20),
    ) {
        let vertices = star(lat, lon, &radii);
        let ends = [vertices.len()];
        let shape = Shape::Polygon { vertices: &vertices, ring_ends: &ends };
        let oracle = planar(&vertices);
        let random = points.iter().map(|(e, n)| {
            Position::from_degrees(lat + n / 111_000.0, lon + e / 111_000.0 / lat.to_radians().cos()).unwrap()
        });
        for point in random.chain(vertices.iter().copied()) {
            let inside = oracle.intersects(&geo::Point::new(f64::from(point.lon_e7()), f64::from(point.lat_e7())));
            prop_assert_eq!(shape.signed_distance_m(point) <= 0.0, inside, "{:?}", point);
        }
    }

    #[test]
    fn distance_is_that_of_geo_in_a_local_plane(
        lat in 0.0..70.0f64, radii in proptest::collection::vec(60.0..400.0f64, 4..20),
        east in -900.0..900.0f64, north in -900.0..900.0f64,
    ) {
        let vertices = star(lat, 10.0, &radii);
        let ends = [vertices.len()];
        let point = Position::from_degrees(lat + north / 111_000.0, 10.0 + east / 111_000.0 / lat.to_radians().cos()).unwrap();
        let ours = Shape::Polygon { vertices: &vertices, ring_ends: &ends }.signed_distance_m(point).abs();
        // Metres of the plane through geo's own geodesic: Karney's distance along each axis from the point.
        let plane = |p: &Position| {
            let here = geo::Point::new(point.lon(), point.lat());
            let along = |x, y| geo::Geodesic.distance(here, geo::Point::new(x, y));
            let (x, y) = (along(p.lon(), point.lat()), along(point.lon(), p.lat()));
            geo::Coord { x: x.copysign(p.lon() - point.lon()), y: y.copysign(p.lat() - point.lat()) }
        };
        let ring: geo::LineString<f64> = vertices.iter().chain(vertices.first()).map(plane).collect();
        let theirs = Euclidean.distance(&geo::Point::new(0.0, 0.0), &ring);
        // The plane through the point itself has another scale than the mid-latitude one: centimetres at 1 km.
        prop_assert!((ours - theirs).abs() < 0.15, "{} against {}", ours, theirs);
    }
}
