//! Facilities against each other: on the same ground, drawn twice, or on the other side of the earth.

use super::relation::{Relation, relation};
use crate::facility::finding::Finding;
use crate::facility::geometry::Trouble;
use crate::facility::outline::{Extent, pairs};
use crate::facility::plan::{Fence, Plan};
use crate::facility::{Place, Zone};
use geofence::{Position, distance_m};
use std::collections::{BTreeMap, BTreeSet};

/// Neighbours that are named for one facility. Hundreds of facilities on one spot are one mistake, not tens of thousands.
const NAMED_MAX: usize = 8;
/// Two facilities of one name nearer than this are taken for one that was entered twice.
const SAME_NAME_M: f64 = 500.0;
/// Others of one name that a facility is compared with: the next ones to the north of it.
const SAME_NAME_COMPARED: usize = 4;
/// Degrees: a facility alone in squares of this size is far from all others.
const FAR_DEG: i32 = 10;
/// Degrees: with latitude and longitude exchanged it lies so near to another.
const NEAR_DEG: i32 = 2;

pub(super) fn check(plan: &Plan, found: &mut Vec<Finding>) {
    overlaps(plan, found);
    same_names(plan, found);
    drawn_twice(plan, found);
    exchanged(plan, found);
}

fn sites(plan: &Plan) -> impl Iterator<Item = &Fence> {
    plan.fences.iter().filter(|fence| fence.zone == Zone::Site)
}

fn overlaps(plan: &Plan, found: &mut Vec<Finding>) {
    let boxed = sites(plan).filter_map(|fence| Some((fence, Extent::of(&fence.drawing.outline)?)));
    let (sites, boxes): (Vec<&Fence>, Vec<Extent>) = boxed.unzip();
    let mut named = vec![0_usize; sites.len()];
    pairs(&boxes, |one, other| {
        let (Some(a), Some(b)) = (sites.get(one), sites.get(other)) else { return };
        if named.get(one).is_none_or(|n| *n >= NAMED_MAX) || a.site == b.site {
            return;
        }
        let relation = relation(&a.drawing.outline, &b.drawing.outline);
        // Told once, at the one that stands later in the file or lies within the other.
        let (told, about) = if matches!(relation, Relation::Inside) { (a, b) } else { (b, a) };
        let Some(trouble) = met(relation, plan, about) else { return };
        for index in [one, other] {
            named.get_mut(index).into_iter().for_each(|n| *n += 1);
        }
        found.push(plan.warning(told, trouble));
    });
}

fn met(relation: Relation, plan: &Plan, other: &Fence) -> Option<Trouble> {
    let other_site = plan.site(other)?;
    let name = other_site.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let other = format!("\"{}\"{name} in line {}", other_site.id, other.line);
    Some(match relation {
        Relation::Apart => return None,
        Relation::Same => Trouble::new(
            "same-outline",
            None,
            format!("the same outline as facility {other}"),
            "leave one of the two out: a truck would arrive at both",
        ),
        Relation::Inside | Relation::Around => Trouble::new(
            "inside-other",
            None,
            format!("lies inside of facility {other}"),
            "if both are meant, a truck arrives at both; if this is a part of the other, give it `parent` and `zone`",
        ),
        Relation::Overlap { depth_m, at } => Trouble::new(
            "overlap",
            Some(Place::at(at)),
            format!("overlaps facility {other}, by {depth_m:.0} m at least"),
            "draw the border between the two: on common ground a truck is at both",
        ),
    })
}

fn same_names(plan: &Plan, found: &mut Vec<Finding>) {
    let mut by_name: BTreeMap<String, Vec<(&Fence, Position)>> = BTreeMap::new();
    for fence in sites(plan) {
        let name = plan.site(fence).and_then(|site| site.name.as_ref()).map(|name| name.trim().to_lowercase());
        if let (Some(name), Some(position)) = (name, fence.drawing.outline.anchor()) {
            by_name.entry(name).or_default().push((fence, position));
        }
    }
    for group in by_name.values_mut().filter(|group| group.len() > 1) {
        group.sort_by_key(|(fence, position)| (position.lat_e7(), position.lon_e7(), fence.line));
        for (n, (fence, position)) in group.iter().enumerate() {
            let others = group.iter().skip(n + 1).take(SAME_NAME_COMPARED);
            for (other, there) in others.filter(|(_, there)| distance_m(*position, *there) < SAME_NAME_M) {
                let (told, about) = if fence.line > other.line { (fence, other) } else { (other, fence) };
                let Some(site) = plan.site(about) else { continue };
                let away = distance_m(*position, *there);
                let what =
                    format!("the same name as facility \"{}\" in line {}, {away:.0} m away", site.id, about.line);
                let remedy = "leave one of the two out, or give them names that a driver can tell apart";
                found.push(plan.warning(told, Trouble::new("same-name", None, what, remedy)));
            }
        }
    }
}

/// Zones of one facility with equal outlines: copied and not moved.
fn drawn_twice(plan: &Plan, found: &mut Vec<Finding>) {
    let mut seen: BTreeMap<(usize, [u8; 32]), &Fence> = BTreeMap::new();
    for fence in &plan.fences {
        let mut hasher = sha2::Sha256::default();
        fence.drawing.outline.hash(&mut hasher);
        let digest: [u8; 32] = sha2::Digest::finalize(hasher).into();
        match seen.entry((fence.site, digest)) {
            std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(fence)),
            std::collections::btree_map::Entry::Occupied(entry) => {
                let first = entry.get();
                let what = format!(
                    "the same outline as the {} \"{}\" of this facility in line {}",
                    first.zone.name(),
                    first.id,
                    first.line
                );
                let remedy = "draw it where it is, or leave it out";
                found.push(plan.warning(fence, Trouble::new("same-outline", None, what, remedy)));
            }
        }
    }
}

/// A facility far from all others that would lie among them with latitude and longitude exchanged.
fn exchanged(plan: &Plan, found: &mut Vec<Finding>) {
    let square = |lat: f64, lon: f64, size: i32| {
        #[allow(clippy::cast_possible_truncation, reason = "degrees are below 180")]
        let number = |degrees: f64| (degrees / f64::from(size)).floor() as i32;
        (number(lat), number(lon))
    };
    let positions: Vec<(&Fence, Position)> =
        sites(plan).filter_map(|fence| Some((fence, fence.drawing.outline.anchor()?))).collect();
    let mut coarse: BTreeMap<(i32, i32), usize> = BTreeMap::new();
    let mut fine = BTreeSet::new();
    for (_, p) in &positions {
        *coarse.entry(square(p.lat(), p.lon(), FAR_DEG)).or_default() += 1;
        fine.insert(square(p.lat(), p.lon(), NEAR_DEG));
    }
    let around = |(lat, lon): (i32, i32)| (-1..=1).flat_map(move |n| (-1..=1).map(move |m| (lat + n, lon + m)));
    for (fence, p) in positions {
        let neighbours = around(square(p.lat(), p.lon(), FAR_DEG)).filter_map(|key| coarse.get(&key)).sum::<usize>();
        if neighbours > 1 || p.lon().abs() > 90.0 {
            continue;
        }
        if around(square(p.lon(), p.lat(), NEAR_DEG)).any(|key| fine.contains(&key)) {
            let what = "far from every other facility, and among them with latitude and longitude exchanged";
            let remedy = "GeoJSON writes longitude first: are the two swapped?";
            found.push(plan.warning(fence, Trouble::new("swapped", Some(Place::at(p)), what, remedy)));
        }
    }
}
