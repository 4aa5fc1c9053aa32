//! The atlas against other people's geometry and against looking at every fence.

use crate::scene::{Drawn, Rng, Scene, draw, key, moved, planar_coord, scenes};
use geo::{Distance, Geodesic, Intersects};
use geofence::{Atlas, AtlasBuilder, BuildError, FenceKey, Fences, Position, Shape, ShapeError, Vicinity};

/// Vertices of fences between these spans are moved by up to one unit.
const SNAPPED_E7: std::ops::Range<i64> = 65_535..131_080;
const DISAGREEMENT_MAX_M: f64 = 0.02;

#[test]
fn containment_is_that_of_geo_edges_included() {
    for (name, scene) in scenes() {
        let (atlas, mut rng) = (scene.atlas(), Rng(11));
        let (mut compared, mut inside) = (0, 0);
        for (index, fence) in scene.fences.iter().enumerate().filter(|(_, fence)| fence.circle.is_none()) {
            let oracle = fence.planar();
            for place in places_at(fence, &mut rng) {
                let theirs = oracle.intersects(&geo::Point(planar_coord(fence.vertices[0], place)));
                let ours = atlas.contains(index, place).unwrap();
                let distance_m = fence.shape().signed_distance_m(place).abs();
                let may_differ = SNAPPED_E7.contains(&fence.span_e7()) && distance_m < DISAGREEMENT_MAX_M;
                assert!(ours == theirs || may_differ, "{name}, fence {index}, {place:?}: {distance_m} m");
                (compared, inside) = (compared + 1, inside + usize::from(theirs));
            }
        }
        assert!(inside * 10 > compared && inside * 10 < compared * 9, "{name}: {inside} of {compared}");
    }
}

/// Vertices, the units around them, middles of edges, and anywhere near.
fn places_at(fence: &Drawn, rng: &mut Rng) -> Vec<Position> {
    let mut places = Vec::new();
    for ring in fence.rings() {
        for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            let middle = b.offset_e7(*a);
            for (x, y) in [(0, 0), (1, 0), (0, -1), (middle.0 / 2, middle.1 / 2), (middle.0 / 3 + 1, middle.1 / 3)] {
                let lon = i64::from(a.lon_e7()) + x;
                let lon = if lon > 1_800_000_000 { lon - 3_600_000_000 } else { lon };
                #[allow(clippy::cast_precision_loss, reason = "below 2^33")]
                places.extend(Position::from_degrees((i64::from(a.lat_e7()) + y) as f64 / 1e7, lon as f64 / 1e7));
            }
        }
    }
    let anchor = fence.anchor();
    let mut near = |m: f64| moved(anchor.lat(), anchor.lon(), rng.between(-m, m), rng.between(-m, m));
    places.extend((0..20).flat_map(|_| [near(100.0), near(1_000.0)]));
    places
}

#[test]
fn a_tenth_of_a_millimetre_beside_an_edge_geo_agrees_within_the_quantum() {
    let scene = Scene::random(21, 60, (45.0, 7.0), 5_000.0, (60.0, 900.0));
    let atlas = scene.atlas();
    for (index, fence) in scene.fences.iter().enumerate().filter(|(_, fence)| fence.circle.is_none()) {
        let oracle = fence.planar();
        for place in &fence.vertices {
            for beside in [(1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3), (0.0, -1e-3), (1e-5, 1e-5)] {
                let coord = planar_coord(fence.vertices[0], *place);
                let theirs = oracle.intersects(&geo::Point::new(coord.x + beside.0, coord.y + beside.1));
                let distance_m = atlas.signed_distance_m(index, *place).unwrap();
                assert!(distance_m.abs() < DISAGREEMENT_MAX_M || theirs == (distance_m <= 0.0));
            }
        }
    }
}

#[test]
fn an_edge_that_two_fences_share_belongs_to_both() {
    // 1 km of edge, so that both are on the coarser grid, with odd coordinates.
    let at = |lon: f64, lat: f64| Position::from_degrees(lat, lon).unwrap();
    let west = [at(10.000_000_1, 50.0), at(10.010_000_1, 50.000_000_3), at(10.010_000_3, 50.01), at(10.0, 50.01)];
    let east = [west[2], west[1], at(10.02, 50.0), at(10.02, 50.01)];
    let mut builder = AtlasBuilder::new(1);
    builder.add(key(0), 0, 0, &Shape::Polygon { vertices: &west, ring_ends: &[4] }).unwrap();
    builder.add(key(1), 1, 0, &Shape::Polygon { vertices: &east, ring_ends: &[4] }).unwrap();
    let bytes = builder.finish().unwrap();
    let atlas = Atlas::open(&bytes).unwrap();
    for step in 1_i32..1_000 {
        for lon in 100_100_000..100_100_006 {
            let place = at(f64::from(lon) / 1e7, 50.0 + f64::from(step) * 1e-5);
            let sides = [0, 1].map(|index| atlas.signed_distance_m(index, place).unwrap());
            assert!(sides[0] <= 0.0 || sides[1] <= 0.0, "{place:?} is in neither: {sides:?}");
            assert_eq!(sides[0] <= 0.0 && sides[1] <= 0.0, sides[0] == 0.0 && sides[1] == 0.0);
        }
    }
}

