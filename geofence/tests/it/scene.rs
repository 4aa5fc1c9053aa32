//! Random fences of every kind, for the tests of the atlas.

use geofence::{Atlas, AtlasBuilder, FenceKey, Position, Shape};
use std::f64::consts::TAU;

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    #[allow(clippy::cast_precision_loss, reason = "53 bits")]
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.next() >> 11) as f64 / 9_007_199_254_740_992.0)
    }
}

/// A fence with what its outline is made of.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    pub(crate) vertices: Vec<Position>,
    pub(crate) ring_ends: Vec<usize>,
    /// Which rings are holes of the one before them.
    pub(crate) holes: Vec<bool>,
    pub(crate) circle: Option<(Position, f64)>,
}

impl Drawn {
    pub(crate) fn shape(&self) -> Shape<'_> {
        match self.circle {
            Some((centre, radius_m)) => Shape::Circle { centre, radius_m },
            None => Shape::Polygon { vertices: &self.vertices, ring_ends: &self.ring_ends },
        }
    }

    pub(crate) fn rings(&self) -> impl Iterator<Item = &[Position]> {
        let begins = std::iter::once(&0).chain(&self.ring_ends);
        begins.zip(&self.ring_ends).map(|(&begin, &end)| &self.vertices[begin..end])
    }

    /// For `geo`, around the first vertex, in units of 1e-7 degree: integers, so nothing is rounded.
    pub(crate) fn planar(&self) -> geo::MultiPolygon<f64> {
        let origin = self.vertices[0];
        let line = |ring: &[Position]| ring.iter().map(|p| planar_coord(origin, *p)).collect::<geo::LineString<f64>>();
        let mut polygons: Vec<geo::Polygon<f64>> = Vec::new();
        for (ring, hole) in self.rings().zip(&self.holes) {
            match polygons.last_mut().filter(|_| *hole) {
                Some(polygon) => polygon.interiors_push(line(ring)),
                None => polygons.push(geo::Polygon::new(line(ring), Vec::new())),
            }
        }
        geo::MultiPolygon(polygons)
    }

    pub(crate) fn anchor(&self) -> Position {
        self.circle.map_or_else(|| self.vertices[0], |(centre, _)| centre)
    }

    /// 1e-7 degree, the greater of both directions.
    pub(crate) fn span_e7(&self) -> i64 {
        let offsets: Vec<(i64, i64)> = self.vertices.iter().map(|p| p.offset_e7(self.vertices[0])).collect();
        let span =
            |of: fn(&(i64, i64)) -> i64| offsets.iter().map(of).max().unwrap() - offsets.iter().map(of).min().unwrap();
        span(|o| o.0).max(span(|o| o.1))
    }
}

#[allow(clippy::cast_precision_loss, reason = "below 2^33")]
pub(crate) fn planar_coord(origin: Position, p: Position) -> geo::Coord<f64> {
    let (x, y) = p.offset_e7(origin);
    geo::Coord { x: x as f64, y: y as f64 }
}

/// So many metres from a place given in degrees; longitudes beyond 180 come back on the other side.
pub(crate) fn moved(lat: f64, lon: f64, east_m: f64, north_m: f64) -> Position {
    let lon = lon + east_m / 111_320.0 / lat.to_radians().cos();
    let lon = if lon > 180.0 {
        lon - 360.0
    } else if lon < -180.0 {
        lon + 360.0
    } else {
        lon
    };
    Position::from_degrees((lat + north_m / 110_900.0).clamp(-90.0, 90.0), lon).unwrap()
}

fn star(rng: &mut Rng, lat: f64, lon: f64, radius_m: f64, count: u64) -> Vec<Position> {
    let corner = |number: u64, rng: &mut Rng| {
        #[allow(clippy::cast_precision_loss, reason = "a small number")]
        let angle = TAU * (number as f64 + rng.between(-0.15, 0.15)) / count as f64;
        let radius = radius_m * rng.between(0.65, 1.0);
        moved(lat, lon, radius * angle.cos(), radius * angle.sin())
    };
    (0..count).map(|number| corner(number, rng)).collect()
}

