//! A GeoJSON FeatureCollection (RFC 7946) to a [`Plan`], with all its faults at once.

use super::Zone;
use super::finding::{Finding, Severity};
use super::geometry::{Drawing, Trouble, read as geometry};
use super::plan::{Fence, Plan, Site};
use crate::fault::line_of;
use ::geojson::{Feature, JsonObject, JsonValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// Fences that one file may hold: the whole country's warehouses and room for more.
const FENCES_MAX: usize = 50_000;
/// Bytes that one feature may have: ten thousand positions and properties around them.
const FEATURE_MAX: usize = 2 << 20;

#[derive(Deserialize)]
struct Collection<'a> {
    #[serde(rename = "type")]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    features: Vec<&'a RawValue>,
    /// Of GeoJSON before RFC 7946.
    #[serde(default)]
    crs: JsonValue,
}

/// The features of a collection.
pub(super) struct Features<'a> {
    /// The text of each, with its line.
    pub(super) located: Vec<(usize, &'a str)>,
    /// The coordinate reference system that the collection names, where it is not RFC 7946's.
    crs: Option<String>,
}

/// Reads the text of a facility file: what is good in it, and every error. With any error the file must not be used: a truck
/// that silently knows half of its facilities is worse than one that says so.
#[must_use]
pub fn survey(text: &str) -> (Plan, Vec<Finding>) {
    let features = match features(text) {
        Ok(features) => features,
        Err(finding) => return (Plan::default(), vec![*finding]),
    };
    let Features { located: features, crs } = features;
    if features.len() > FENCES_MAX {
        let what = format!("{} features; at most {FENCES_MAX} are kept", features.len());
        let remedy = "leave out the facilities that this truck never visits";
        return (Plan::default(), vec![error(None, None, None, Trouble::new("too-many", None, what, remedy))]);
    }
    if features.is_empty() {
        let remedy = "draw at least one facility; to be without a certain one, leave it out of those that are good";
        return (
            Plan::default(),
            vec![error(None, None, None, Trouble::new("empty", None, "no facilities in it", remedy))],
        );
    }
    let mut reading = Reading { crs, ..Reading::default() };
    for (line, raw) in features {
        reading.feature(line, raw);
    }
    reading.finish()
}

/// Reads the collection; its features are still text.
pub(super) fn features(text: &str) -> Result<Features<'_>, Box<Finding>> {
    // Windows programs begin a text with a byte order mark; JSON knows none.
    let text = text.trim_start_matches('\u{feff}');
    let refused =
        |line, what: String, remedy| Box::new(error(line, None, None, Trouble::new("geojson", None, what, remedy)));
    let collection = serde_json::from_str(text).map_err(|error| match something_else(text) {
        Some((what, remedy)) => refused(Some(1), what, remedy),
        None => {
            let what = format!("not a GeoJSON FeatureCollection: {error}");
            refused(Some(error.line().max(1)), what, "export the features as one FeatureCollection (RFC 7946)")
        }
    });
    let collection: Collection<'_> = collection?;
    if collection.kind != "FeatureCollection" {
        let (what, remedy) = another_kind(&collection.kind);
        return Err(refused(Some(1), what, remedy));
    }
    let (mut line, mut counted) = (1, 0);
    let located = collection.features.into_iter().map(|raw| {
        // Counted on from the last feature: from the beginning each time would take minutes for a country.
        let offset = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        line += text.get(counted..offset).map_or(0, |between| line_of(between, between.len()) - 1);
        counted = offset;
        (line, raw.get())
    });
    Ok(Features { located: located.collect(), crs: foreign(&collection.crs) })
}

/// The name of a coordinate reference system other than longitude and latitude in WGS 84.
fn foreign(crs: &JsonValue) -> Option<String> {
    let name = crs.pointer("/properties/name").map_or(crs, |name| name);
    let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
    (!crs.is_null() && !name.ends_with("CRS84") && !name.ends_with(":4326")).then(|| shortened(&name))
}

