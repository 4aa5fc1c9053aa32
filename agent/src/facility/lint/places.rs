//! What a facility says about itself: its name, its time zone, its zones where they belong.

use super::depth::deepest;
use crate::facility::Zone;
use crate::facility::finding::{Finding, Place};
use crate::facility::geometry::Trouble;
use crate::facility::outline::Outline;
use crate::facility::plan::{Fence, Plan};
use geofence::Position;
use std::collections::BTreeMap;

/// No time zone is farther from the sun than this many hours: the west of China and its east share one clock.
const ZONE_HOURS: f64 = 3.3;
/// Exchanged coordinates that fit this well, and by so much better than the others, are the right ones.
const SWAPPED_HOURS: f64 = 1.3;
const SWAPPED_GAIN_HOURS: f64 = 1.2;
/// A gate may stand so far outside of the site, metres: where the access road leaves the street.
const GATE_M: f64 = 100.0;
/// Trucks wait and approach outside; beyond this it is another town.
const APPROACH_M: f64 = 5_000.0;
/// First of January and first of July 2026: the smaller offset is standard time on either side of the equator.
const WINTER_AND_SUMMER: [i64; 2] = [1_767_225_600, 1_782_864_000];

pub(super) fn check(plan: &Plan, found: &mut Vec<Finding>) {
    let mut offsets = BTreeMap::new();
    for fence in &plan.fences {
        let trouble = if fence.zone == Zone::Site {
            let named = unnamed(plan, fence);
            found.extend(named.map(|trouble| plan.warning(fence, trouble)));
            time_zone(plan, fence, &mut offsets)
        } else {
            outside(plan, fence)
        };
        found.extend(trouble.map(|trouble| plan.warning(fence, trouble)));
    }
}

fn unnamed(plan: &Plan, fence: &Fence) -> Option<Trouble> {
    plan.site(fence)?.name.is_none().then(|| {
        let remedy = "add the property `name`: it is what people read in events; until then they read the id";
        Trouble::new("no-name", None, "the facility has no name", remedy)
    })
}

/// Offsets from UTC of standard time, hours, by time zone.
type Offsets<'a> = BTreeMap<&'a str, Option<f64>>;

fn time_zone<'a>(plan: &'a Plan, fence: &Fence, offsets: &mut Offsets<'a>) -> Option<Trouble> {
    let Some(tz) = plan.site(fence)?.tz.as_deref() else {
        let remedy = "add the property `tz` with an IANA name such as \"America/Chicago\"";
        let what = "no time zone: whoever reads its events cannot tell local time";
        return Some(Trouble::new("no-time-zone", None, what, remedy));
    };
    let offset_h = (*offsets.entry(tz).or_insert_with(|| standard_offset_h(tz)))?;
    let position = fence.drawing.outline.anchor()?;
    // Fifteen degrees are an hour; clocks lie on a circle of twenty-four.
    let away_h = |lon: f64| {
        let hours = (offset_h - lon / 15.0).rem_euclid(24.0);
        hours.min(24.0 - hours)
    };
    let (here, swapped) = (away_h(position.lon()), away_h(position.lat()));
    let place = Some(Place::at(position));
    if position.lon().abs() <= 90.0 && swapped < SWAPPED_HOURS && here > swapped + SWAPPED_GAIN_HOURS {
        let what =
            format!("{tz} is {here:.1} h from the sun here, and {swapped:.1} h with latitude and longitude exchanged");
        let remedy = "GeoJSON writes longitude first: are the two swapped? If not, check `tz`";
        return Some(Trouble::new("swapped", place, what, remedy));
    }
    (here > ZONE_HOURS).then(|| {
        let what = format!("{tz} is {here:.1} h from the sun here");
        Trouble::new("far-time-zone", place, what, "check `tz` and the coordinates: one of them is another place's")
    })
}

fn standard_offset_h(tz: &str) -> Option<f64> {
    let zone = jiff::tz::TimeZoneDatabase::bundled().get(tz).ok()?;
    let offset = |second| jiff::Timestamp::from_second(second).ok().map(|at| zone.to_offset(at).seconds());
    let [winter, summer] = WINTER_AND_SUMMER.map(offset);
    Some(f64::from(winter?.min(summer?)) / 3_600.0)
}

/// A zone that lies where no truck of this facility comes.
fn outside(plan: &Plan, fence: &Fence) -> Option<Trouble> {
    let site = plan.fences.get(fence.site)?;
    let (distance_m, nearest) = nearest(&fence.drawing.outline, &site.drawing.outline)?;
    let allowed_m = match fence.zone {
        Zone::Dock | Zone::Yard => 0.0,
        Zone::Gate => GATE_M,
        Zone::Approach | Zone::Queue | Zone::Site => APPROACH_M,
    };
    (distance_m > allowed_m).then(|| {
        let what = format!("the {} lies {distance_m:.0} m outside of the facility's site", fence.zone.name());
        let remedy = "move it, draw the site around it, or check `parent`";
        Trouble::new("zone-outside", Some(Place::at(nearest)), what, remedy)
    })
}

/// The nearest that the outline of a zone comes to a site: negative if a part of it is inside.
fn nearest(zone: &Outline, site: &Outline) -> Option<(f64, Position)> {
    let within = deepest(zone, f64::MIN_POSITIVE).map(|inside| inside.position);
    let positions = zone.rings().flatten().copied().chain(within).chain(zone.anchor());
    let border_m = match zone {
        Outline::Circle { radius_m, .. } => *radius_m,
        Outline::Polygon { .. } => 0.0,
    };
    let distances = positions.map(|p| (site.shape().signed_distance_m(p) - border_m, p));
    let nearest = distances.min_by(|a, b| a.0.total_cmp(&b.0))?;
    // A site within its zone, such as an approach of some kilometres around it: no corner of the zone is near.
    let around = site.anchor().is_some_and(|anchor| zone.shape().signed_distance_m(anchor) <= 0.0);
    Some(if around { (nearest.0.min(0.0), nearest.1) } else { nearest })
}
