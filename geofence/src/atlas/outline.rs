//! One fence of the file against one position: on which side, in integers, and how far from the boundary, in metres.
//!
//! Coordinates are units of 1e-7 degree from the south-west corner of the fence's box. Vertices are exact for fences of
//! up to 728 m and above 1,456 m, and moved by at most one unit (1.1 cm) between (`build.rs`); what is stored is what
//! counts here, and it is decided exactly.

use super::metric::{Metric, NORTH_MIN_M};
use super::record::{Form, Record};
use crate::geodesy::Position;

/// Four bytes of the outline section.
pub(super) type Word = [u8; 4];

/// Set in a ring's count of vertices when another ring follows.
pub(super) const MORE_RINGS: u32 = 1 << 31;

/// A ring of more vertices than this is long: it has the heights of its runs before its vertices.
pub(super) const LONG: usize = 64;
/// Edges in a run.
pub(super) const RUN: usize = 16;

/// Where a position is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Inside,
    Outside,
    Boundary,
}

/// How a vertex is written.
trait Vertex {
    const WORDS: usize;

    /// From the corner of the box, 1e-7 degree.
    fn read(words: &[Word], shift: u8) -> (i64, i64);

    /// How far north it is, in units of 2^`shift` times 1e-7 degree.
    fn height(words: &[Word]) -> u32;
}

struct Narrow;
struct Wide;

impl Vertex for Narrow {
    const WORDS: usize = 1;

    #[inline]
    fn read(words: &[Word], shift: u8) -> (i64, i64) {
        let word = words.first().map_or(0, |w| u32::from_le_bytes(*w));
        (i64::from(word & 0xffff) << shift, i64::from(word >> 16) << shift)
    }

    #[inline]
    fn height(words: &[Word]) -> u32 {
        words.first().map_or(0, |w| u32::from_le_bytes(*w) >> 16)
    }
}

impl Vertex for Wide {
    const WORDS: usize = 2;

    #[inline]
    fn read(words: &[Word], _shift: u8) -> (i64, i64) {
        let word = |index: usize| words.get(index).map_or(0, |w| i64::from(u32::from_le_bytes(*w)));
        (word(0), word(1))
    }

    #[inline]
    fn height(words: &[Word]) -> u32 {
        words.get(1).map_or(0, |w| u32::from_le_bytes(*w))
    }
}

/// One ring: the words of its vertices and, if it is a long one, the least and the greatest height of each run of edges.
#[derive(Clone, Copy)]
struct Ring<'a> {
    vertices: &'a [Word],
    heights: &'a [Word],
}

/// Edges that follow each other: where the first begins, and where each ends.
struct Run<'a> {
    before: &'a [Word],
    vertices: &'a [Word],
}

impl<'a> Ring<'a> {
    /// The runs that have a point between two heights. A short ring is one run.
    fn runs<V: Vertex>(self, band: impl Fn() -> (u32, u32)) -> impl Iterator<Item = Run<'a>> {
        let length = if self.heights.is_empty() { self.vertices.len().max(1) } else { RUN * V::WORDS };
        let last = self.vertices.len().saturating_sub(V::WORDS);
        let run = move |(number, vertices): (usize, &'a [Word])| {
            let begin = if number == 0 { last } else { number * length - V::WORDS };
            Run { before: self.vertices.get(begin..).unwrap_or_default(), vertices }
        };
        let meets = move |(number, _): &(usize, &'a [Word])| {
            let word = |index: usize| self.heights.get(index).map(|w| u32::from_le_bytes(*w));
            let (low, high) = word(2 * number).zip(word(2 * number + 1)).unwrap_or((0, u32::MAX));
            let band = band();
            band.0 <= high && low <= band.1
        };
        self.vertices.chunks(length).enumerate().filter(meets).map(run)
    }
}

/// The rings of an outline; ends at the first that does not lie in the file.
struct Rings<'a, V> {
    rest: &'a [Word],
    more: bool,
    form: core::marker::PhantomData<V>,
}

impl<'a, V: Vertex> Rings<'a, V> {
    fn new(outlines: &'a [Word], record: &Record) -> Self {
        let rest = outlines.get(record.outline as usize..).unwrap_or_default();
        Self { rest, more: true, form: core::marker::PhantomData }
    }
}