/// What a text that is no FeatureCollection is, as far as its beginning tells, and what to do with it.
fn something_else(text: &str) -> Option<(String, &'static str)> {
    #[derive(Deserialize)]
    struct Top {
        #[serde(rename = "type")]
        kind: String,
    }
    match text.trim_start().bytes().next() {
        None => Some(("the file is empty".to_owned(), "copy or export it again")),
        Some(b'<') => {
            let what = "this is XML, such as KML or GPX, not GeoJSON".to_owned();
            Some((what, "export it as GeoJSON, or convert it: ogr2ogr -f GeoJSON facilities.geojson FILE"))
        }
        Some(_) => {
            let top: Top = serde_json::from_str(text).ok()?;
            (top.kind != "FeatureCollection").then(|| another_kind(&top.kind))
        }
    }
}

fn another_kind(kind: &str) -> (String, &'static str) {
    let remedy = match kind {
        "Point" | "MultiPoint" | "LineString" | "MultiLineString" | "Polygon" | "MultiPolygon"
        | "GeometryCollection" => {
            "make a Feature of it, with its id, name and tz in `properties`, and put that into a FeatureCollection"
        }
        _ => "wrap the features in {\"type\":\"FeatureCollection\",\"features\":[..]}",
    };
    (format!("the top level is a {}, not a FeatureCollection", shortened(kind)), remedy)
}

fn error(line: Option<usize>, facility: Option<String>, feature: Option<String>, trouble: Trouble) -> Finding {
    Finding {
        severity: Severity::Error,
        rule: trouble.rule,
        line,
        facility,
        feature,
        place: trouble.place,
        what: trouble.what,
        remedy: trouble.remedy,
    }
}

/// As much of somebody's text as a message can carry.
pub(super) fn shortened(text: &str) -> String {
    if text.len() <= 60 { text.to_owned() } else { text.chars().take(60).chain("..".chars()).collect() }
}

#[derive(Default)]
struct Reading {
    sites: Vec<Named>,
    zones: Vec<Named>,
    seen: BTreeMap<String, usize>,
    /// Ids of features that were refused.
    refused: BTreeSet<String>,
    findings: Vec<Finding>,
    crs: Option<String>,
}

/// A feature that is good in itself.
struct Named {
    line: usize,
    id: String,
    name: Option<String>,
    tz: Option<String>,
    parent: Option<String>,
    zone: Zone,
    drawing: Drawing,
}

/// What is known of a feature that is not good.
struct Refused {
    id: Option<String>,
    parent: Option<String>,
    troubles: Vec<Trouble>,
}

impl Reading {
    fn feature(&mut self, line: usize, text: &str) {
        let named = named(line, text);
        let id = match &named {
            Ok(named) => Some(named.id.clone()),
            Err(refused) => refused.id.clone(),
        };
        if let Some(id) = id
            && let Some(first) = self.seen.insert(id.clone(), line)
        {
            let what = format!("the same id as in line {first}");
            let trouble = Trouble::new("duplicate-id", None, what, "give every feature an id of its own");
            self.findings.push(error(Some(line), Some(id.clone()), Some(id), trouble));
        }
        match named {
            Ok(named) => {
                let list = if named.parent.is_none() { &mut self.sites } else { &mut self.zones };
                list.push(named);
            }
            Err(Refused { id, parent, troubles }) => {
                self.refused.extend(id.clone());
                let facility = parent.or_else(|| id.clone());
                let told = troubles.into_iter().map(|t| error(Some(line), facility.clone(), id.clone(), t));
                self.findings.extend(told);
            }
        }
    }

    fn finish(mut self) -> (Plan, Vec<Finding>) {
        let mut index = BTreeMap::new();
        let mut plan = Plan { crs: self.crs, ..Plan::default() };
        for site in self.sites {
            index.insert(site.id.clone(), plan.sites.len());
            let (id, line, zone, drawing) = (site.id.clone(), site.line, site.zone, site.drawing);
            plan.fences.push(Fence { id, line, site: plan.sites.len(), zone, drawing });
            plan.sites.push(Site { id: site.id, name: site.name, tz: site.tz });
        }
        for zone in self.zones {
            let parent = zone.parent.unwrap_or_default();
            if let Some(&site) = index.get(&parent) {
                let (id, line, zone, drawing) = (zone.id, zone.line, zone.zone, zone.drawing);
                plan.fences.push(Fence { id, line, site, zone, drawing });
                continue;
            }
            // A parent that stands in the file and is refused itself is told once, there.
            if self.refused.contains(&parent) {
                continue;
            }
            let what = format!("its parent \"{}\" is not a facility of this file", shortened(&parent));
            let remedy = "set `parent` to the id of the facility that this fence belongs to";
            let trouble = Trouble::new("orphan", None, what, remedy);
            self.findings.push(error(Some(zone.line), Some(zone.id.clone()), Some(zone.id), trouble));
        }
        self.findings.sort_by_key(|finding| finding.line);
        (plan, self.findings)
    }
}

