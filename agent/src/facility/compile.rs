//! A plan to the bytes of an atlas.

use super::Zone;
use super::finding::{Finding, Severity};
use super::geometry::Trouble;
use super::identity::Identity;
use super::plan::Plan;
use super::table;
use geofence::{AtlasBuilder, BuildError, ShapeError};

/// Compiles a plan without errors. The same features, in any order, give the same bytes.
///
/// # Errors
/// Fences that an atlas cannot hold.
pub fn compile(plan: &Plan) -> Result<Vec<u8>, Vec<Finding>> {
    let identity = Identity::of(plan);
    // Facilities by id: the number of a facility in the file shows nowhere.
    let mut order: Vec<usize> = (0..plan.sites.len()).collect();
    order.sort_by_key(|index| plan.sites.get(*index).map(|site| &site.id));
    let mut owners = vec![u32::MAX; order.len()];
    for (owner, index) in (0..).zip(&order) {
        owners.get_mut(*index).into_iter().for_each(|place| *place = owner);
    }
    let mut builder = AtlasBuilder::new(identity.revision);
    let mut errors = Vec::new();
    for (key, index) in &identity.order {
        let Some(fence) = plan.fences.get(*index) else { continue };
        let owner = owners.get(fence.site).copied().unwrap_or(u32::MAX);
        if let Err(error) = builder.add(*key, owner, code(fence.zone), &fence.drawing.outline.shape()) {
            errors.push(plan.finding(fence, Severity::Error, trouble(error)));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let named = order.iter().filter_map(|n| Some((plan.sites.get(*n)?, *identity.facilities.get(*n)?)));
    builder.set_payload(table::write(&named.collect::<Vec<_>>()));
    builder.finish().map_err(|error| {
        let Trouble { rule, place, what, remedy } = trouble(error);
        let (line, facility, feature) = (None, None, None);
        vec![Finding { severity: Severity::Error, rule, line, facility, feature, place, what, remedy }]
    })
}

/// How an atlas has a zone.
fn code(zone: Zone) -> u8 {
    Zone::ALL.iter().position(|other| *other == zone).and_then(|n| u8::try_from(n).ok()).unwrap_or(u8::MAX)
}

fn trouble(error: BuildError) -> Trouble {
    let (rule, remedy) = match error {
        BuildError::Shape(ShapeError::TooLarge) => ("too-large", "draw it smaller, around the premises alone"),
        BuildError::Shape(_) => ("outline", "redraw the outline"),
        BuildError::DuplicateKey(_) => ("duplicate-id", "give one of the two features another id"),
        BuildError::TooMany => ("too-many", "leave out the facilities that this truck never visits"),
    };
    Trouble::new(rule, None, error.to_string(), remedy)
}