/// A fence of some kind around a place: stars clockwise or not, with a hole or repeated vertices, in two parts, circles.
pub(crate) fn draw(rng: &mut Rng, lat: f64, lon: f64, radius_m: f64) -> Drawn {
    let kind = rng.below(6);
    let count = 3 + if rng.below(5) == 0 { rng.below(300) } else { rng.below(40) };
    if kind == 0 {
        return Drawn {
            vertices: Vec::new(),
            ring_ends: Vec::new(),
            holes: Vec::new(),
            circle: Some((moved(lat, lon, 0.0, 0.0), radius_m)),
        };
    }
    let mut rings = vec![star(rng, lat, lon, radius_m, count.max(5))];
    let mut holes = vec![false];
    match kind {
        1 => {
            rings.push(star(rng, lat, lon, radius_m / 4.0, 8));
            holes.push(true);
        }
        2 => rings[0].reverse(),
        3 => {
            let again = rings[0][1];
            rings[0].insert(1, again);
        }
        4 => {
            let east = 2.5 * radius_m / 111_320.0 / lat.to_radians().cos();
            let lon = if lon + east > 180.0 { lon + east - 360.0 } else { lon + east };
            rings.push(star(rng, lat, lon, radius_m, 12));
            holes.push(false);
        }
        _ => {}
    }
    let mut ring_ends = Vec::new();
    let mut vertices = Vec::new();
    for ring in rings {
        vertices.extend(ring);
        ring_ends.push(vertices.len());
    }
    Drawn { vertices, ring_ends, holes, circle: None }
}

/// Fences and the file that has them, in the order of keys.
pub(crate) struct Scene {
    pub(crate) fences: Vec<Drawn>,
    pub(crate) bytes: Vec<u8>,
}

impl Scene {
    pub(crate) fn new(fences: Vec<Drawn>) -> Self {
        let mut builder = AtlasBuilder::new(7);
        for (number, fence) in (0_u32..).zip(&fences) {
            builder.add(key(number), number, 3, &fence.shape()).unwrap();
        }
        builder.set_payload(b"what the caller likes".to_vec());
        Self { fences, bytes: builder.finish().unwrap() }
    }

    /// `count` fences within `spread_m` metres of a place.
    pub(crate) fn random(seed: u64, count: usize, (lat, lon): (f64, f64), spread_m: f64, radius_m: (f64, f64)) -> Self {
        let mut rng = Rng(seed);
        let fence = |_| {
            let place = moved(lat, lon, rng.between(-spread_m, spread_m), rng.between(-spread_m, spread_m));
            let radius = rng.between(radius_m.0, radius_m.1);
            draw(&mut rng, place.lat(), place.lon(), radius)
        };
        Self::new((0..count).map(fence).collect())
    }

    pub(crate) fn atlas(&self) -> Atlas<'_> {
        Atlas::open(&self.bytes).unwrap()
    }

    /// Places where something may go wrong: near a fence, on its vertices and edges, far off.
    pub(crate) fn places(&self, rng: &mut Rng, reach_m: f64) -> Vec<Position> {
        let mut places = Vec::new();
        for fence in &self.fences {
            let anchor = fence.anchor();
            let mut near = |m: f64| moved(anchor.lat(), anchor.lon(), rng.between(-m, m), rng.between(-m, m));
            places.extend([near(50.0), near(500.0), near(reach_m)]);
            places.extend(fence.vertices.first());
        }
        places
    }
}

pub(crate) fn key(number: u32) -> FenceKey {
    FenceKey(u64::from(number) * 3 + 1)
}

/// Scenes that differ in what the grid has to do: one cell with hundreds, cells with few, the antimeridian, the far north,
/// fences of kilometres, and of whole countries over small ones.
pub(crate) fn scenes() -> Vec<(&'static str, Scene)> {
    let mut layers = Scene::random(5, 150, (40.0, -100.0), 60_000.0, (80.0, 500.0)).fences;
    layers.extend(Scene::random(6, 6, (40.0, -100.0), 90_000.0, (20_000.0, 90_000.0)).fences);
    layers.extend(Scene::random(7, 3, (40.0, -100.0), 90_000.0, (400_000.0, 490_000.0)).fences);
    vec![
        ("one yard", Scene::random(1, 300, (34.05, -118.25), 600.0, (5.0, 60.0))),
        ("a city", Scene::random(2, 200, (48.1, 11.6), 15_000.0, (75.0, 400.0))),
        ("the antimeridian", Scene::random(3, 150, (-17.0, 180.0), 4_000.0, (50.0, 900.0))),
        ("the far north", Scene::random(4, 150, (78.2, 15.6), 10_000.0, (50.0, 2_500.0))),
        ("near the pole", Scene::random(8, 60, (86.0, 40.0), 5_000.0, (50.0, 900.0))),
        ("layers", Scene::new(layers)),
    ]
}