impl<'a, V: Vertex> Iterator for Rings<'a, V> {
    type Item = Ring<'a>;

    fn next(&mut self) -> Option<Ring<'a>> {
        if !self.more {
            return None;
        }
        let (count, rest) = self.rest.split_first()?;
        let count = u32::from_le_bytes(*count);
        self.more = count & MORE_RINGS != 0;
        let count = (count & !MORE_RINGS) as usize;
        let runs = if count > LONG { count.div_ceil(RUN) } else { 0 };
        let (heights, rest) = rest.split_at_checked(2 * runs)?;
        let (vertices, rest) = rest.split_at_checked(count * V::WORDS)?;
        self.rest = rest;
        Some(Ring { vertices, heights })
    }
}

/// Centre from the corner of the box, 1e-7 degree, and radius in millimetres.
fn circle(outlines: &[Word], record: &Record) -> Option<((i64, i64), u32)> {
    let words = outlines.get(record.outline as usize..)?.first_chunk::<3>()?;
    let [east, north, radius_mm] = words.map(u32::from_le_bytes);
    Some(((i64::from(east), i64::from(north)), radius_mm))
}

/// Where an offset from the corner of the box is.
pub(super) fn side(outlines: &[Word], record: &Record, offset: (i64, i64)) -> Side {
    if !record.boxes(offset) {
        return Side::Outside;
    }
    match record.form {
        Form::Circle => circle(outlines, record).map_or(Side::Outside, |circle| circle_side(circle, record, offset)),
        Form::Narrow => rings_side::<Narrow>(outlines, record, offset),
        Form::Wide => rings_side::<Wide>(outlines, record, offset),
    }
}

/// Compares squares of 2^-38 m: exact for the stored scale, since nothing is rounded after it.
fn circle_side((centre, radius_mm): ((i64, i64), u32), record: &Record, offset: (i64, i64)) -> Side {
    let (east, north) = (offset.0 - centre.0, offset.1 - centre.1);
    let scale = record.scale.midway(north);
    let square = |units: i64, scale: i64| {
        let length = i128::from(units.wrapping_mul(scale));
        length.wrapping_mul(length)
    };
    let distance2 = square(east, scale.0).wrapping_add(square(north, scale.1));
    // 2^38 / 1000 = 2^35 / 125.
    let radius = (i128::from(radius_mm) << 35) / 125;
    match distance2.cmp(&(radius * radius)) {
        core::cmp::Ordering::Less => Side::Inside,
        core::cmp::Ordering::Equal => Side::Boundary,
        core::cmp::Ordering::Greater => Side::Outside,
    }
}

fn rings_side<V: Vertex>(outlines: &[Word], record: &Record, offset: (i64, i64)) -> Side {
    let mut inside = false;
    for ring in Rings::<V>::new(outlines, record) {
        match crosses_odd::<V>(ring, record.shift, offset) {
            Some(odd) => inside ^= odd,
            None => return Side::Boundary,
        }
    }
    if inside { Side::Inside } else { Side::Outside }
}

/// Whether a ray to the east meets the ring an odd number of times; `None` if the point is on it.
///
/// Nine of ten edges lie wholly north or south of the ray, which the heights of their ends say without unpacking them.
fn crosses_odd<V: Vertex>(ring: Ring<'_>, shift: u8, point: (i64, i64)) -> Option<bool> {
    // A wide outline is not in units of its box. Points that are asked about lie in the box, so this is its height.
    let units = if V::WORDS == 1 { point.1 >> shift } else { point.1 };
    let units = u32::try_from(units).unwrap_or(u32::MAX);
    let mut odd = false;
    for Run { mut before, vertices } in ring.runs::<V>(|| (units, units)) {
        let mut was_above = V::height(before) > units;
        for vertex in vertices.chunks_exact(V::WORDS) {
            let height = V::height(vertex);
            let above = height > units;
            if above != was_above || height == units {
                odd ^= crosses(V::read(before, shift), V::read(vertex, shift), point)?;
            }
            (before, was_above) = (vertex, above);
        }
    }
    Some(odd)
}