/// The least geodesic distance (Karney 2013) to a boundary whose edges are straight in degrees.
fn geodesic_m(fence: &Drawn, place: Position) -> f64 {
    let here = geo::Point::new(place.lon(), place.lat());
    let mut nearest = f64::INFINITY;
    for ring in fence.rings() {
        for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            let span = planar_coord(*a, *b);
            let at = |share: f64| {
                let there = geo::Point::new(a.lon() + share * span.x / 1e7, a.lat() + share * span.y / 1e7);
                Geodesic.distance(here, there)
            };
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..40 {
                let third = (high - low) / 3.0;
                if at(low + third) < at(high - third) { high -= third } else { low += third }
            }
            nearest = nearest.min(at(low));
        }
    }
    nearest
}

#[test]
fn distances_are_geodesics_within_a_centimetre_at_a_kilometre() {
    for (step, lat) in (0_u64..).zip([0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0]) {
        for lon in [23.0, 179.995] {
            let mut rng = Rng(100 + step);
            let fences: Vec<Drawn> = [40.0, 150.0, 300.0, 450.0, 900.0]
                .into_iter()
                .flat_map(|radius| [radius; 3])
                .map(|radius| draw(&mut rng, lat, lon, radius))
                .collect();
            let scene = Scene::new(fences);
            let atlas = scene.atlas();
            for (index, fence) in scene.fences.iter().enumerate() {
                let place = moved(lat, lon, rng.between(-1_000.0, 1_000.0), rng.between(-1_000.0, 1_000.0));
                let ours = atlas.signed_distance_m(index, place).unwrap();
                let theirs = match fence.circle {
                    Some((centre, radius)) => {
                        let point = |p: Position| geo::Point::new(p.lon(), p.lat());
                        (Geodesic.distance(point(place), point(centre)) - radius).abs()
                    }
                    None => geodesic_m(fence, place),
                };
                let moved_m = if fence.circle.is_none() && SNAPPED_E7.contains(&fence.span_e7()) { 0.016 } else { 0.0 };
                assert!((ours.abs() - theirs).abs() < 0.01 + moved_m, "{lat} {lon} {index}: {ours} against {theirs}");
            }
        }
    }
}

#[test]
fn long_edges_are_straight_in_degrees() {
    let mut rng = Rng(131);
    for lat in [0.0, 35.0, 60.0, 70.0] {
        let at = |lon: f64, north: f64| Position::from_degrees(lat + north, 20.0 + lon).unwrap();
        let vertices = vec![at(0.0, 0.0), at(0.4, 0.15), at(0.1, 0.3), at(-0.4, 0.1)];
        let fence = Drawn { vertices, ring_ends: vec![4], holes: vec![false], circle: None };
        let scene = Scene::new(vec![fence]);
        let (fence, atlas) = (&scene.fences[0], scene.atlas());
        for (a, b) in fence.vertices.iter().zip(fence.vertices.iter().cycle().skip(1)) {
            let (share, aside) = (rng.between(0.1, 0.9), rng.between(-900.0, 900.0));
            let lon = a.lon() + share * (b.lon() - a.lon());
            let place = moved(a.lat() + share * (b.lat() - a.lat()), lon, aside / 3.0, aside);
            let (ours, theirs) = (atlas.signed_distance_m(0, place).unwrap(), geodesic_m(fence, place));
            assert!((ours.abs() - theirs).abs() < 0.01, "{lat}: {ours} against {theirs}");
            let clearance = atlas.clearance_m(place);
            assert!((clearance - theirs).abs() < 0.01, "{lat}: {clearance} against {theirs}");
        }
    }
}