fn named(line: usize, text: &str) -> Result<Named, Refused> {
    let unnamed = |trouble| Refused { id: None, parent: None, troubles: vec![trouble] };
    if text.len() > FEATURE_MAX {
        let what = format!("a feature of {} MB; at most {} are read", text.len() >> 20, FEATURE_MAX >> 20);
        return Err(unnamed(Trouble::new("positions", None, what, "simplify its outline")));
    }
    let feature: Feature = serde_json::from_str(text).map_err(|error| not_a_feature(text, &error))?;
    let properties = feature.properties.unwrap_or_default();
    let id = match text_property(&properties, "id") {
        Ok(Some(id)) => id,
        Ok(None) => {
            let remedy = "add a property `id`: it names the facility in every event";
            return Err(unnamed(Trouble::new("no-id", None, "a feature without the property `id`", remedy)));
        }
        Err(trouble) => return Err(unnamed(trouble)),
    };
    let mut troubles = Vec::new();
    let [name, tz, zone, parent] = ["name", "tz", "zone", "parent"].map(|key| {
        text_property(&properties, key).unwrap_or_else(|trouble| {
            troubles.push(trouble);
            None
        })
    });
    if let Some(tz) = &tz
        && jiff::tz::TimeZoneDatabase::bundled().get(tz).is_err()
    {
        let what = format!("tz \"{}\" is not a time zone", shortened(tz));
        troubles.push(Trouble::new("time-zone", None, what, "use an IANA name such as \"America/Chicago\""));
    }
    let zone = role(zone.as_deref(), parent.is_some(), &mut troubles);
    let drawing = match feature.geometry.map(|g| geometry(&g.value, properties.get("radius_m"))) {
        Some(Ok(drawing)) => Some(drawing),
        Some(Err(found)) => {
            troubles.extend(found);
            None
        }
        None => {
            let remedy = "draw a Polygon, or a Point with the property `radius_m`";
            troubles.push(Trouble::new("geometry-type", None, "no geometry", remedy));
            None
        }
    };
    match drawing {
        Some(drawing) if troubles.is_empty() => Ok(Named { line, id, name, tz, parent, zone, drawing }),
        _ => Err(Refused { id: Some(id), parent, troubles }),
    }
}

/// Which zone a feature is, with what speaks against it.
fn role(word: Option<&str>, has_parent: bool, troubles: &mut Vec<Trouble>) -> Zone {
    let mut about = |what: String, remedy| troubles.push(Trouble::new("zone", None, what, remedy));
    let zone = match word.map(Zone::parse) {
        None => Zone::Site,
        Some(Some(zone)) => zone,
        Some(None) => {
            let what = "`zone` is not one of approach, queue, site, gate, yard, dock";
            about(what.to_owned(), "use one of these, or leave it out for a site");
            return Zone::Site;
        }
    };
    if zone == Zone::Site && has_parent {
        about(
            "a site with a `parent`: a facility has one site".to_owned(),
            "set `zone`, or draw the parts of the site as one MultiPolygon and leave out `parent`",
        );
    }
    if zone != Zone::Site && !has_parent {
        about(
            format!("a {} without `parent`", zone.name()),
            "set `parent` to the id of the facility that this fence belongs to; a facility needs a site of its own",
        );
    }
    zone
}

