//! The workload: fences as a fleet's facilities lie, and one truck's day of fixes between them. One generator, two seeds.
//!
//! 300 clusters, 50 of them cities; stars of 10 to 60 vertices, some with a hole, circles as 64-gons so that every engine
//! gets the same, a few outlines of 2,000 vertices. The truck drives from fence to fence and stands there for half an hour.

use std::f64::consts::TAU;

pub(crate) const FENCE_SEED: u64 = 2026;
pub(crate) const TRACE_SEED: u64 = 1122;
pub(crate) const FIXES: usize = 86_400;

/// Metres per degree of latitude, and of longitude at the equator: good enough to place things.
const METRES_PER_LAT: f64 = 111_132.0;
const METRES_PER_LON: f64 = 111_320.0;

/// Longitude and latitude, degrees.
pub(crate) type Place = (f64, f64);

/// Outer ring and holes; the closing vertex is not repeated.
pub(crate) type Rings = Vec<Vec<Place>>;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Rng(u64);

impl Rng {
    #[allow(clippy::cast_precision_loss, reason = "53 bits")]
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as f64 / 9_007_199_254_740_992.0
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
    fn below(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }

    /// Normal, mean 0, sigma 1 (Box, Muller 1958).
    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (TAU * self.unit()).cos()
    }
}

fn moved((lon, lat): Place, east_m: f64, north_m: f64) -> Place {
    (lon + east_m / METRES_PER_LON / lat.to_radians().cos(), lat + north_m / METRES_PER_LAT)
}

/// From one place to another in metres (east, north).
fn between(from: Place, to: Place) -> (f64, f64) {
    let middle = f64::midpoint(from.1, to.1).to_radians();
    ((to.0 - from.0) * METRES_PER_LON * middle.cos(), (to.1 - from.1) * METRES_PER_LAT)
}

/// Centres of the fences' outlines and the outlines.
pub(crate) struct Fences {
    pub(crate) centres: Vec<Place>,
    pub(crate) outlines: Vec<Rings>,
}

pub(crate) fn fences(count: usize) -> Fences {
    let mut rng = Rng(FENCE_SEED);
    let cluster = |number: usize, rng: &mut Rng| {
        let centre = (rng.between(-122.0, -72.0), rng.between(29.0, 47.5));
        let sigma_m = if number < 50 { rng.between(12e3, 30e3) } else { rng.between(6e3, 20e3) };
        (centre, sigma_m)
    };
    let clusters: Vec<(Place, f64)> = (0..300).map(|number| cluster(number, &mut rng)).collect();
    let interval = count / (count / 2_000).max(2);
    let mut out = Fences { centres: Vec::with_capacity(count), outlines: Vec::with_capacity(count) };
    for number in 0..count {
        let centre = centre(&clusters, &mut rng);
        out.centres.push(centre);
        out.outlines.push(outline(centre, number % interval == 0, &mut rng));
    }
    out
}

fn centre(clusters: &[(Place, f64)], rng: &mut Rng) -> Place {
    if rng.unit() < 0.1 {
        return (rng.between(-124.0, -70.0), rng.between(27.0, 48.5));
    }
    let among = if rng.unit() < 0.6 { 50 } else { 300 };
    let (centre, sigma_m) = clusters[rng.below(among)];
    moved(centre, sigma_m * rng.normal(), sigma_m * rng.normal())
}

fn outline(centre: Place, huge: bool, rng: &mut Rng) -> Rings {
    if huge {
        let radius_m = rng.between(1_500.0, 3_000.0);
        return vec![star(centre, radius_m, 2_000, (0.85, 1.0), 1.0, 0.3, rng)];
    }
    if rng.unit() < 0.2 {
        let radius_m = rng.between(50.0, 500.0);
        return vec![star(centre, radius_m, 64, (1.0, 1.0), 1.0, 0.0, rng)];
    }
    let radius_m = rng.between(75.0, 400.0);
    let (count, scale) = (10 + rng.below(51), rng.between(0.6, 1.0));
    let mut rings = vec![star(centre, radius_m, count, (0.65, 1.0), scale, 0.3, rng)];
    if rng.unit() < 0.05 {
        rings.push(star(centre, radius_m / 4.0, 8, (1.0, 1.0), scale, 0.0, rng));
    }
    rings
}

#[allow(clippy::cast_precision_loss, reason = "at most 2,000 vertices")]
fn star(
    centre: Place,
    radius_m: f64,
    count: usize,
    share: (f64, f64),
    scale: f64,
    jitter: f64,
    rng: &mut Rng,
) -> Vec<Place> {
    let step = TAU / count as f64;
    let mut vertex = |number: usize| {
        let angle = step * (number as f64 + jitter * rng.between(-0.5, 0.5));
        let radius = radius_m * rng.between(share.0, share.1);
        moved(centre, radius * angle.cos(), scale * radius * angle.sin())
    };
    (0..count).map(&mut vertex).collect()
}

/// One fix a second, longitude and latitude in degrees.
pub(crate) fn trace(fences: &Fences) -> Vec<Place> {
    let mut rng = Rng(TRACE_SEED);
    let mut trace = Vec::with_capacity(FIXES + 20_000);
    let mut here = fences.centres[rng.below(fences.centres.len())];
    while trace.len() < FIXES {
        let goal = next_goal(fences, here, &mut rng);
        drive(here, goal, &mut trace, &mut rng);
        dwell(goal, &mut trace, &mut rng);
        here = goal;
    }
    trace.truncate(FIXES);
    trace
}

/// A place in a fence that is 40 to 300 km away.
fn next_goal(fences: &Fences, here: Place, rng: &mut Rng) -> Place {
    loop {
        let centre = fences.centres[rng.below(fences.centres.len())];
        let (east, north) = between(here, centre);
        if (40e3..300e3).contains(&east.hypot(north)) {
            return moved(centre, rng.between(-60.0, 60.0), rng.between(-60.0, 60.0));
        }
    }
}

fn drive(from: Place, to: Place, trace: &mut Vec<Place>, rng: &mut Rng) {
    let (east, north) = between(from, to);
    let length = east.hypot(north);
    let (amplitude, waves) = (rng.between(200.0, 3_000.0), [1.0, 2.0, 3.0][rng.below(3)]);
    let (mut along, mut speed) = (0.0, 0.0_f64);
    while along < length {
        let left = length - along;
        let wanted = if left < 150.0 {
            3.0
        } else if left < 3_000.0 || along < 3_000.0 {
            9.0
        } else {
            27.0
        };
        speed += (wanted - speed).clamp(-1.5, 0.8);
        along += speed;
        let share = (along / length).min(1.0);
        let aside = amplitude * (share * waves * TAU / 2.0).sin();
        let (east_m, north_m) = (share * east - aside * north / length, share * north + aside * east / length);
        trace.push(moved(from, east_m + 2.0 * rng.normal(), north_m + 2.0 * rng.normal()));
    }
}

fn dwell(place: Place, trace: &mut Vec<Place>, rng: &mut Rng) {
    let (mut east_m, mut north_m) = (0.0, 0.0);
    for _ in 0..1_200 + rng.below(1_800) {
        east_m = 0.98 * east_m + 0.6 * rng.normal();
        north_m = 0.98 * north_m + 0.6 * rng.normal();
        trace.push(moved(place, east_m, north_m));
    }
}
