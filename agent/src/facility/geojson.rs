//! A GeoJSON FeatureCollection (RFC 7946) to [`Facilities`], or all its faults at once.

use super::{Draft, Facilities, Facility, Outline, Zone};
use crate::fault::{Fault, line_of};
use ::geojson::{Feature, GeometryValue, JsonObject, JsonValue};
use geo::Validation;
use geofence::{Position, ShapeError};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Fences that one file may hold: the whole country's warehouses and room for more.
const FENCES_MAX: usize = 50_000;
/// A circle larger than this is a typo.
const RADIUS_MAX_M: f64 = 100_000.0;

#[derive(Deserialize)]
struct Collection<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    features: Vec<&'a RawValue>,
}

/// Reads the text of a facility file. `file` is how faults name it.
///
/// # Errors
/// Every fault in the file, each with the line of its feature. A file with any fault is refused as a whole: a truck that
/// silently knows half of its facilities is worse than one that says so.
pub fn read(file: &str, text: &str) -> Result<Facilities, Vec<Fault>> {
    // Windows programs begin a text with a byte order mark; JSON knows none.
    let text = text.trim_start_matches('\u{feff}');
    let fault =
        |line, what: String, remedy: &str| vec![Fault { file: file.to_owned(), line, what, remedy: remedy.to_owned() }];
    let collection: Collection<'_> = serde_json::from_str(text).map_err(|error| {
        let what = format!("not a GeoJSON FeatureCollection: {error}");
        fault(Some(error.line().max(1)), what, "export the facilities as one FeatureCollection (RFC 7946)")
    })?;
    if collection.kind != "FeatureCollection" {
        let what = format!("the top level is a {}, not a FeatureCollection", collection.kind);
        return Err(fault(Some(1), what, "wrap the features in {\"type\":\"FeatureCollection\",\"features\":[..]}"));
    }
    if collection.features.len() > FENCES_MAX {
        let what = format!("{} features; at most {FENCES_MAX} are kept", collection.features.len());
        return Err(fault(None, what, "leave out the facilities that this truck never visits"));
    }
    let mut reading = Reading::default();
    let (mut line, mut counted) = (1, 0);
    for raw in &collection.features {
        // Counted on from the last feature: from the beginning each time would take minutes for a country.
        let offset = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        line += text.get(counted..offset).map_or(0, |between| line_of(between, between.len()) - 1);
        counted = offset;
        reading.feature(line, raw.get());
    }
    reading.finish(file)
}

/// What is wrong with a feature, and what to do.
type Complaint = (String, String);

#[derive(Default)]
struct Reading {
    sites: Vec<Named>,
    zones: Vec<Named>,
    seen: BTreeMap<String, usize>,
    complaints: Vec<(usize, Complaint)>,
}

/// A feature that is good in itself.
struct Named {
    line: usize,
    id: String,
    name: Option<String>,
    tz: Option<String>,
    parent: Option<String>,
    zone: Zone,
    outline: Outline,
}

impl Reading {
    fn feature(&mut self, line: usize, text: &str) {
        match named(line, text) {
            Ok(named) => {
                if let Some(first) = self.seen.insert(named.id.clone(), line) {
                    let what = format!("facility \"{}\": the same id as in line {first}", named.id);
                    self.complaints.push((line, (what, "give every feature an id of its own".to_owned())));
                }
                let list = if named.parent.is_none() { &mut self.sites } else { &mut self.zones };
                list.push(named);
            }
            Err(complaints) => self.complaints.extend(complaints.into_iter().map(|c| (line, c))),
        }
    }

