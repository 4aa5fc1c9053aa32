//! Would an ACL that is written anew take the rights of somebody who was not removed?
//!
//! It follows from the folders that are there. Where they were not brought back after a loss, a new ACL would have the new truck in it
//! and lock out the whole fleet, without a word and with the next reload of the broker.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::acl::folders;
use super::files::fault;
use super::truck::Bundle;
use super::{DISPATCH, receiver};

/// Where a user of the ACL has his folder.
const PLACES: [&str; 2] = ["trucks", "receivers"];

/// Refuses when the ACL that is there gives rights to users who have neither a folder nor one in `removed/`.
///
/// # Errors
/// In words, with their names and what to do.
pub(super) fn refuse(dir: &Path) -> Result<(), String> {
    let acl = dir.join("broker/acl");
    let text = match fs::read_to_string(&acl) {
        Err(found) if found.kind() == ErrorKind::NotFound => return Ok(()),
        text => text.map_err(|found| fault(&acl, &found))?,
    };
    let removed = removed(dir)?;
    let was_removed = |user: &str| was_removed(&removed, user);
    let is_there = |user: &str| user == DISPATCH || PLACES.iter().any(|place| dir.join(place).join(user).is_dir());
    let users = text.lines().filter_map(|line| line.strip_prefix("user "));
    let gone: Vec<&str> = users.filter(|user| !is_there(user) && !was_removed(user)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let (acl, place) = (acl.display(), dir.display());
    let ends: Vec<String> = gone.iter().map(|user| end(&place.to_string(), user)).collect();
    Err(format!(
        "{acl} gives rights to {}, but {place} has no folder of that name and nobody removed it. Nothing is changed: a new ACL would lock \
         them out. Bring {place}/trucks and {place}/receivers back from the backup. Or, to take rights away for good:\n{}",
        gone.join(", "),
        ends.join("\n")
    ))
}

/// How somebody without a folder is removed.
fn end(dir: &str, user: &str) -> String {
    if let Some(bundle) = Bundle::of_folder(user) {
        return format!("    mkdir {dir}/trucks/{user}, then remove-truck {dir} {}", bundle.truck.words());
    }
    match receiver::name(user) {
        Some(name) => format!("    mkdir -p {dir}/receivers/{user}, then remove-receiver {dir} {name}"),
        None => format!("    {user}: is neither a truck nor a receiver of this folder: take its lines out of the ACL"),
    }
}

/// Whether rights were taken from exactly this user: a truck's next bundle is another one, and so is whoever's name begins the same.
pub(super) fn was_removed(removed: &[String], user: &str) -> bool {
    // The first bundle has its number there.
    let bundle = Bundle::of_folder(user);
    removed.iter().any(|name| name == user || (bundle.is_some() && Bundle::of_folder(name) == bundle))
}

/// The folders of those whose rights were taken.
pub(super) fn removed(dir: &Path) -> Result<Vec<String>, String> {
    folders(&dir.join("removed"))
}