/// Whether a ray from the point to the east meets the edge; `None` if the point is on it.
fn crosses((ax, ay): (i64, i64), (bx, by): (i64, i64), (px, py): (i64, i64)) -> Option<bool> {
    let (ax, ay, bx, by) = (ax - px, ay - py, bx - px, by - py);
    // Half-open in latitude: a vertex on the ray counts for exactly one of its two edges.
    if (ay > 0) != (by > 0) {
        // Differences are below 2^31 for whatever was checked, so this is exact; for what was not, it may be anything.
        let cross = ax.wrapping_mul(by).wrapping_sub(bx.wrapping_mul(ay));
        return if cross == 0 { None } else { Some((cross > 0) == (by > ay)) };
    }
    // Each vertex is the end of one edge, so only ends are looked at.
    let on_edge = by == 0 && (bx == 0 || ay == 0 && (ax < 0) != (bx < 0));
    if on_edge { None } else { Some(false) }
}

/// Metres to the boundary: negative inside, zero on it, positive outside and in a hole. Infinite where the outline cannot
/// be read.
pub(super) fn signed_distance_m(outlines: &[Word], record: &Record, position: Position) -> f64 {
    let offset = record.offset(position);
    let distance = boundary_distance_m(outlines, record, position, f64::INFINITY);
    match side(outlines, record, offset) {
        // The side is exact and the distance is rounded, so a side is never taken back by a zero.
        Side::Inside => -distance,
        Side::Outside => distance.max(f64::MIN_POSITIVE),
        Side::Boundary => 0.0,
    }
}

/// Metres to the boundary, not negative; infinite if it is not nearer than `limit_m`.
pub(super) fn boundary_distance_m(outlines: &[Word], record: &Record, position: Position, limit_m: f64) -> f64 {
    let offset = record.offset(position);
    match record.form {
        Form::Circle => {
            circle(outlines, record).map_or(f64::INFINITY, |circle| circle_distance_m(circle, record, position, offset))
        }
        Form::Narrow => rings_distance_m::<Narrow>(outlines, record, position, limit_m),
        Form::Wide => rings_distance_m::<Wide>(outlines, record, position, limit_m),
    }
}

#[allow(clippy::cast_precision_loss, reason = "units are below 2^33, lengths of 2^-38 m lose less than a micrometre")]
fn circle_distance_m(
    (centre, radius_mm): ((i64, i64), u32),
    record: &Record,
    position: Position,
    offset: (i64, i64),
) -> f64 {
    let (east, north) = (offset.0 - centre.0, offset.1 - centre.1);
    let metric = Metric::new(record.scale, i64::from(record.lat) + centre.1, position.lat_e7());
    (metric.distance_m(-east as f64, -north as f64) - f64::from(radius_mm) / 1000.0).abs()
}

fn rings_distance_m<V: Vertex>(outlines: &[Word], record: &Record, position: Position, limit_m: f64) -> f64 {
    let metric = Metric::new(record.scale, record.middle_e7(), position.lat_e7());
    let mut nearest = Nearest {
        metric,
        long_m2: BEND_MAX_M / metric.bend_per_m2(),
        offset: record.offset(position),
        shift: if V::WORDS == 1 { record.shift } else { 0 },
        square_m2: f64::INFINITY,
        point: (f64::INFINITY, f64::INFINITY),
        band: (0, u32::MAX),
    };
    nearest.narrow_to(limit_m * limit_m);
    for ring in Rings::<V>::new(outlines, record) {
        nearest.search::<V>(ring);
    }
    let (east, north) = nearest.point;
    if east.is_finite() { nearest.metric.distance_m(east, north) } else { f64::INFINITY }
}

/// The nearest point of a boundary so far.
struct Nearest {
    metric: Metric,
    /// East times north of an edge that is long, square metres.
    long_m2: f64,
    /// Of the position, from the corner of the box.
    offset: (i64, i64),
    /// Heights are in units of 2^`shift` times 1e-7 degree.
    shift: u8,
    square_m2: f64,
    /// From the position, 1e-7 degree.
    point: (f64, f64),
    /// Heights between which something nearer can be.
    band: (u32, u32),
}

