//! Single fences: too narrow or too small for a receiver, carelessly drawn, with edges so long that two maps disagree.

use super::depth::{Deepest, deepest, length_m};
use crate::facility::finding::Finding;
use crate::facility::geometry::Trouble;
use crate::facility::outline::Plane;
use crate::facility::plan::{Fence, Plan};
use crate::facility::{Place, Zone};
use geofence::{Position, distance_m};

/// A site in which no point is so far inside is smaller than what a receiver among metal walls is off by.
const SITE_DEPTH_M: f64 = 15.0;
/// The same for zones, which are drawn around single docks and gates.
const ZONE_DEPTH_M: f64 = 6.0;
/// A fence that is so many times longer than wide is called a sliver.
const SLIVER_RATIO: f64 = 5.0;
/// Vertices nearer than this are one: a receiver resolves 1 cm at best, nobody draws to 5 cm.
const SAME_VERTEX_M: f64 = 0.05;
/// An edge may differ by this much from the shortest line between its ends.
const BULGE_M: f64 = 0.5;
/// Shorter edges cannot bulge by [`BULGE_M`] below 89 degrees of latitude.
const BULGE_EDGE_M: f64 = 500.0;
/// A spike is a corner sharper than this (cosine of 1 degree) with both sides longer than [`SPIKE_M`].
const SPIKE_COSINE: f64 = 0.999_847_7;
const SPIKE_M: f64 = 2.0;

pub(super) fn check(plan: &Plan, found: &mut Vec<Finding>) {
    for fence in &plan.fences {
        let troubles = [size(fence), vertices(fence), spike(fence), long_edge(fence)];
        found.extend(troubles.into_iter().flatten().map(|trouble| plan.warning(fence, trouble)));
    }
}

fn size(fence: &Fence) -> Option<Trouble> {
    let limit_m = if fence.zone == Zone::Site { SITE_DEPTH_M } else { ZONE_DEPTH_M };
    let outline = &fence.drawing.outline;
    let Deepest { position, depth_m } = deepest(outline, limit_m)?;
    let kind = fence.zone.name();
    if depth_m >= limit_m {
        // The mean of the depth along the border: a fringe of spikes and bays makes it small where the middle is wide.
        let mean_m = outline.shape().depth_m();
        return (mean_m < limit_m / 4.0).then(|| {
            let what =
                format!("the border is ragged: area over perimeter is {mean_m:.1} m for a {kind} {depth_m:.0} m deep");
            let remedy = "draw the border simpler; what is narrower than 10 m is noise to a receiver";
            Trouble::new("ragged", Some(Place::at(position)), what, remedy)
        });
    }
    let (length_m, width_m) = (length_m(outline), 2.0 * depth_m);
    let place = Some(Place::at(position));
    Some(if length_m > SLIVER_RATIO * width_m {
        let what = format!("a sliver: the {kind} is {length_m:.0} m long and nowhere wider than {width_m:.1} m");
        Trouble::new(
            "sliver",
            place,
            what,
            "draw it over the whole premises; a truck drives through this between two fixes",
        )
    } else {
        let what = format!(
            "too small for GNSS: no point of the {kind} is more than {depth_m:.1} m inside, and {limit_m:.0} m are wanted"
        );
        Trouble::new(
            "small",
            place,
            what,
            "draw it over the whole premises; between walls a receiver is off by 5 to 15 m",
        )
    })
}

/// Edges of all rings with the ring, the index of their first vertex, and their ends.
fn edges(fence: &Fence) -> impl Iterator<Item = (usize, usize, Position, Position)> {
    fence.drawing.outline.rings().enumerate().flat_map(|(ring, vertices)| {
        let next = vertices.iter().skip(1).chain(vertices.first());
        vertices.iter().zip(next).enumerate().map(move |(n, (a, b))| (ring, n, *a, *b))
    })
}

fn vertices(fence: &Fence) -> Option<Trouble> {
    let mut near = edges(fence).filter(|(_, _, a, b)| distance_m(*a, *b) < SAME_VERTEX_M);
    let (ring, index, a, b) = near.next()?;
    let others = near.count();
    let more = if others > 0 { format!("; so are {others} more pairs") } else { String::new() };
    let what = format!("the next vertex is {:.0} mm away{more}", distance_m(a, b) * 1_000.0);
    let remedy = "remove one of the two: they say nothing, and a line between them has no direction";
    Some(Trouble::new("near-vertices", fence.drawing.place(ring, index), what, remedy))
}

