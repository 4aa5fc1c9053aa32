//! Laws about the repository as a whole: what is where, and what the files beside the sources say.

use super::{Tree, bites, hold, place, spares};

/// Data, other people's texts and what programs write may be as long as they are: `docs/benchmark.md` is the arrival
/// benchmark's report.
fn is_written_by_hand(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let generated = name == "Cargo.lock" || name.starts_with("LICENSE") || path == "docs/benchmark.md";
    !generated
        && (!name.contains('.') || [".rs", ".md", ".toml", ".sh", ".py", ".sql"].iter().any(|end| name.ends_with(end)))
}

fn long_files(tree: &Tree) -> Vec<String> {
    let lines = |path: &str| {
        if path == "docs/architecture.md" { 120 } else { 600 }
    };
    let long = tree.iter().filter(|(path, text)| is_written_by_hand(path) && text.lines().count() > lines(path));
    long.map(|(path, text)| format!("{path}: {} lines, at most {}", text.lines().count(), lines(path))).collect()
}

#[test]
fn files_can_be_read_in_one_sitting() {
    bites(long_files, "agent/src/lib.rs", &"//! x\n".repeat(601));
    bites(long_files, "docs/architecture.md", &"x\n".repeat(121));
    spares(long_files, "docs/benchmark.md", &"x\n".repeat(900));
    hold(
        long_files,
        "split it where its questions part; docs/architecture.md is two pages, details go into a page of their own",
    );
}

fn private_paths(tree: &Tree) -> Vec<String> {
    // In pieces, so that this file keeps the law.
    let private = [concat!("/wo", "rk/"), concat!("/tmp/", "research"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut found = Vec::new();
    for (path, text) in tree {
        for prefix in private {
            found.extend(text.match_indices(prefix).map(|(at, _)| place(path, text, at, prefix)));
        }
    }
    found
}

#[test]
fn nobodys_machine_is_named() {
    bites(private_paths, "README.md", concat!("see /wo", "rk/notes"));
    hold(private_paths, "name it from the top of the repository, or take it from an environment variable");
}

fn dead_links(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let prose: Vec<&str> = text.split("```").step_by(2).collect();
        for target in prose.iter().flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next()) {
            let file = target.split(['#', ' ']).next().unwrap_or(target);
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            let wanted = resolve(folder, file);
            if !tree.keys().any(|key| *key == wanted || key.starts_with(&format!("{wanted}/"))) {
                found.push(format!("{path}: {target}"));
            }
        }
    }
    found
}

fn resolve(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join("/")
}

#[test]
fn documents_link_to_what_is_there() {
    bites(dead_links, "docs/time.md", "see [the core](../geofence/lib.rs)");
    spares(
        dead_links,
        "docs/time.md",
        "see [this](time.md#clocks), [that](https://example.com) and\n```\n[x](y)\n```\n",
    );
    hold(dead_links, "repair the link; paths are from the document's own folder");
}

#[test]
fn the_top_of_the_repository_is_as_designed() {
    bites(top_level, "notes.txt", "");
    hold(top_level, "put it into the folder it belongs to; the top level is the user's, and it is listed here");
}

fn top_level(tree: &Tree) -> Vec<String> {
    let set = ["Cargo.toml", "README.md", "agent", "cross.toml", "deploy", "geofence", "hil-tests"];
    let customary = [
        ".cargo",
        ".ci",
        ".config",
        ".gitattributes",
        ".gitignore",
        "CHANGELOG.md",
        "Cargo.lock",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "SECURITY.md",
        "clippy.toml",
        "deny.toml",
        "docs",
        "rust-toolchain.toml",
        "rustfmt.toml",
    ];
    let is_there = |name: &str| tree.keys().any(|path| path.split('/').next() == Some(name));
    let missing = set.iter().filter(|name| !is_there(name)).map(|name| format!("{name} is missing"));
    let tops = tree.keys().filter_map(|path| path.split('/').next());
    let strange = tops
        .filter(|name| !set.contains(name) && !customary.contains(name))
        .map(|name| format!("{name} does not belong here"));
    let mut found: Vec<String> = missing.chain(strange).collect();
    found.dedup();
    found
}