#[test]
fn an_atlas_says_what_the_shapes_say() {
    for (name, scene) in scenes() {
        let (atlas, mut rng) = (scene.atlas(), Rng(31));
        assert_eq!(
            (atlas.len(), atlas.revision(), atlas.payload()),
            (scene.fences.len(), 7, &b"what the caller likes"[..])
        );
        for (index, fence) in scene.fences.iter().enumerate() {
            let number = u32::try_from(index).unwrap();
            assert_eq!((atlas.key(index), atlas.find(key(number))), (Some(key(number)), Some(index)));
            assert_eq!((atlas.owner(index), atlas.zone(index)), (Some(number), Some(3)));
            let (ours, theirs) = (atlas.depth_m(index).unwrap(), fence.shape().depth_m());
            assert!(ours <= theirs && ours > theirs * 0.999_999);
            let anchor = fence.anchor();
            for metres in [0.0, 30.0, 200.0, 900.0] {
                let place = moved(anchor.lat(), anchor.lon(), metres * rng.between(-1.0, 1.0), metres);
                let ours = atlas.signed_distance_m(index, place).unwrap();
                let theirs = fence.shape().signed_distance_m(place);
                // `Shape` takes the scale at the first vertex: off by the fence's height over the earth's radius.
                let size_m = fence.circle.map_or(0.0, |(_, radius)| radius / 4.0)
                    + if fence.circle.is_none() { fence_height_m(fence) } else { 0.0 };
                let tolerance = 0.02 + (theirs.abs() + size_m.min(theirs.abs())) * size_m / 1e6;
                assert!((ours - theirs).abs() <= tolerance, "{name}, {index}: {ours} against {theirs}");
                assert_eq!(atlas.contains(index, place), Some(ours <= 0.0));
            }
        }
        assert_eq!((atlas.key(atlas.len()), atlas.find(FenceKey(3)), atlas.owner(atlas.len())), (None, None, None));
    }
}

#[allow(clippy::cast_precision_loss, reason = "below 2^33")]
fn fence_height_m(fence: &Drawn) -> f64 {
    fence.span_e7() as f64 * 0.0112
}

#[test]
fn a_circle_is_decided_as_its_distance_says() {
    let scene = Scene::random(41, 200, (52.0, 13.0), 3_000.0, (0.5, 2_000.0));
    let (atlas, mut rng) = (scene.atlas(), Rng(42));
    for (index, (centre, radius)) in scene.fences.iter().enumerate().filter_map(|(i, f)| Some((i, f.circle?))) {
        for _ in 0..300 {
            let (angle, away) = (rng.between(0.0, 6.3), radius + rng.between(-0.05, 0.05));
            let place = moved(centre.lat(), centre.lon(), away * angle.cos(), away * angle.sin());
            let distance_m = atlas.signed_distance_m(index, place).unwrap();
            assert_eq!(atlas.contains(index, place), Some(distance_m <= 0.0));
            let theirs = Shape::Circle { centre, radius_m: radius }.signed_distance_m(place);
            assert!((distance_m - theirs).abs() < 0.002, "{distance_m} against {theirs}");
        }
    }
}

fn gathered(search: impl FnOnce(&mut dyn FnMut(usize))) -> Vec<usize> {
    let mut found = Vec::new();
    search(&mut |index| found.push(index));
    found
}

#[test]
fn nothing_around_is_left_out_and_all_is_in_order_once() {
    for (name, scene) in scenes() {
        let (atlas, mut rng) = (scene.atlas(), Rng(51));
        for place in scene.places(&mut rng, 20_000.0).into_iter().step_by(5) {
            let distances: Vec<f64> =
                (0..atlas.len()).map(|index| atlas.signed_distance_m(index, place).unwrap()).collect();
            let within = |metres: f64| (0..atlas.len()).filter(|&i| distances[i] <= metres).collect::<Vec<_>>();
            assert_eq!(gathered(|visit| atlas.containing(place, visit)), within(0.0), "{name} {place:?}");
            for metres in [0.0, 10.0, 300.0, 5_000.0, 40_000.0] {
                let found = gathered(|visit| atlas.around(place, metres, visit));
                assert!(found.is_sorted_by(|a, b| a < b));
                let missed = within(metres).into_iter().find(|index| found.binary_search(index).is_err());
                assert_eq!(missed, None, "{name}: {metres} m around {place:?}");
            }
            assert_eq!(gathered(|visit| atlas.around(place, f64::INFINITY, visit)).len(), atlas.len());
        }
        assert!(gathered(|visit| atlas.around(moved(0.0, 0.0, 0.0, 0.0), 1_000.0, visit)).is_empty());
    }
}

