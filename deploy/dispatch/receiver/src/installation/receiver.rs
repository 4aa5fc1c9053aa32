//! How does a further receiver come to a certificate of its own?
//!
//! The broker takes the certificate's name for the client id, so two receivers of one certificate would throw each other out.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config;
use crate::message::is_name;

use super::authority::Authority;
use super::files::{fault, folder, lock, read, secret, write};
use super::settings::assign;
use super::{DISPATCH, acl, unaccounted};

/// The certificate's name, which is the folder's too. It has no dot and a truck's has one, so that no truck can have it.
fn user(name: &str) -> Result<String, String> {
    if is_name(name) {
        return Ok(format!("{DISPATCH}-{name}"));
    }
    Err(format!("`{name}` cannot name a receiver: 1 to 32 of the characters A-Z a-z 0-9 - _"))
}

/// The name of the receiver whose folder this is.
pub(super) fn name(folder: &str) -> Option<&str> {
    folder.strip_prefix(DISPATCH)?.strip_prefix('-').filter(|name| is_name(name))
}

/// Makes a folder for a further receiver, a copy of the first one's with a certificate of its own, and gives it its rights. Says where.
///
/// # Errors
/// In words: a name that was used before, a first receiver that shares its events with nobody, or what cannot be written.
pub fn add_receiver(dir: &Path, name: &str, day: (i32, u8, u8)) -> Result<PathBuf, String> {
    let _alone = lock(dir)?;
    let user = user(name)?;
    let place = dir.join("receivers").join(&user);
    let was_removed = unaccounted::was_removed(&unaccounted::removed(dir)?, &user);
    if place.exists() {
        // A run that was killed between the folder and the ACL is made good by the next.
        acl::write(dir)?;
        let what =
            if was_removed { "was removed, came back with a copy and has no rights" } else { "is there already" };
        return Err(format!("{} {what}: nothing is written over", place.display()));
    }
    if was_removed {
        return Err(format!(
            "a receiver {name} was removed: its old certificate would be good again; take another name"
        ));
    }
    let first = dir.join("receiver/receiver.toml");
    let told = config::read_strictly(&first).map_err(|fault| fault.to_string())?;
    if told.broker.group.is_none() {
        return Err(format!(
            "{}: take the # before broker.group away first, and set PostgreSQL in [store]",
            first.display()
        ));
    }
    unaccounted::refuse(dir)?;
    let authority = Authority::open(&dir.join("ca"), day)?;
    let issued = authority.client(&user, day)?;
    let url = read(&dir.join("trucks/broker-url"))?;
    let text = |value: &str| format!("\"{value}\"");
    let files = [("ca", "ca.crt"), ("cert", "receiver.crt"), ("key", "receiver.key")];
    let mut values = files.map(|(key, file)| ("broker", key, text(file))).to_vec();
    values.extend([("broker", "url", text(url.trim())), ("broker", "client_id", text(&user))]);
    let new = dir.join("receivers/.new");
    // A leaving of a run that was killed.
    let _ = fs::remove_dir_all(&new);
    folder(&dir.join("receivers"), 0o700)?;
    folder(&new, 0o750)?;
    write(&new.join("ca.crt"), authority.certificate())?;
    write(&new.join("receiver.crt"), &issued.certificate)?;
    secret(&new.join("receiver.key"), &issued.key)?;
    // All of them command with one key: it is the one that trucks know.
    secret(&new.join("dispatch.key"), &read(&dir.join("receiver/dispatch.key"))?)?;
    secret(&new.join("receiver.toml"), &assign(&read(&first)?, &values))?;
    fs::rename(&new, &place).map_err(|found| fault(&place, &found))?;
    acl::write(dir)?;
    Ok(place)
}

/// Takes a further receiver's rights away; its folder goes to `removed/`, and its name is not given again.
///
/// # Errors
/// In words. Nothing has moved then, or the same command again ends what this one began.
pub fn remove_receiver(dir: &Path, name: &str) -> Result<(), String> {
    let _alone = lock(dir)?;
    let user = user(name)?;
    // A folder that went to `removed/` before the ACL is refused would keep its rights.
    unaccounted::refuse(dir)?;
    let place = dir.join("receivers").join(&user);
    if !place.exists() {
        // A run that was killed between the folder and the ACL is made good by the next.
        acl::write(dir)?;
        return Err(format!("{} is not there; the ACL gives it no rights", place.display()));
    }
    let removed = dir.join("removed");
    folder(&removed, 0o700)?;
    // A copy that is brought back over what is there brings back who was removed since.
    let again = (2_u32..).map(|n| removed.join(format!("{user}.{n}")));
    let free = std::iter::once(removed.join(&user)).chain(again).find(|free| !free.exists());
    let free = free.ok_or_else(|| format!("{} is full", removed.display()))?;
    fs::rename(&place, &free).map_err(|found| fault(&place, &found))?;
    acl::write(dir)
}
