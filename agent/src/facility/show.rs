//! What a facility file holds, for people: a table, and where a position lies to the fences.

use super::identity::{Identity, hex};
use super::lint::depth::{area_m2, deepest};
use super::plan::Plan;
use super::{Facilities, Zone};
use geofence::{Fences, Position};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The facility.
    pub id: String,
    /// Its name, `-` without one.
    pub name: String,
    /// Its time zone, `-` without one.
    pub tz: String,
    /// Its zones with their number, such as `site gate 2 dock`.
    pub zones: String,
    /// What only outlines tell; `None` for an atlas.
    pub ground: Option<Ground>,
    /// Hash of its geometry, as events have it.
    pub revision: String,
}

/// The ground of a site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ground {
    /// Square metres, holes left out.
    pub area_m2: f64,
    /// The deepest point.
    pub deepest: Position,
    /// Metres from there to the border.
    pub depth_m: f64,
}

/// A row for every facility whose id is in `only`, or for all if that is empty.
#[must_use]
pub fn rows(plan: &Plan, only: &[String]) -> Vec<Row> {
    let identity = Identity::of(plan);
    let mut zones: Vec<[usize; 6]> = vec![[0; 6]; plan.sites.len()];
    for fence in &plan.fences {
        let counted = zones.get_mut(fence.site).and_then(|zones| zones.get_mut(fence.zone as usize));
        counted.into_iter().for_each(|n| *n += 1);
    }
    let all = plan.sites.iter().zip(&plan.fences).zip(zones).zip(identity.facilities);
    let chosen = all.filter(|(((site, _), _), _)| only.is_empty() || only.contains(&site.id));
    chosen
        .map(|(((site, fence), zones), revision)| {
            let outline = &fence.drawing.outline;
            let ground = deepest(outline, f64::INFINITY).map(|inside| Ground {
                area_m2: area_m2(outline),
                deepest: inside.position,
                depth_m: inside.depth_m,
            });
            Row {
                id: site.id.clone(),
                name: site.name.clone().unwrap_or_else(none),
                tz: site.tz.clone().unwrap_or_else(none),
                zones: counted(zones),
                ground,
                revision: hex(revision),
            }
        })
        .collect()
}

/// The same for a compiled set.
#[must_use]
pub fn compiled_rows(facilities: &Facilities, only: &[String]) -> Vec<Row> {
    let mut zones: BTreeMap<String, [usize; 6]> = BTreeMap::new();
    for (facility, zone) in (0..facilities.len()).filter_map(|index| facilities.of(index)) {
        let counts = zones.entry(facility.id.clone()).or_default();
        counts.get_mut(zone as usize).into_iter().for_each(|n| *n += 1);
    }
    let all = (0..facilities.count()).filter_map(|number| facilities.facility(number));
    let chosen = all.filter(|facility| only.is_empty() || only.contains(&facility.id));
    chosen
        .map(|facility| Row {
            id: facility.id.clone(),
            name: facility.name.clone(),
            tz: facility.tz.clone().unwrap_or_else(none),
            zones: counted(zones.get(&facility.id).copied().unwrap_or_default()),
            ground: None,
            revision: facility.revision.clone(),
        })
        .collect()
}

fn none() -> String {
    "-".to_owned()
}

fn counted(zones: [usize; 6]) -> String {
    let mut words = Vec::new();
    for (zone, count) in Zone::ALL.into_iter().zip(zones) {
        match count {
            0 => {}
            1 => words.push(zone.name().to_owned()),
            n => words.push(format!("{n} {}", zone.name())),
        }
    }
    words.join(", ")
}

/// The rows as a table with a heading.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut columns = vec![["ID", "NAME", "TZ", "ZONES", "AREA", "DEEPEST", "AT", "REVISION"].map(str::to_owned)];
    columns.extend(rows.iter().map(|row| {
        let ground = row.ground.map(|ground| {
            let (a, p) = (ground.area_m2, ground.deepest);
            let area = if a < 1e5 { format!("{a:.0} m2") } else { format!("{:.1} ha", a / 1e4) };
            [area, format!("{:.0} m", ground.depth_m), format!("{:.5},{:.5}", p.lat(), p.lon())]
        });
        let [area, depth, at] = ground.unwrap_or_else(|| [none(), none(), none()]);
        [row.id.clone(), row.name.clone(), row.tz.clone(), row.zones.clone(), area, depth, at, row.revision.clone()]
    }));
    let mut widths = [0; 8];
    for column in &columns {
        for (width, text) in widths.iter_mut().zip(column) {
            *width = text.chars().count().max(*width);
        }
    }
    let mut table = String::new();
    for column in &columns {
        let cells = column.iter().zip(widths).map(|(text, width)| format!("{text:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}

/// A fence with the signed distance from a position to its border.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// The facility.
    pub facility: String,
    /// The feature; equal to the facility for its site.
    pub fence: String,
    /// Its role.
    pub zone: Zone,
    /// Metres, negative inside.
    pub distance_m: f64,
}

/// The fences that hold `position`, and the `count` nearest others, the deepest first.
#[must_use]
pub fn nearest(plan: &Plan, position: Position, count: usize) -> Vec<Near> {
    let near = |fence: &super::plan::Fence| Near {
        facility: plan.site(fence).map(|site| site.id.clone()).unwrap_or_default(),
        fence: fence.id.clone(),
        zone: fence.zone,
        distance_m: fence.drawing.outline.shape().signed_distance_m(position),
    };
    closest(plan.fences.iter().map(near).collect(), count)
}

/// The same for a compiled set, which names a fence by its facility alone.
#[must_use]
pub fn compiled_nearest(facilities: &Facilities, position: Position, count: usize) -> Vec<Near> {
    let near = |index: usize| {
        let ((facility, zone), distance_m) = facilities.of(index).zip(facilities.signed_distance_m(index, position))?;
        Some(Near { facility: facility.id.clone(), fence: facility.id.clone(), zone, distance_m })
    };
    closest((0..facilities.len()).filter_map(near).collect(), count)
}

fn closest(mut fences: Vec<Near>, count: usize) -> Vec<Near> {
    fences.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then_with(|| a.fence.cmp(&b.fence)));
    let inside = fences.iter().take_while(|near| near.distance_m <= 0.0).count();
    fences.truncate(inside + count);
    fences
}
