//! Who may do what at the broker? It follows from the folders in `trucks/` and `receivers/`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use super::files::{fault, replace};
use super::truck::Bundle;
use super::{DISPATCH, receiver, unaccounted};

const BEGIN: &str =
    "# Who may do what at the broker. Written from the folders in trucks/ and receivers/: change those, not this file.
";
/// What a truck writes.
const WRITES: [&str; 6] = ["events", "position", "state", "health", "checkpoint", "reply"];

/// Writes it anew, if that takes nobody's rights who was not removed.
pub(super) fn write(dir: &Path) -> Result<(), String> {
    unaccounted::refuse(dir)?;
    let trucks = folders(&dir.join("trucks"))?;
    let mut bundles: Vec<Bundle> = trucks.iter().filter_map(|name| Bundle::of_folder(name)).collect();
    bundles.sort();
    let mut receivers = folders(&dir.join("receivers"))?;
    receivers.retain(|name| receiver::name(name).is_some());
    receivers.sort();
    let removed = unaccounted::removed(dir)?;
    let came_back = |user: &str| unaccounted::was_removed(&removed, user);
    let mut text = BEGIN.to_owned();
    // What was stolen once may be used again: a folder that a copy brought back brings no rights.
    let users = bundles.iter().map(Bundle::user).chain(receivers.iter().cloned());
    for user in users.filter(|user| came_back(user)) {
        text.push_str(&format!("# {user} was removed, and its folder came back with a copy: no rights.\n"));
    }
    receivers.retain(|user| !came_back(user));
    bundles.retain(|bundle| !came_back(&bundle.user()));
    for user in [DISPATCH.to_owned()].into_iter().chain(receivers) {
        text.push_str(&format!("\nuser {user}\ntopic readwrite gatestamp/#\n"));
    }
    for bundle in &bundles {
        let topics = bundle.truck.topics();
        text.push_str(&format!("\nuser {}\n", bundle.user()));
        for leaf in WRITES {
            text.push_str(&format!("topic write {topics}/{leaf}\n"));
        }
        text.push_str(&format!("topic read {topics}/down/#\n"));
    }
    replace(&dir.join("broker/acl"), &text)
}

/// The names of the folders in `place`; none if it is not there.
pub(super) fn folders(place: &Path) -> Result<Vec<String>, String> {
    let entries = match fs::read_dir(place) {
        Err(found) if found.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|found| fault(place, &found))?,
    };
    let entries: Result<Vec<fs::DirEntry>, io::Error> = entries.collect();
    let entries = entries.map_err(|found| fault(place, &found))?;
    let names = entries.iter().filter(|entry| entry.path().is_dir()).map(fs::DirEntry::file_name);
    Ok(names.filter_map(|name: OsString| name.into_string().ok()).collect())
}
