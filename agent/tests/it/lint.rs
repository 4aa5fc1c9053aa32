//! What `gatestamp facilities lint` finds: each rule on a file made for it, silence on a good one, and hostile files.

use crate::facilities::{Bench, ask, collection, path, polygon, said, square, yard};
use gatestamp::io::clock::Clock;
use serde_json::Value;

/// The findings of a file: rule and feature.
fn findings(text: &str, more: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    let bench = Bench::new();
    let file = bench.written("f.geojson", text);
    let done = ask(&[&["facilities", "lint", path(&file), "--json"], more].concat());
    let word = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let lines = String::from_utf8(done.stdout).unwrap();
    let told = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(!word(&line, "what").is_empty() && !word(&line, "remedy").is_empty(), "{line}");
        (word(&line, "rule"), word(&line, "feature"))
    });
    (done.status.code(), told.collect())
}

fn warned(features: &[String], rule: &str, feature: &str) {
    let (code, found) = findings(&collection(features), &[]);
    assert_eq!((code, found), (Some(0), vec![(rule.to_owned(), feature.to_owned())]), "{rule}");
}

fn refused(feature: String, rule: &str) {
    let (code, found) = findings(&collection(&[yard(), feature]), &[]);
    assert_eq!(code, Some(78), "{rule}");
    assert_eq!(found[0].0, rule);
}

/// A facility called `id` whose ring is made of metres east and north of 52 degrees north, 13.02 degrees east.
fn shaped(id: &str, corners: &[(f64, f64)]) -> String {
    let position =
        |&(east, north): &(f64, f64)| format!("[{:.7},{:.7}]", 13.02 + east / 68_677.0, 52.0 + north / 111_267.0);
    let ring: Vec<String> = corners.iter().chain(corners.first()).map(position).collect();
    polygon(&named(id), &format!("[{}]", ring.join(",")))
}