    fn finish(mut self, file: &str) -> Result<Facilities, Vec<Fault>> {
        let mut index = BTreeMap::new();
        let mut facilities = Vec::new();
        let mut drafts = Vec::new();
        for site in self.sites {
            index.insert(site.id.clone(), facilities.len());
            drafts.push(Draft {
                feature_id: site.id.clone(),
                facility: facilities.len(),
                zone: site.zone,
                outline: site.outline,
            });
            let name = site.name.unwrap_or_else(|| site.id.clone());
            facilities.push(Facility { id: site.id, name, tz: site.tz, revision: String::new() });
        }
        for zone in self.zones {
            let parent = zone.parent.unwrap_or_default();
            match index.get(&parent) {
                Some(&facility) => {
                    drafts.push(Draft { feature_id: zone.id, facility, zone: zone.zone, outline: zone.outline })
                }
                None => {
                    let what = format!("fence \"{}\": its parent \"{parent}\" is not a facility of this file", zone.id);
                    let remedy = "set `parent` to the id of the facility that this fence belongs to".to_owned();
                    self.complaints.push((zone.line, (what, remedy)));
                }
            }
        }
        if self.complaints.is_empty() {
            return Ok(Facilities::build(facilities, drafts));
        }
        self.complaints.sort();
        let fault = |(line, (what, remedy))| Fault { file: file.to_owned(), line: Some(line), what, remedy };
        Err(self.complaints.into_iter().map(fault).collect())
    }
}

fn complain(what: String, remedy: &str) -> Vec<Complaint> {
    vec![(what, remedy.to_owned())]
}

fn named(line: usize, text: &str) -> Result<Named, Vec<Complaint>> {
    let feature: Feature = serde_json::from_str(text)
        .map_err(|error| complain(format!("not a GeoJSON feature: {error}"), "see RFC 7946, section 3.2"))?;
    let properties = feature.properties.unwrap_or_default();
    let id = match text_property(&properties, "id") {
        Ok(Some(id)) => id,
        Ok(None) => {
            let remedy = "add a property `id`: it names the facility in every event";
            return Err(complain("a feature without the property `id`".to_owned(), remedy));
        }
        Err(complaint) => return Err(vec![complaint]),
    };
    let mut complaints = Vec::new();
    let mut keep = |text: Result<Option<String>, Complaint>| {
        text.unwrap_or_else(|c| {
            complaints.push((format!("facility \"{id}\": {}", c.0), c.1));
            None
        })
    };
    let [name, tz, zone, parent] = ["name", "tz", "zone", "parent"].map(|key| keep(text_property(&properties, key)));
    let mut about =
        |what: String, remedy: &str| complaints.push((format!("facility \"{id}\": {what}"), remedy.to_owned()));
    if let Some(tz) = &tz
        && jiff::tz::TimeZoneDatabase::bundled().get(tz).is_err()
    {
        about(format!("tz \"{tz}\" is not a time zone"), "use an IANA name such as \"America/Chicago\"");
    }
    let zone = match zone.as_deref().map(Zone::parse) {
        None => Zone::Site,
        Some(Some(zone)) => zone,
        Some(None) => {
            about(
                "`zone` is not one of approach, queue, site, gate, yard, dock".to_owned(),
                "use one of these, or leave it out for a site",
            );
            Zone::Site
        }
    };
    if zone == Zone::Site && parent.is_some() {
        about(
            "a site with a `parent`: a facility has one site".to_owned(),
            "set `zone`, or draw the parts of the site as one MultiPolygon and leave out `parent`",
        );
    }
    if zone != Zone::Site && parent.is_none() {
        about(
            format!("a {} without `parent`", zone.name()),
            "set `parent` to the id of the facility that this fence belongs to",
        );
    }
    let outline = match feature.geometry.map(|g| g.value) {
        Some(value) => outline(&value, &properties).map_err(|(what, remedy)| about(what, &remedy)).ok(),
        None => {
            about("no geometry".to_owned(), "draw a Polygon, or a Point with the property `radius_m`");
            None
        }
    };
    match outline {
        Some(outline) if complaints.is_empty() => Ok(Named { line, id, name, tz, parent, zone, outline }),
        _ => Err(complaints),
    }
}

fn text_property(properties: &JsonObject, key: &str) -> Result<Option<String>, Complaint> {
    match properties.get(key) {
        None | Some(JsonValue::Null) => Ok(None),
        Some(JsonValue::String(text)) if !text.is_empty() && text.len() <= 200 => Ok(Some(text.clone())),
        Some(other) => {
            let what = format!("property `{key}` is {other}, not a text of 1 to 200 bytes");
            Err((what, "write it as text in quotes".to_owned()))
        }
    }
}