fn bare_cross_calls(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree {
        for (number, line) in text.lines().enumerate() {
            for command in ["build", "check", "run", "rustc", "test"] {
                let call = format!("cross {command}");
                // A call is where a command can stand; elsewhere these are two words of a sentence.
                let is_call = line.match_indices(&call).any(|(at, _)| {
                    let before = line.get(..at).unwrap_or_default().trim_start();
                    before.is_empty()
                        || ["`", "$ ", "; ", "&& ", "|| ", "exec ", "\""].iter().any(|start| before.ends_with(start))
                });
                if is_call {
                    found.push(format!("{path}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    found
}

#[test]
fn cross_is_always_told_where_its_configuration_is() {
    bites(bare_cross_calls, "README.md", concat!("    cros", "s build --release"));
    bites(bare_cross_calls, "docs/building.md", concat!("run `cros", "s test`"));
    spares(bare_cross_calls, "deploy/x", concat!("CROSS_CONFIG=cross.toml cros", "s build"));
    hold(
        bare_cross_calls,
        "write `CROSS_CONFIG=cross.toml` before it: cross takes only `Cross.toml` by itself and merely warns",
    );
}

/// The keys of cross 0.2.5, the latest release. It only warns about others and goes on without them.
fn unknown_cross_keys(tree: &Tree) -> Vec<String> {
    let mut found: Vec<String> = tree.keys().filter(|path| path.as_str() == "Cross.toml").cloned().collect();
    let manifests = tree.iter().filter(|(path, text)| path.ends_with("Cargo.toml") && text.contains("metadata.cross"));
    found.extend(manifests.map(|(path, _)| format!("{path}: metadata.cross is merged into cross.toml")));
    let Some(text) = tree.get("cross.toml") else {
        return found;
    };
    let both = ["dockerfile", "env", "pre-build", "build-std", "xargo"];
    match text.parse::<toml::Table>() {
        Err(error) => found.push(format!("cross.toml: {error}")),
        Ok(table) => {
            for (name, section) in &table {
                match (name.as_str(), section.as_table()) {
                    ("build", Some(build)) => found.extend(strange_keys("build", build, &both, &["default-target"])),
                    ("target", Some(targets)) => {
                        for (target, keys) in
                            targets.iter().filter_map(|(target, keys)| Some((target, keys.as_table()?)))
                        {
                            found.extend(strange_keys(target, keys, &both, &["image", "runner"]));
                        }
                    }
                    _ => found.push(format!("cross.toml: {name}")),
                }
            }
        }
    }
    found
}

fn strange_keys(section: &str, keys: &toml::Table, both: &[&str], own: &[&str]) -> Vec<String> {
    let is_known = |key: &str, value: &toml::Value| match key {
        "env" => value.as_table().is_some_and(|env| env.keys().all(|key| key == "volumes" || key == "passthrough")),
        "image" => value.is_str() && own.contains(&key),
        _ => both.contains(&key) || own.contains(&key),
    };
    keys.iter()
        .filter(|(key, value)| !is_known(key, value))
        .map(|(key, _)| format!("cross.toml: {section}: {key}"))
        .collect()
}

#[test]
fn cross_toml_says_only_what_cross_knows() {
    bites(unknown_cross_keys, "cross.toml", "[build]\nzig = true");
    bites(unknown_cross_keys, "cross.toml", "[target.aarch64-unknown-linux-musl.image]\nname = \"x\"");
    bites(unknown_cross_keys, "Cross.toml", "");
    bites(unknown_cross_keys, "agent/Cargo.toml", "[package.metadata.cross.build]");
    hold(unknown_cross_keys, "keep to the keys of cross 0.2.5, in cross.toml alone");
}

fn lesser_clippy_tomls(tree: &Tree) -> Vec<String> {
    let all = tree
        .keys()
        .filter(|path| path.rsplit('/').next().is_some_and(|name| name.trim_start_matches('.') == "clippy.toml"));
    all.filter(|path| path.as_str() != "clippy.toml").cloned().collect()
}

#[test]
fn there_is_one_clippy_toml() {
    bites(lesser_clippy_tomls, "agent/clippy.toml", "");
    bites(lesser_clippy_tomls, "geofence/.clippy.toml", "");
    hold(
        lesser_clippy_tomls,
        "move its lines to the one at the top: a second one replaces the ban on clocks instead of adding to it",
    );
}

/// The shipped configuration is valid TOML and names no truck: two trucks of one name overwrite each other at dispatch.
fn unsafe_defaults(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.get("deploy/gatestamp.toml") else {
        return Vec::new();
    };
    let table = match text.parse::<toml::Table>() {
        Err(error) => return vec![format!("deploy/gatestamp.toml: {error}")],
        Ok(table) => table,
    };
    let truck = |key: &str| table.get("truck").and_then(|truck| truck.get(key)).and_then(toml::Value::as_str);
    let named = ["fleet", "id"].into_iter().filter(|key| truck(key) != Some("change-me"));
    let mut found: Vec<String> =
        named.map(|key| format!("deploy/gatestamp.toml: truck.{key} is not \"change-me\"")).collect();
    if table.get("simulation").and_then(toml::Value::as_bool) != Some(false) {
        found.push("deploy/gatestamp.toml: simulation is not false".to_owned());
    }
    found
}

#[test]
fn the_shipped_configuration_is_nobodys_truck() {
    bites(unsafe_defaults, "deploy/gatestamp.toml", "[truck");
    bites(
        unsafe_defaults,
        "deploy/gatestamp.toml",
        "simulation = false\n[truck]\nfleet = \"acme\"\nid = \"change-me\"",
    );
    bites(
        unsafe_defaults,
        "deploy/gatestamp.toml",
        "simulation = true\n[truck]\nfleet = \"change-me\"\nid = \"change-me\"",
    );
    hold(unsafe_defaults, "the unit and the package wait for a technician to replace \"change-me\"; keep it");
}

fn refused_configuration(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.get("deploy/gatestamp.toml") else { return Vec::new() };
    // `#key = ..`, without a blank, shows a default that the file does not set; it must be right all the same.
    let is_key = |line: &&str| line.starts_with(|c: char| c.is_ascii_lowercase());
    let all: Vec<&str> = text.lines().map(|line| line.strip_prefix('#').filter(is_key).unwrap_or(line)).collect();
    // Nothing else but the names that only the technician knows may be wrong.
    let named = |text: &str| text.replace("\"change-me\"", "\"named\"");
    [text.clone(), all.join("\n")]
        .iter()
        .filter_map(|text| gatestamp::config::read("deploy/gatestamp.toml", &named(text)).err())
        .flatten()
        .map(|fault| fault.to_string())
        .collect()
}

#[test]
fn the_agent_accepts_the_shipped_configuration() {
    bites(refused_configuration, "deploy/gatestamp.toml", "[truck]\nfleet = \"a\"\nid = \"b\"\n#colour = 7\n");
    hold(refused_configuration, "bring deploy/gatestamp.toml and agent/src/config together");
}

fn retries(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.get(".config/nextest.toml") else {
        return Vec::new();
    };
    match text.parse::<toml::Table>() {
        Err(error) => vec![format!(".config/nextest.toml: {error}")],
        Ok(table) => retried(&toml::Value::Table(table)),
    }
}

fn retried(value: &toml::Value) -> Vec<String> {
    let mut found = Vec::new();
    for (key, inner) in value.as_table().into_iter().flatten() {
        if key == "retries" && inner.as_integer() != Some(0) {
            found.push(format!(".config/nextest.toml: retries = {inner}"));
        }
        found.extend(retried(inner));
    }
    for inner in value.as_array().into_iter().flatten() {
        found.extend(retried(inner));
    }
    found
}

#[test]
fn no_test_gets_a_second_try() {
    bites(retries, ".config/nextest.toml", "[profile.default]\nretries = 2");
    bites(retries, ".config/nextest.toml", "[[profile.ci.overrides]]\nretries = { backoff = \"fixed\", count = 1 }");
    hold(retries, "find out why it failed the first time");
}

fn careless_scripts(tree: &Tree) -> Vec<String> {
    let shells = tree.iter().filter(|(_, text)| text.starts_with("#!/bin/sh\n"));
    let careless = shells.filter(|(_, text)| !text.lines().any(|line| line == "set -eu" || line == "set -e"));
    let others = tree
        .iter()
        .filter(|(_, text)| text.starts_with("#!") && text.lines().next().is_some_and(|first| first.contains("bash")));
    careless
        .map(|(path, _)| format!("{path}: no `set -eu`"))
        .chain(others.map(|(path, _)| format!("{path}: bash")))
        .collect()
}

#[test]
fn scripts_stop_at_the_first_failure() {
    bites(careless_scripts, "deploy/build", "#!/bin/sh\ncd x\nrm -r y\n");
    bites(careless_scripts, "deploy/build", "#!/usr/bin/env bash\nset -eu\n");
    hold(careless_scripts, "write for /bin/sh and begin with `set -eu` (maintainer scripts of a package: `set -e`)");
}

/// The day of the release stands in the source, because a build machine's clock must not decide what dates are believed.
fn undated_release(tree: &Tree) -> Vec<String> {
    let Some(source) = tree.get("agent/src/version.rs") else { return Vec::new() };
    let number = source.split("UnixMillis(").filter_map(|rest| rest.split(')').next()).find_map(|digits| {
        let digits: String = digits.chars().filter(|&c| c != '_').collect();
        digits.parse::<i64>().ok()
    });
    let day =
        number.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).map(|day| day.strftime("%F").to_string());
    let heading = tree.get("CHANGELOG.md").and_then(|text| text.lines().find(|line| line.starts_with("## ")));
    match (day, heading) {
        (Some(day), Some(heading)) if heading.contains(&day) => Vec::new(),
        (day, heading) => vec![format!("agent/src/version.rs says {day:?}, CHANGELOG.md begins with {heading:?}")],
    }
}

#[test]
fn the_release_has_the_day_of_its_changelog() {
    bites(undated_release, "agent/src/version.rs", "UnixMillis(1_795_305_600_000)");
    hold(
        undated_release,
        "write the day of the release into both: `## VERSION, YYYY-MM-DD` is the first heading of the changelog",
    );
}
