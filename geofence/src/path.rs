//! The path between two knots: a smooth curve through both, in points not far apart, so that a slow receiver gives as much
//! evidence as a fast one and a fence between two fixes is not missed.

use crate::geodesy::{Position, Scale};
use crate::motion::{Break, Knot};
use crate::time::{Span, UnixMillis};

/// Points are at most this far apart.
const APART: Span = Span::seconds(1);
/// White acceleration about the curve, m^2/s^3: turns and brakes that no fix shows.
const BRIDGE_Q: f64 = 2.0;

/// One point of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) time: UnixMillis,
    pub(crate) position: Position,
    pub(crate) speed_mps: f64,
    pub(crate) variance_m2: f64,
    pub(crate) sigma_m: f64,
    pub(crate) after: Break,
}

impl Point {
    pub(crate) fn at(knot: &Knot) -> Self {
        Self {
            time: knot.time,
            position: knot.position,
            speed_mps: libm::hypot(knot.velocity_mps[0], knot.velocity_mps[1]),
            variance_m2: knot.variance_m2,
            sigma_m: knot.sigma_m,
            after: knot.after,
        }
    }
}

/// Calls `visit` for the points after `from` up to and including `to`, in order: `to` alone after a break.
pub(crate) fn between(from: &Knot, to: &Knot, mut visit: impl FnMut(&Point)) {
    let dt = to.time - from.time;
    let steps = if to.after == Break::None { (dt.0 + APART.0 / 2) / APART.0 } else { 1 };
    for step in 1..steps {
        visit(&on_curve(from, to, dt, step, steps));
    }
    visit(&Point::at(to));
}

/// The cubic Hermite curve through both positions with both velocities. Its variance is that of the ends, and that of an
/// integrated Brownian bridge, (u (1 - u))^3 q dt^3 / 3.
fn on_curve(from: &Knot, to: &Knot, dt: Span, step: i64, steps: i64) -> Point {
    let dt_s = dt.as_seconds();
    #[allow(clippy::cast_precision_loss, reason = "a handful of steps")]
    let u = step as f64 / steps as f64;
    let v = 1.0 - u;
    let scale = Scale::between(from.position.lat_e7(), from.position.lat_e7());
    let (east, north) = scale.metres(to.position, from.position);
    let along = |whole_m: f64, axis: usize| {
        let (a, b) = (from.velocity_mps.get(axis), to.velocity_mps.get(axis));
        let (a, b) = (a.copied().unwrap_or(0.0), b.copied().unwrap_or(0.0));
        u * u * (3.0 - 2.0 * u) * whole_m + u * v * v * dt_s * a - u * u * v * dt_s * b
    };
    let (east, north) = (along(east, 0), along(north, 1));
    let bridge = u * v * dt_s;
    let end = Point::at(to);
    let start = Point::at(from);
    Point {
        time: from.time + Span(dt.0 * step / steps),
        position: from.position.moved_e7(east / scale.east_m.max(1e-6), north / scale.north_m),
        speed_mps: v * start.speed_mps + u * end.speed_mps,
        variance_m2: v * start.variance_m2 + u * end.variance_m2 + BRIDGE_Q * bridge * bridge * bridge / 3.0,
        sigma_m: end.sigma_m,
        after: Break::None,
    }
}
