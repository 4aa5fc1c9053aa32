//! Whose rules are these, where are they published, and how were they read?

/// Name, source, reading.
const RULES: [(&str, &str, &str); 15] = [
    (
        "gatestamp",
        "this repository",
        "the tracker and the visits of the agent, as they run in the truck; told is what dispatch gets",
    ),
    ("naive", "-", "inside is inside; the fix that changes sides is the crossing"),
    (
        "traccar",
        "traccar/traccar 9e5c458: `GeofenceEventHandler`, `GeofenceCircle`, `GeofencePolygon`, `BufferingManager`",
        "sets of containing fences compared; 3 s reorder buffer; an older fix makes no event; a first fix inside enters; haversine; \
         outer ring only. Filters off, as they come",
    ),
    ("traccar_30s", "as before", "fed with one fix every 30 s, as a tracker on a data plan sends them"),
    (
        "owntracks",
        "owntracks/android 25c27be: `LocationProcessor.kt`",
        "d <= r + accuracy, both ways; older fixes dropped",
    ),
    (
        "aosp",
        "AOSP `GeofenceManager.java`",
        "d <= max(r, accuracy); Android has circles only: a polygon counts with the radius of the circle of its area",
    ),
    (
        "tile38",
        "tidwall/tile38 5b8ce58: `internal/server/fence.go`, `crud.go`",
        "the last two points in order of arrival, time of arrival; `cross` when both are outside and the line meets the fence",
    ),
    (
        "teltonika_border",
        "wiki.teltonika-gps.com, FMB640 geofence zones",
        "in over the inner border, out over one 25 m further; its rule for lost fixes is left out",
    ),
    ("tracelet", "Tracelet pull requests 275 and 277", "out when the accuracy circle is 20 m outside"),
    (
        "apple_like",
        "developer.apple.com, Region Monitoring guide",
        "20 s beyond a minimum distance; the distance is not published, 20 m here; the decision is the time",
    ),
    (
        "android_dwell",
        "developer.android.com, Create and monitor geofences",
        "`DWELL` after 60 s inside, `EXIT` at once; what Play services do with the fixes is not published and not modelled",
    ),
    ("samsara_like", "Samsara help 26052767063053", "in at once, out after 2 min outside; the decision is the time"),
    ("three_fixes", "-", "three fixes in a row; the first is the crossing"),
    (
        "engineer",
        "-",
        "accuracy below 25 m only; in after 10 s inside, out after 10 s more than 25 m outside; the first is the crossing",
    ),
    (
        "freight_tiger",
        "freighttiger.atlassian.net, FCS page 393609255",
        "as naive, the crossing interpolated between two fixes less than 4 h apart; on a polygon where the line meets the outline",
    ),
];

/// The rules as a table; those that ran.
pub(super) fn table(ran: &[&str]) -> String {
    let mut table = super::table::Table::new(3, &["rule", "source", "as read here"]);
    for (name, source, reading) in RULES.iter().filter(|(name, ..)| ran.contains(name)) {
        table.row([format!("`{name}`"), (*source).to_owned(), (*reading).to_owned()].to_vec());
    }
    table.markdown()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_source() {
        let named: Vec<&str> = RULES.iter().map(|(name, ..)| *name).collect();
        for rule in crate::rules::all() {
            assert!(named.contains(&rule.name), "{}", rule.name);
        }
    }
}
