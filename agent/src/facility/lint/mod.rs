//! What is legal in a facility file and still looks wrong: fences that a receiver cannot resolve, that meet one another, that
//! lie in another time zone, that have a road in them.
//!
//! Every finding here is a warning; errors come from reading ([`super::survey`]). Pure over the plan: there is no map on the
//! device, so what lies beside a fence is only known from a file of roads.

pub(super) mod depth;
mod neighbours;
mod outlines;
mod places;
mod relation;
mod roads;

pub use roads::{ROAD_BORDER_M, Road, RoadFile, beside};

use super::{Finding, Plan, Severity};

/// All warnings about the features of `plan`, in the order of facilities and of lines within each.
#[must_use]
pub fn lint(plan: &Plan) -> Vec<Finding> {
    let mut found: Vec<Finding> = foreign_coordinates(plan).into_iter().collect();
    outlines::check(plan, &mut found);
    places::check(plan, &mut found);
    neighbours::check(plan, &mut found);
    found
}

/// RFC 7946, section 4, knows longitude and latitude in WGS 84 alone; other positions are hundreds of metres away, or no places at all.
fn foreign_coordinates(plan: &Plan) -> Option<Finding> {
    plan.crs.as_ref().map(|crs| Finding {
        severity: Severity::Warning,
        rule: "crs",
        line: None,
        facility: None,
        feature: None,
        place: None,
        what: format!(
            "the file names the coordinate reference system {crs}; it is read as longitude and latitude in WGS 84"
        ),
        remedy: "export it in WGS 84 (EPSG:4326), or take `crs` out if its coordinates are that already",
    })
}

/// Findings in the order in which people read them: one facility after the other as the file begins them, errors first, then
/// by line. What belongs to no facility comes before all.
pub fn sort(findings: &mut [Finding]) {
    let mut begins = std::collections::BTreeMap::new();
    for finding in findings.iter() {
        let first = begins.entry(finding.facility.clone()).or_insert(finding.line);
        *first = (*first).min(finding.line);
    }
    let begin = |finding: &Finding| begins.get(&finding.facility).copied().flatten();
    findings.sort_by_cached_key(|finding| {
        (finding.facility.is_some(), begin(finding), finding.facility.clone(), finding.severity, finding.line)
    });
}