fn outline(value: &GeometryValue, properties: &JsonObject) -> Result<Outline, Complaint> {
    match value {
        GeometryValue::Point { coordinates } => circle(coordinates.as_slice(), properties.get("radius_m")),
        GeometryValue::Polygon { coordinates } => polygons(std::slice::from_ref(coordinates)),
        GeometryValue::MultiPolygon { coordinates } => polygons(coordinates),
        GeometryValue::MultiPoint { .. }
        | GeometryValue::LineString { .. }
        | GeometryValue::MultiLineString { .. }
        | GeometryValue::GeometryCollection { .. } => Err((
            format!("a {} has no inside", value.type_name()),
            "draw a Polygon or MultiPolygon, or a Point with the property `radius_m`".to_owned(),
        )),
    }
}

fn circle(coordinates: &[f64], radius: Option<&JsonValue>) -> Result<Outline, Complaint> {
    let centre = position(coordinates)?;
    let radius_m = radius.and_then(JsonValue::as_f64).filter(|r| *r >= 1.0 && *r <= RADIUS_MAX_M);
    let radius_m = radius_m.ok_or_else(|| {
        let what = format!("a Point needs `radius_m` between 1 and {RADIUS_MAX_M}");
        (what, "add the property `radius_m` in metres, or draw a Polygon".to_owned())
    })?;
    Ok(Outline::Circle { centre, radius_m })
}

fn polygons(polygons: &[Vec<Vec<::geojson::Position>>]) -> Result<Outline, Complaint> {
    let (mut vertices, mut ring_ends) = (Vec::new(), Vec::new());
    let mut planar = Vec::new();
    for rings in polygons {
        let mut lines = Vec::new();
        for ring in rings {
            let positions = ring.iter().map(|p| position(p.as_slice())).collect::<Result<Vec<_>, _>>()?;
            if positions.len() < 4 || positions.first() != positions.last() {
                let what = format!("a ring of {} positions that is not closed", positions.len());
                let remedy = "a ring has at least 4 positions, and its last equals its first (RFC 7946, 3.1.6)";
                return Err((what, remedy.to_owned()));
            }
            lines.push(plane(&positions));
            vertices.extend(positions.iter().skip(1));
            ring_ends.push(vertices.len());
        }
        let mut lines = lines.into_iter();
        let outer = lines.next().unwrap_or_else(|| geo::LineString(Vec::new()));
        planar.push(geo::Polygon::new(outer, lines.collect()));
    }
    geo::MultiPolygon(planar).check_validation().map_err(|reason| {
        let remedy = "redraw the outline so that it neither crosses nor touches itself, and holes lie inside";
        (format!("the outline is not valid: {reason}"), remedy.to_owned())
    })?;
    let outline = Outline::Polygon { vertices, ring_ends };
    outline.shape().check().map_err(|error| {
        let what = match error {
            ShapeError::TooFewVertices => "a ring of fewer than three different positions",
            ShapeError::BadRadius => "a radius that is not above zero",
            ShapeError::TooLarge => "the outline spans a quarter of the earth or more",
        };
        (what.to_owned(), "redraw the outline".to_owned())
    })?;
    Ok(outline)
}

/// A ring for `geo`, which knows no antimeridian: longitudes go on past 180 degrees where the ring crosses it.
fn plane(ring: &[Position]) -> geo::LineString<f64> {
    let Some(&origin) = ring.first() else { return geo::LineString(Vec::new()) };
    #[allow(clippy::cast_precision_loss, reason = "offsets are below 2^53")]
    let coordinate = |p: &Position| {
        let (east, north) = p.offset_e7(origin);
        geo::Coord { x: origin.lon() + east as f64 / 1e7, y: origin.lat() + north as f64 / 1e7 }
    };
    ring.iter().map(coordinate).collect()
}