fn named(id: &str) -> String {
    format!(r#"{{"id":"{id}","name":"{id}","tz":"Europe/Berlin"}}"#)
}

#[test]
fn a_good_file_has_no_findings() {
    let gate = square(r#"{"id":"gate","zone":"gate","parent":"yard"}"#, 13.0, 52.0, 0.0003);
    let neighbour = square(&named("neighbour"), 13.004, 52.0, 0.004);
    assert_eq!(findings(&collection(&[yard(), gate, neighbour]), &[]), (Some(0), Vec::new()));
}

#[test]
fn single_fences_are_judged() {
    warned(&[shaped("x", &[(0., 0.), (400., 0.), (400., 12.), (0., 12.)])], "sliver", "x");
    warned(&[shaped("x", &[(0., 0.), (25., 0.), (25., 25.), (0., 25.)])], "small", "x");
    let dock = |side| square(r#"{"id":"d","zone":"dock","parent":"yard"}"#, 13.001, 52.001, side);
    warned(&[yard(), dock(0.0001)], "small", "d");
    assert_eq!(findings(&collection(&[yard(), dock(0.0003)]), &[]).1, []);
    warned(&[shaped("x", &[(0., 0.), (200., 0.), (200., 200.), (200., 200.02), (0., 200.)])], "near-vertices", "x");
    warned(
        &[shaped("x", &[(0., 0.), (200., 0.), (200., 200.), (200., 300.), (199.8, 200.), (0., 200.)])],
        "spike",
        "x",
    );
    warned(&[shaped("x", &[(0., 0.), (9_000., 0.), (9_000., 9_000.), (0., 9_000.)])], "long-edge", "x");
}

#[test]
fn facilities_are_compared_with_each_other() {
    warned(&[yard(), square(&named("b"), 13.002, 52.001, 0.004)], "overlap", "b");
    warned(&[yard(), square(&named("b"), 13.001, 52.001, 0.001)], "inside-other", "b");
    warned(&[square(&named("b"), 13.001, 52.001, 0.001), yard()], "inside-other", "b");
    warned(&[yard(), square(&named("b"), 13.0, 52.0, 0.004)], "same-outline", "b");
    let twice =
        |id: &str, lon| square(&format!(r#"{{"id":"{id}","name":"Yard ","tz":"Europe/Berlin"}}"#), lon, 52.0, 0.001);
    warned(&[twice("a", 13.0), twice("b", 13.004)], "same-name", "b");
    assert_eq!(findings(&collection(&[twice("a", 13.0), twice("b", 13.4)]), &[]).1, []);
    let dock = |id: &str| square(&format!(r#"{{"id":"{id}","zone":"dock","parent":"yard"}}"#), 13.001, 52.001, 0.001);
    warned(&[yard(), dock("d1"), dock("d2")], "same-outline", "d2");
}

#[test]
fn what_a_facility_says_of_itself_is_judged() {
    warned(&[square(r#"{"id":"x","name":"X"}"#, 13.0, 52.0, 0.004)], "no-time-zone", "x");
    warned(&[square(r#"{"id":"x","tz":"Europe/Berlin"}"#, 13.0, 52.0, 0.004)], "no-name", "x");
    warned(&[square(r#"{"id":"x","name":"X","tz":"America/Chicago"}"#, 13.0, 52.0, 0.004)], "far-time-zone", "x");
    // Berlin with latitude and longitude exchanged.
    warned(&[square(&named("x"), 52.0, 13.0, 0.004)], "swapped", "x");
    let nameless = |id: &str, lon: f64, lat: f64| square(&format!(r#"{{"id":"{id}","name":"{id}"}}"#), lon, lat, 0.004);
    let (_, found) = findings(&collection(&[yard(), nameless("x", 51.5, 13.1)]), &[]);
    assert!(found.contains(&("swapped".to_owned(), "x".to_owned())), "{found:?}");
    let dock = |lon| square(r#"{"id":"d","zone":"dock","parent":"yard"}"#, lon, 52.001, 0.001);
    warned(&[yard(), dock(13.01)], "zone-outside", "d");
    let approach = |side| square(r#"{"id":"a","zone":"approach","parent":"yard"}"#, 12.99, 51.99, side);
    assert_eq!(findings(&collection(&[yard(), approach(0.03)]), &[]).1, []);
}

#[test]
fn a_through_road_near_the_border_is_told_and_a_driveway_is_not() {
    let bench = Bench::new();
    let line = |properties: &str, positions: &str| {
        format!(
            r#"{{"type":"Feature","properties":{properties},"geometry":{{"type":"LineString","coordinates":[{positions}]}}}}"#
        )
    };
    let ask_with = |road: String| {
        let roads = bench.written("roads.geojson", &collection(&[road]));
        findings(&collection(&[yard()]), &["--roads", path(&roads)])
    };
    // 14 m inside of the western border, from south to north; the yard lies between 13.0 and 13.004, 52.0 and 52.004.
    let along = "[13.0002,51.99],[13.0002,52.01]";
    let told = (Some(0), vec![("road".to_owned(), "yard".to_owned())]);
    assert_eq!(ask_with(line(r#"{"highway":"primary","name":"B 1"}"#, along)), told);
    assert_eq!(ask_with(line("{}", along)), told);
    assert_eq!(ask_with(line(r#"{"highway":"service"}"#, along)), (Some(0), Vec::new()));
    assert_eq!(ask_with(line("{}", "[13.0002,51.99],[13.0002,52.002]")), (Some(0), Vec::new()), "it ends inside");
    assert_eq!(ask_with(line("{}", "[13.002,51.99],[13.002,52.01]")), (Some(0), Vec::new()), "it runs in the middle");
    assert_eq!(ask_with(line("{}", "[12.9998,51.99],[12.9998,52.01]")), (Some(0), Vec::new()), "it runs outside");
    // Cut in two at a junction inside, as OpenStreetMap has its ways: both halves go on.
    let halves = [line("{}", "[13.0002,51.99],[13.0002,52.002]"), line("{}", "[13.0002,52.002],[13.0002,52.01]")];
    assert_eq!(ask_with(halves.join(",")).1.len(), 2);
    let without = bench.written("f.geojson", &collection(&[yard()]));
    let told = said(&ask(&["facilities", "lint", path(&without)]));
    assert!(told.contains("needs --roads FILE"), "{told}");
}

#[test]
fn all_findings_are_told_at_once_grouped_by_facility() {
    let bench = Bench::new();
    let bow = "[[13,52],[13.01,52.01],[13.01,52],[13,52.01],[13,52]]";
    let features = [
        polygon(r#"{"id":"bow"}"#, bow),
        square(r#"{"id":"plain"}"#, 13.1, 52.0, 0.004),
        square(r#"{"id":"north"}"#, 13.0, 95.0, 0.004),
    ];
    let file = bench.written("f.geojson", &collection(&features));
    let done = ask(&["facilities", "lint", path(&file)]);
    let told = said(&done);
    assert_eq!(done.status.code(), Some(78), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!((lines[0], lines[2], lines[5]), ("bow", "plain", "north"), "{told}");
    assert!(lines[1].contains("line 2: error [self-intersection] ring 1, vertex 1 (lat 52, lon 13)"), "{told}");
    assert!(lines[3].contains("warning [no-") && lines[6].contains("[swapped] ring 1, vertex 1"), "{told}");
    assert!(told.contains("2 errors, 2 warnings: refused"), "{told}");
}

#[test]
fn errors_are_named_by_rule() {
    refused(polygon(r#"{"id":"x"}"#, "[[0,0],[1,0],[1,1],[0,1]]"), "ring-unclosed");
    refused(polygon(r#"{"id":"x"}"#, "[[0,0],[1,0],[0,0],[0,0]]"), "ring-short");
    refused(polygon(r#"{"id":"x"}"#, "[[0,0],[1,null],[1,1],[0,0]]"), "coordinates");
    refused(polygon(r#"{"id":"x"}"#, "[[0,0],[1,\"1\"],[1,1],[0,0]]"), "coordinates");
    refused(polygon(r#"{"id":"x"}"#, "[[0,0],[1e400,0],[1,1],[0,0]]"), "geojson");
    refused(polygon(r#"{"id":"x"}"#, "[[0,80],[100,80],[-160,80],[0,80]]"), "around-a-pole");
    refused(polygon(r#"{"id":"x"}"#, "[[0,0],[100,0],[100,1],[0,0]]"), "too-large");
    refused(polygon(r#"{"id":7}"#, "[[0,0],[1,0],[1,1],[0,0]]"), "property");
    refused(polygon(r#"{"id":"x","tz":"Mars/Base"}"#, "[[0,0],[1,0],[1,1],[0,0]]"), "time-zone");
    refused(square(r#"{"id":"x","zone":"dock"}"#, 0., 0., 0.01), "zone");
    refused(square(r#"{"id":"x","zone":"dock","parent":"y"}"#, 0., 0., 0.01), "orphan");
    refused(yard(), "duplicate-id");
    refused("7".to_owned(), "geojson");
    let circle = r#"{"type":"Feature","properties":{"id":"x","radius_m":90000},"geometry":{"type":"Point","coordinates":[0,89.9]}}"#;
    refused(circle.to_owned(), "too-large");
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let clock = Clock::new(1);
    let begin = clock.now();
    let done = work();
    ((clock.now() - begin).as_seconds(), done)
}

#[test]
fn hostile_files_are_refused_in_time() {
    let deep = "[".repeat(8 << 20);
    let nested =
        format!(r#"{{"type":"FeatureCollection","features":[{}{}]}}"#, "[".repeat(1 << 20), "]".repeat(1 << 20));
    let in_coordinates =
        collection(&[polygon(r#"{"id":"x"}"#, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)))]);
    let zigzag: Vec<String> = (0..100_000).map(|n| format!("[{},{}]", n % 2, f64::from(n) * 1e-6)).collect();
    let long = collection(&[polygon(r#"{"id":"x"}"#, &format!("[{},{}]", zigzag.join(","), zigzag[0]))]);
    for (what, text) in [
        ("nothing", ""),
        ("a deep text", &deep),
        ("deep features", &nested),
        ("deep coordinates", &in_coordinates),
        ("a long ring", &long),
    ] {
        let (seconds, (code, found)) = timed(|| findings(text, &[]));
        assert!(code == Some(78) && !found.is_empty(), "{what}");
        assert!(seconds < 20.0, "{what} took {seconds} s");
    }
}

#[test]
fn thousands_of_facilities_take_no_longer_each_than_a_few() {
    let grid = |count: u32| {
        let facility = |n: u32| {
            let (lon, lat) = (f64::from(n % 100) * 0.01, 40.0 + f64::from(n / 100) * 0.01);
            square(&format!(r#"{{"id":"f{n}","name":"F {n}","tz":"Europe/London"}}"#), lon, lat, 0.004)
        };
        collection(&(0..count).map(facility).collect::<Vec<_>>())
    };
    let taken = |count| {
        let text = grid(count);
        let (seconds, found) = timed(|| findings(&text, &[]));
        assert_eq!(found, (Some(0), Vec::new()));
        seconds
    };
    let (few, many) = (taken(1_000), taken(8_000));
    assert!(many < 30.0 * few.max(0.05), "1,000 took {few} s, 8,000 took {many} s");
}

#[test]
fn as_many_on_one_spot_are_told_in_bounds() {
    let one = |n: u32| square(&named(&format!("f{n}")), 13.0 + f64::from(n) * 1e-6, 52.0, 0.004);
    let (code, found) = findings(&collection(&(0..1_500).map(one).collect::<Vec<_>>()), &[]);
    assert!(code == Some(0) && found.len() > 1_000 && found.len() < 1_500 * 9, "{}", found.len());
}

#[test]
fn coordinates_of_another_reference_system_are_warned_of() {
    let of = |name: &str| {
        let crs = format!(r#"{{"crs":{{"type":"name","properties":{{"name":"{name}"}}}},"#);
        findings(&collection(&[yard()]).replacen('{', &crs, 1), &[])
    };
    assert_eq!(of("urn:ogc:def:crs:EPSG::25833"), (Some(0), vec![("crs".to_owned(), String::new())]));
    for ours in ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326"] {
        assert_eq!(of(ours), (Some(0), Vec::new()), "{ours}");
    }
}
