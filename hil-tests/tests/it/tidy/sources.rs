//! Laws about Rust sources.

use super::lexer::{code, says, shipped, std_modules};
use super::{Tree, bites, hold, place, rust, spares};

/// Only these parts of the agent may meet the world.
fn is_border(path: &str) -> bool {
    ["agent/src/io/", "agent/src/cli/", "agent/src/main.rs"].iter().any(|border| path.starts_with(border))
}

fn impure(tree: &Tree) -> Vec<String> {
    let words = ["tokio", "tokio_serial", "rusqlite", "rumqttc", "rustix", "sd_notify", "async", ".await"];
    let modules = ["fs", "net", "env", "process", "thread", "os"];
    let mut found = Vec::new();
    for (path, text) in rust(tree).filter(|(path, _)| path.starts_with("agent/src/") && !is_border(path)) {
        let code = shipped(text);
        for word in words {
            found.extend(says(&code, word).map(|at| place(path, &code, at, word)));
        }
        let named = std_modules(&code).into_iter().filter(|(_, module)| modules.contains(&module.as_str()));
        found.extend(named.map(|(at, module)| place(path, &code, at, &format!("std::{module}"))));
    }
    found
}

#[test]
fn the_agents_core_meets_no_clock_file_or_socket() {
    bites(impure, "agent/src/visit/mod.rs", "use std::{collections::{BTreeMap, BTreeSet}, fs};");
    bites(impure, "agent/src/engine.rs", "fn f() { std::env::var(\"X\"); }");
    bites(impure, "agent/src/engine.rs", "fn f() { x.await }");
    bites(impure, "agent/src/engine.rs", "use tokio::time;");
    spares(
        impure,
        "agent/src/engine.rs",
        "// tokio\nuse std::{fmt, collections::BTreeMap};\n#[cfg(test)]\nmod tests { use std::fs; }",
    );
    spares(impure, "agent/src/io/journal.rs", "use rusqlite::Connection;");
    hold(impure, "move it to agent/src/io and hand its result in as a value (law 1 in docs/architecture.md)");
}

fn std_in_geofence(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in rust(tree).filter(|(path, _)| path.starts_with("geofence/src/")) {
        let code = shipped(text);
        found.extend(says(&code, "std::").map(|at| place(path, &code, at, "std::")));
    }
    found
}

#[test]
fn geofence_uses_core_and_nothing_else() {
    bites(std_in_geofence, "geofence/src/shape.rs", "use std::fmt;");
    spares(
        std_in_geofence,
        "geofence/src/shape.rs",
        "//! std::fmt\nuse core::fmt;\n#[cfg(test)]\nmod tests {\n use std::vec::Vec; }",
    );
    hold(std_in_geofence, "take it from `core` or `libm`, or do it in the agent");
}

/// The one file that may say `unsafe`, once and with its reason: the map of our own copy of the facilities (decision 11).
const MAP: &str = "agent/src/io/atlas.rs";

fn unsafe_code(tree: &Tree) -> Vec<String> {
    rust(tree)
        .flat_map(|(path, text)| {
            let code = code(text, false);
            let said: Vec<usize> = says(&code, "unsafe").collect();
            let allowed = path == MAP && said.len() == 1 && text.contains("// SAFETY: ");
            said.into_iter().filter(|_| !allowed).map(|at| place(path, &code, at, "unsafe")).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn nothing_is_unsafe() {
    bites(unsafe_code, "agent/src/io/map.rs", "fn f() { unsafe { g() } }");
    bites(unsafe_code, "agent/src/io/mod.rs", "// SAFETY: x\nfn f() { unsafe { g() } }");
    bites(unsafe_code, MAP, "fn f() { unsafe { g() } }");
    bites(unsafe_code, MAP, "// SAFETY: x\nfn f() { unsafe { g() } }\n// SAFETY: y\nfn h() { unsafe { g() } }");
    spares(unsafe_code, MAP, "// SAFETY: x\nfn f() { unsafe { g() } }");
    spares(
        unsafe_code,
        "agent/src/lib.rs",
        "#![deny(unsafe_code)] // unsafe\nconst S: &str = \"unsafe\"; const R: &str = r#\"unsafe\"#;",
    );
    hold(
        unsafe_code,
        "use a crate that has proven it, such as rustix; or change this law together with a decision in docs/decisions/",
    );
}

fn clocks_in_sql(tree: &Tree) -> Vec<String> {
    // In pieces, so that this file keeps the law.
    let clocks = [
        concat!("CURRENT_", "TIMESTAMP"),
        concat!("CURRENT_", "TIME"),
        concat!("CURRENT_", "DATE"),
        concat!("'", "now'"),
    ];
    let mut found = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".rs") || path.ends_with(".sql")) {
        let code = if path.ends_with(".rs") { code(text, true) } else { text.clone() };
        let upper = code.to_ascii_uppercase();
        for clock in clocks {
            let clock_upper = clock.to_ascii_uppercase();
            let asked = upper.match_indices(&clock_upper);
            // A method of Rust is no word of SQL: TLS asks its time of a trait that names one like this.
            let asked = asked.filter(|&(at, _)| !upper.get(..at).is_some_and(|before| before.ends_with(" FN ")));
            found.extend(asked.map(|(at, _)| place(path, &code, at, clock)));
        }
    }
    found.sort();
    found
}

#[test]
fn sqlite_is_never_asked_for_the_time() {
    bites(clocks_in_sql, "agent/src/io/journal/schema.rs", concat!("\"insert into t values (datetime('", "now'))\""));
    bites(clocks_in_sql, "agent/src/io/schema.sql", concat!("create table t (at text default current_", "timestamp)"));
    hold(clocks_in_sql, "bind the time as a parameter: it is an input, and a replay must find the same one");
}

fn ignored_tests(tree: &Tree) -> Vec<String> {
    rust(tree)
        .flat_map(|(path, text)| {
            let code = code(text, false);
            code.match_indices("#[ignore").map(|(at, _)| place(path, &code, at, "an ignored test")).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn no_test_is_ignored() {
    bites(ignored_tests, "agent/src/lib.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}");
    hold(
        ignored_tests,
        "make it fast, or let it run when an environment variable asks for it and say in one line that it did not",
    );
}

fn headless_files(tree: &Tree) -> Vec<String> {
    rust(tree).filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path.clone()).collect()
}

#[test]
fn every_source_file_says_what_it_is_for() {
    bites(headless_files, "agent/src/lib.rs", "use std::fmt;");
    hold(headless_files, "begin the file with `//!`: the question it answers, the words it uses, what always holds");
}

fn non_ascii(tree: &Tree) -> Vec<String> {
    let found = rust(tree)
        .filter_map(|(path, text)| text.find(|c: char| !c.is_ascii()).map(|at| place(path, text, at, "not ASCII")));
    found.collect()
}

#[test]
fn sources_are_ascii() {
    bites(non_ascii, "agent/src/lib.rs", "//! \u{2014}");
    hold(
        non_ascii,
        "write the character as an escape, or another word: what looks like a blank or a quote must be one",
    );
}