#[test]
fn clearance_is_no_more_than_to_the_nearest_boundary_and_not_much_less() {
    for (name, scene) in scenes() {
        let (atlas, mut rng) = (scene.atlas(), Rng(61));
        for place in scene.places(&mut rng, 20_000.0) {
            let clearance = atlas.clearance_m(place);
            let boundary = |index| atlas.signed_distance_m(index, place).unwrap().abs();
            let nearest = (0..atlas.len()).map(boundary).fold(f64::INFINITY, f64::min);
            assert!(clearance <= nearest + 1e-3, "{name} {place:?}: {clearance} but {nearest}");
            assert!(clearance >= nearest.min(30.0) - 1e-3, "{name} {place:?}: {clearance} of {nearest}");
        }
    }
    let nowhere = Scene::random(1, 3, (48.0, 11.0), 100.0, (50.0, 60.0));
    let clearance = nowhere.atlas().clearance_m(moved(-48.0, 11.0, 0.0, 0.0));
    assert!((clearance - 5_000.0).abs() < 1e-9, "where nothing is, the answer has an end: {clearance}");
}

#[test]
fn the_short_cut_changes_no_answer() {
    for (name, scene) in scenes() {
        let (atlas, mut rng) = (scene.atlas(), Rng(71));
        let (mut short, mut fixes) = (0, 0);
        for start in scene.places(&mut rng, 2_000.0).into_iter().step_by(40) {
            let (mut vicinity, mut answer) = (Vicinity::NOWHERE, Vec::new());
            let (mut east, mut north, course) = (0.0, 0.0, rng.between(0.0, 6.3));
            for _ in 0..200 {
                let place = moved(start.lat(), start.lon(), east, north);
                let full = gathered(|visit| atlas.containing(place, visit));
                if vicinity.holds(place) {
                    short += 1;
                } else {
                    vicinity = Vicinity::new(place, atlas.clearance_m(place));
                    answer.clone_from(&full);
                }
                assert_eq!(answer, full, "{name} {place:?}");
                fixes += 1;
                east += 3.0 * course.cos() + rng.between(-1.0, 1.0);
                north += 3.0 * course.sin() + rng.between(-1.0, 1.0);
            }
        }
        assert!(short * 5 > fixes, "{name}: {short} of {fixes} by the short cut");
    }
}

#[test]
fn more_fences_than_are_put_in_order_at_a_time_come_in_order() {
    let mut rng = Rng(81);
    let fences = (0..1_000).map(|_| {
        let (east, north) = (rng.between(-20.0, 20.0), rng.between(-20.0, 20.0));
        let centre = moved(60.0, 25.0, east, north);
        Drawn { vertices: vec![], ring_ends: vec![], holes: vec![], circle: Some((centre, rng.between(50.0, 90.0))) }
    });
    let scene = Scene::new(fences.collect());
    let all: Vec<usize> = (0..1_000).collect();
    assert_eq!(gathered(|visit| scene.atlas().containing(moved(60.0, 25.0, 0.0, 0.0), visit)), all);
}

#[test]
fn the_order_of_adding_does_not_matter_and_what_cannot_be_written_is_named() {
    let scene = Scene::random(91, 50, (40.0, -74.0), 20_000.0, (50.0, 900.0));
    let mut backwards = AtlasBuilder::new(7);
    for (number, fence) in (0_u32..).zip(&scene.fences).collect::<Vec<_>>().into_iter().rev() {
        backwards.add(key(number), number, 3, &fence.shape()).unwrap();
    }
    backwards.set_payload(b"what the caller likes".to_vec());
    assert!(backwards.finish().unwrap() == scene.bytes);

    let circle = |lat, radius_m| Shape::Circle { centre: moved(lat, 0.0, 0.0, 0.0), radius_m };
    let mut builder = AtlasBuilder::new(1);
    builder.add(key(0), 0, 0, &circle(0.0, 1.0)).unwrap();
    let refused = |error| Err(BuildError::Shape(error));
    assert_eq!(builder.add(key(1), 0, 0, &circle(0.0, 0.0)), refused(ShapeError::BadRadius));
    assert_eq!(builder.add(key(1), 0, 0, &circle(0.0, 6e5)), refused(ShapeError::TooLarge));
    assert_eq!(builder.add(key(1), 0, 0, &circle(89.999, 5e3)), refused(ShapeError::TooLarge));
    builder.add(key(0), 0, 0, &circle(0.0, 1.0)).unwrap();
    assert_eq!(builder.finish(), Err(BuildError::DuplicateKey(key(0))));
}