/// An edge that would be bent by more than this, metres, is long.
const BEND_MAX_M: f64 = 0.005;

/// A point from the position, in 1e-7 degree and in metres.
type Placed = ((f64, f64), (f64, f64));

impl Nearest {
    /// Each vertex is laid out in metres with its own scale to the position. An edge is straight in degrees, and nearly so
    /// here unless it is long: which point of the boundary is the nearest is right within [`BEND_MAX_M`], and its distance
    /// is then taken anew.
    fn search<V: Vertex>(&mut self, ring: Ring<'_>) {
        let band = core::cell::Cell::new(self.band);
        for Run { mut before, vertices } in ring.runs::<V>(|| band.get()) {
            let (mut was, mut placed) = (V::height(before), None);
            for vertex in vertices.chunks_exact(V::WORDS) {
                let height = V::height(vertex);
                let (low, high) = self.band;
                if was.max(height) < low || was.min(height) > high {
                    placed = None;
                } else {
                    let a = placed.unwrap_or_else(|| self.place::<V>(before));
                    let b = self.place::<V>(vertex);
                    self.compare(a, b);
                    placed = Some(b);
                }
                (before, was) = (vertex, height);
            }
            band.set(self.band);
        }
    }

    #[inline]
    #[allow(clippy::cast_precision_loss, reason = "units are below 2^35")]
    fn place<V: Vertex>(&self, words: &[Word]) -> Placed {
        let (x, y) = V::read(words, self.shift);
        let point = ((x - self.offset.0) as f64, (y - self.offset.1) as f64);
        (point, self.metric.metres(point.0, point.1))
    }

    #[inline]
    fn compare(&mut self, (a, am): Placed, (b, bm): Placed) {
        let (ux, uy) = (bm.0 - am.0, bm.1 - am.1);
        if (ux * uy).abs() > self.long_m2 {
            return self.compare_long(a, b);
        }
        let along = -(am.0 * ux + am.1 * uy);
        let length2 = ux * ux + uy * uy;
        if along <= 0.0 {
            let square = am.0 * am.0 + am.1 * am.1;
            if square < self.square_m2 {
                self.point = a;
                self.narrow_to(square);
            }
        } else if along < length2 {
            let cross = am.0 * uy - am.1 * ux;
            if cross * cross < self.square_m2 * length2 {
                let share = along / length2;
                self.point = (a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1));
                self.narrow_to(cross * cross / length2);
            }
        }
        // What lies beyond `b` is nearer to `b` or to the next edge, which begins there.
    }

    /// A long edge is laid out with one scale, so that it stays straight: the scale to its nearest point, which is found in
    /// three steps, each some thousand times better than the one before.
    #[cold]
    fn compare_long(&mut self, a: (f64, f64), b: (f64, f64)) {
        let (mut point, mut square) = ((0.0, 0.0), 0.0);
        for _ in 0..3 {
            let (east_m, north_m) = self.metric.scale(point.1);
            let (ax, ay) = (a.0 * east_m, a.1 * north_m);
            let (ux, uy) = ((b.0 - a.0) * east_m, (b.1 - a.1) * north_m);
            let length2 = ux * ux + uy * uy;
            let share = if length2 > 0.0 { (-(ax * ux + ay * uy) / length2).clamp(0.0, 1.0) } else { 0.0 };
            point = (a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1));
            let (x, y) = (ax + share * ux, ay + share * uy);
            square = x * x + y * y;
        }
        if square < self.square_m2 {
            self.point = point;
            self.narrow_to(square);
        }
    }

    /// Only what is nearer than this counts from now on.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped, infinity included")]
    fn narrow_to(&mut self, square_m2: f64) {
        self.square_m2 = square_m2;
        let reach = (libm::sqrt(square_m2) / NORTH_MIN_M).min(1e12) as i64 + 2;
        let height = |north: i64| (north >> self.shift).clamp(0, i64::from(u32::MAX)) as u32;
        self.band = (height(self.offset.1 - reach), height(self.offset.1 + reach));
    }
}