/// Says as much as can be said of what is not a feature: who it is, and which value is at fault.
fn not_a_feature(text: &str, error: &serde_json::Error) -> Refused {
    let value: JsonValue = serde_json::from_str(text).unwrap_or_default();
    let property = |key: &str| value.pointer(&format!("/properties/{key}")).and_then(JsonValue::as_str);
    let known = |key: &str| property(key).filter(|text| text.len() <= 200).map(str::to_owned);
    let mut path = Vec::new();
    let culprit = value.pointer("/geometry/coordinates").and_then(|value| not_a_number(value, &mut path));
    let trouble = match culprit {
        Some(culprit) => {
            let numbers: Vec<String> = path.iter().map(|n| (n + 1).to_string()).collect();
            let what = format!(
                "coordinates hold {}, not a number (counted from 1, at {})",
                shortened(&culprit.to_string()),
                numbers.join(" / ")
            );
            Trouble::new("coordinates", None, what, "write every position as [longitude, latitude] in degrees")
        }
        None => {
            let what = format!("not a GeoJSON feature: {}", shortened(&error.to_string()));
            Trouble::new("geojson", None, what, "see RFC 7946, section 3.2")
        }
    };
    Refused { id: known("id"), parent: known("parent"), troubles: vec![trouble] }
}

/// The first value in nested lists that is no number; `path` says where.
fn not_a_number<'a>(value: &'a JsonValue, path: &mut Vec<usize>) -> Option<&'a JsonValue> {
    let JsonValue::Array(values) = value else {
        return (!value.is_number()).then_some(value);
    };
    for (n, value) in values.iter().enumerate() {
        path.push(n);
        if let Some(culprit) = not_a_number(value, path) {
            return Some(culprit);
        }
        path.pop();
    }
    None
}

fn text_property(properties: &JsonObject, key: &str) -> Result<Option<String>, Trouble> {
    match properties.get(key) {
        None | Some(JsonValue::Null) => Ok(None),
        Some(JsonValue::String(text)) if !text.is_empty() && text.len() <= 200 => Ok(Some(text.clone())),
        Some(other) => {
            let what = format!("property `{key}` is {}, not a text of 1 to 200 bytes", shortened(&other.to_string()));
            Err(Trouble::new("property", None, what, "write it as text in quotes"))
        }
    }
}

#[cfg(test)]
mod tests {
    fn collection(features: &str) -> String {
        format!("{{\"type\":\"FeatureCollection\",\n\"features\":[\n{features}\n]}}")
    }

    fn polygon(properties: &str, ring: &str) -> String {
        format!(
            r#"{{"type":"Feature","properties":{properties},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}"#
        )
    }

    fn faults(features: &str) -> Vec<(Option<usize>, String)> {
        let faults = crate::facility::read("f.geojson", &collection(features)).expect_err("must be refused");
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
        let facilities = crate::facility::read("f.geojson", &text).unwrap();
        use geofence::Fences;
        assert_eq!((facilities.count(), facilities.len()), (1, 2));
        assert_eq!(facilities.facility(0).unwrap().revision.len(), 16);
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
            assert!(crate::facility::read("f", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_radius_that_is_none_is_shown() {
        for radius in ["\"150 m\"", "-5", "0"] {
            let feature = r#"{"type":"Feature","properties":{"id":"a","radius_m":R},"geometry":{"type":"Point","coordinates":[13,52]}}"#;
            assert!(faults(&feature.replace('R', radius))[0].1.contains(&format!("not {radius}")), "{radius}");
        }
    }

    #[test]
    fn what_the_file_is_instead_is_told_before_what_it_lacks() {
        for (text, what, remedy) in [
            (" \n", "is empty", "again"),
            ("<?xml version=\"1.0\"?><kml/>", "XML", "ogr2ogr"),
            (r#"{"type":"Feature","properties":{},"geometry":null}"#, "top level is a Feature,", "wrap the features"),
            (r#"{"type":"Polygon","coordinates":[]}"#, "top level is a Polygon,", "make a Feature of it"),
            (r#"{"type":"FeatureCollection"}"#, "missing field `features`", "export"),
            (r#"{"type":"FeatureCollection","features":[]}"#, "no facilities", "at least one"),
        ] {
            let fault = &crate::facility::read("f", text).expect_err("must be refused")[0];
            assert!(fault.what.contains(what) && fault.remedy.contains(remedy), "{fault:?}");
        }
    }

    #[test]
    fn the_order_of_features_does_not_show() {
        let a = polygon(r#"{"id":"a"}"#, SQUARE);
        let b = polygon(r#"{"id":"b"}"#, "[[1,1],[1.01,1],[1.01,1.01],[1,1]]");
        use geofence::Fences;
        let revision = |features: &str| crate::facility::read("f", &collection(features)).unwrap().revision();
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