fn position(coordinates: &[f64]) -> Result<Position, Complaint> {
    let &[lon, lat, ..] = coordinates else {
        return Err(("a position of fewer than two numbers".to_owned(), "write [longitude, latitude]".to_owned()));
    };
    Position::from_degrees(lat, lon).ok_or_else(|| {
        let hint = if lat.abs() > 90.0 && lon.abs() <= 90.0 {
            "GeoJSON writes longitude first: are the two swapped?"
        } else {
            "latitude lies between -90 and 90, longitude between -180 and 180"
        };
        (format!("no place on earth: longitude {lon}, latitude {lat}"), hint.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(features: &str) -> String {
        format!("{{\"type\":\"FeatureCollection\",\n\"features\":[\n{features}\n]}}")
    }

    fn polygon(properties: &str, ring: &str) -> String {
        format!(
            r#"{{"type":"Feature","properties":{properties},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}"#
        )
    }

    fn faults(features: &str) -> Vec<(Option<usize>, String)> {
        let faults = read("f.geojson", &collection(features)).expect_err("must be refused");
        faults.into_iter().map(|f| (f.line, f.what)).collect()
    }

    const SQUARE: &str = "[[0,0],[0.01,0],[0.01,0.01],[0,0.01],[0,0]]";

    #[test]
    fn a_good_file_gives_facilities_with_zones_and_revisions() {
        let dock = polygon(
            r#"{"id":"d","zone":"dock","parent":"a"}"#,
            "[[0.001,0.001],[0.002,0.001],[0.002,0.002],[0.001,0.001]]",
        );
        let text =
            collection(&format!("{},\n{dock}", polygon(r#"{"id":"a","name":"A","tz":"Europe/Berlin"}"#, SQUARE)));
        let facilities = read("f.geojson", &text).unwrap();
        use geofence::Fences;
        assert_eq!((facilities.facilities().len(), facilities.len()), (1, 2));
        assert_eq!(facilities.facilities()[0].revision.len(), 16);
    }

    #[test]
    fn all_faults_are_told_at_once_with_their_lines() {
        let features = [
            polygon(r#"{"id":"bow"}"#, "[[0,0],[0.01,0.01],[0.01,0],[0,0.01],[0,0]]"),
            polygon(r#"{"id":"north"}"#, "[[0,99],[1,99],[1,98],[0,99]]"),
            polygon(r#"{"id":"open"}"#, "[[0,0],[1,0],[1,1],[0,1]]"),
            polygon(r#"{"id":"zone","tz":"Mars/Base"}"#, SQUARE),
        ];
        let told = faults(&features.join(",\n"));
        let lines: Vec<_> = told.iter().map(|(line, _)| line.unwrap()).collect();
        assert_eq!(lines, [3, 4, 5, 6]);
        assert!(told[0].1.contains("\"bow\"") && told[1].1.contains("latitude 99"));
    }

    #[test]
    fn what_is_not_geojson_is_refused_with_its_line() {
        for text in ["", "[]", "{\"type\":\"Feature\"}", "nonsense", "{\"type\":\"FeatureCollection\",\"features\":7}"]
        {
            assert!(read("f", text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_order_of_features_does_not_show() {
        let a = polygon(r#"{"id":"a"}"#, SQUARE);
        let b = polygon(r#"{"id":"b"}"#, "[[1,1],[1.01,1],[1.01,1.01],[1,1]]");
        use geofence::Fences;
        let revision = |features: &str| read("f", &collection(features)).unwrap().revision();
        assert_eq!(revision(&format!("{a},{b}")), revision(&format!("{b},{a}")));
    }

    #[test]
    fn orphans_duplicates_and_lines_are_refused() {
        let orphan = polygon(r#"{"id":"d","zone":"dock","parent":"nobody"}"#, SQUARE);
        assert!(faults(&orphan)[0].1.contains("nobody"));
        let twice = polygon(r#"{"id":"a"}"#, SQUARE);
        assert!(faults(&format!("{twice},\n{twice}"))[0].1.contains("line 3"));
    }
}