fn spike(fence: &Fence) -> Option<Trouble> {
    let outline = &fence.drawing.outline;
    for (ring, vertices) in outline.rings().enumerate() {
        let before = vertices.last().into_iter().chain(vertices);
        let after = vertices.iter().skip(1).chain(vertices.first());
        for (index, ((a, b), c)) in before.zip(vertices).zip(after).enumerate() {
            let plane = Plane::at(*b);
            let ((ax, ay), (cx, cy)) = (plane.metres(*a), plane.metres(*c));
            let (one, other) = (libm::hypot(ax, ay), libm::hypot(cx, cy));
            if one.min(other) > SPIKE_M && ax * cx + ay * cy > SPIKE_COSINE * one * other {
                let what = format!("a spike of {:.0} m without a width", one.min(other));
                return Some(Trouble::new("spike", fence.drawing.place(ring, index), what, "remove this vertex"));
            }
        }
    }
    None
}

fn long_edge(fence: &Fence) -> Option<Trouble> {
    let bulging = edges(fence).filter(|(_, _, a, b)| distance_m(*a, *b) > BULGE_EDGE_M);
    let bulging = bulging.map(|(ring, index, a, b)| (bulge_m(a, b), ring, index, a, b));
    let (bulge, ring, index, a, b) = bulging.max_by(|x, y| x.0.total_cmp(&y.0)).filter(|edge| edge.0 > BULGE_M)?;
    let km = distance_m(a, b) / 1_000.0;
    let what = format!(
        "an edge of {km:.1} km: straight in degrees, as it is taken here, it lies up to {bulge:.1} m beside the shortest line"
    );
    let remedy = "put vertices between, so that every map draws the same line";
    Some(Trouble::new("long-edge", fence.drawing.place(ring, index), what, remedy))
}

/// How far the middle of the line in degrees lies beside the great circle between its ends, metres. On a parallel this is
/// d^2 tan(latitude) / 8R; along a meridian nothing.
fn bulge_m(a: Position, b: Position) -> f64 {
    let vector = |p: Position| {
        let (lat, lon) = (p.lat().to_radians(), p.lon().to_radians());
        (libm::cos(lat) * libm::cos(lon), libm::cos(lat) * libm::sin(lon), libm::sin(lat))
    };
    let (u, v) = (vector(a), vector(b));
    let (x, y, z) = (u.0 + v.0, u.1 + v.1, u.2 + v.2);
    let middle = Position::from_degrees(libm::atan2(z, libm::hypot(x, y)).to_degrees(), libm::atan2(y, x).to_degrees());
    let Some(middle) = middle else { return 0.0 };
    let plane = Plane::at(middle);
    let ((ax, ay), (bx, by)) = (plane.metres(a), plane.metres(b));
    // Only what is across the edge counts: along it, both are the same line.
    let (mx, my, dx, dy) = ((ax + bx) / 2.0, (ay + by) / 2.0, bx - ax, by - ay);
    (mx * dy - my * dx).abs() / libm::hypot(dx, dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64, lon: f64) -> Position {
        Position::from_degrees(lat, lon).unwrap()
    }

    #[test]
    fn an_edge_bulges_as_the_formula_says() {
        // d^2 tan(latitude) / 8R: 0.49 m for 5 km at 45 degrees, 13.5 m for 20 km at 60 degrees.
        let east = |lat: f64, km: f64| km / (111.32 * lat.to_radians().cos());
        let parallel = |lat: f64, km: f64| bulge_m(at(lat, 10.0), at(lat, 10.0 + east(lat, km)));
        assert!((parallel(45.0, 5.0) - 0.49).abs() < 0.02, "{}", parallel(45.0, 5.0));
        assert!((parallel(60.0, 20.0) - 13.6).abs() < 0.3, "{}", parallel(60.0, 20.0));
        assert!(parallel(0.0, 20.0) < 0.01);
        assert!(bulge_m(at(60.0, 10.0), at(60.2, 10.0)) < 0.01);
    }
}
