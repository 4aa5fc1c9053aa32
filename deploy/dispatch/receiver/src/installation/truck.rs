//! What does a truck get, and what may it do at the broker?

use std::fs;
use std::path::Path;

use crate::message::{PREFIX, is_name};

use super::authority::Authority;
use super::files::{fault, folder, replace, secret, write};

/// The truck's configuration, as the agent ships it.
const SHIPPED: &str = include_str!("../../../../gatestamp.toml");
/// Dispatch's name has no dot, so no truck can have it.
const ACL_BEGIN: &str =
    "# Who may do what at the broker. Written from the folders in trucks/: change those, not this file.

user dispatch
topic readwrite gatestamp/#
";
/// What a truck writes.
const WRITES: [&str; 6] = ["events", "position", "state", "health", "checkpoint", "reply"];

/// Fleet and truck, good for a topic and a certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Truck {
    fleet: String,
    id: String,
}

impl Truck {
    /// Checks the names.
    ///
    /// # Errors
    /// In words, which one does not do.
    pub fn new(fleet: &str, id: &str) -> Result<Self, String> {
        for (what, name) in [("fleet", fleet), ("truck", id)] {
            if !is_name(name) {
                return Err(format!("`{name}` cannot name a {what}: 1 to 32 of the characters A-Z a-z 0-9 - _"));
            }
            if name == "change-me" {
                return Err(format!("`{name}` is the placeholder of a new truck: name the {what}"));
            }
        }
        Ok(Self { fleet: fleet.to_owned(), id: id.to_owned() })
    }

    /// Its name in the certificate, in the ACL and as a folder. The dot stands in no name, so that no two trucks share one.
    #[must_use]
    pub fn user(&self) -> String {
        format!("{}.{}", self.fleet, self.id)
    }

    fn of_folder(name: &str) -> Option<Self> {
        let (fleet, id) = name.split_once('.')?;
        Self::new(fleet, id).ok()
    }
}

/// Makes a truck's claim bundle and gives the truck its rights. Says where the bundle is.
///
/// # Errors
/// In words: a truck that is there already, or what cannot be written.
pub fn add(dir: &Path, truck: &Truck, day: (i32, u8, u8)) -> Result<std::path::PathBuf, String> {
    let bundle = dir.join("trucks").join(truck.user());
    if bundle.exists() {
        // A run that was killed between the bundle and the ACL is made good by the next.
        write_acl(dir)?;
        return Err(format!(
            "{} is there already: nothing is written over; to make a new one, remove the truck first",
            bundle.display()
        ));
    }
    let read = |name: &str| {
        let path = dir.join(name);
        let text = fs::read_to_string(&path).map_err(|found| fault(&path, &found));
        text.map(|text| text.trim().to_owned())
    };
    let authority = Authority::open(&dir.join("ca"), day)?;
    let issued = authority.client(&truck.user(), day)?;
    let (url, key) = (read("trucks/broker-url")?, read("receiver/dispatch.pub")?);
    let new = dir.join("trucks/.new");
    // A leaving of a run that was killed.
    let _ = fs::remove_dir_all(&new);
    folder(&new, 0o700)?;
    write(&new.join("ca.crt"), authority.certificate())?;
    write(&new.join("truck.crt"), &issued.certificate)?;
    secret(&new.join("truck.key"), &issued.key)?;
    write(&new.join("gatestamp.toml"), &configuration(truck, &url, &key))?;
    fs::rename(&new, &bundle).map_err(|found| fault(&bundle, &found))?;
    write_acl(dir)?;
    Ok(bundle)
}

/// Takes a truck's rights away. Its bundle goes to `removed/`; without an entry in the ACL its
/// certificate may publish and read nowhere.
///
/// # Errors
/// In words.
pub fn remove(dir: &Path, truck: &Truck) -> Result<(), String> {
    let bundle = dir.join("trucks").join(truck.user());
    if !bundle.exists() {
        return Err(format!("{} is not there", bundle.display()));
    }
    let removed = dir.join("removed");
    folder(&removed, 0o700)?;
    let place = (1..).map(|n: u32| removed.join(format!("{}.{n}", truck.user()))).find(|place| !place.exists());
    let place = place.ok_or_else(|| format!("{} is full", removed.display()))?;
    fs::rename(&bundle, &place).map_err(|found| fault(&place, &found))?;
    write_acl(dir)
}

/// The ACL follows from the folders in `trucks/`.
pub(super) fn write_acl(dir: &Path) -> Result<(), String> {
    let trucks = dir.join("trucks");
    let entries = fs::read_dir(&trucks).map_err(|found| fault(&trucks, &found))?;
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let mut all: Vec<Truck> = names.filter_map(|name| Truck::of_folder(&name)).collect();
    all.sort();
    let mut text = ACL_BEGIN.to_owned();
    for truck in &all {
        let topics = format!("{PREFIX}{}/{}", truck.fleet, truck.id);
        text.push_str(&format!("\nuser {}\n", truck.user()));
        for leaf in WRITES {
            text.push_str(&format!("topic write {topics}/{leaf}\n"));
        }
        text.push_str(&format!("topic read {topics}/down/#\n"));
    }
    replace(&dir.join("broker/acl"), &text)
}

/// The shipped configuration with this truck's values; every comment stays.
fn configuration(truck: &Truck, url: &str, key: &str) -> String {
    let values = [
        ("truck", "fleet", format!("\"{}\"", truck.fleet)),
        ("truck", "id", format!("\"{}\"", truck.id)),
        ("mqtt", "url", format!("\"{url}\"")),
        ("mqtt", "ca", "\"ca.crt\"".to_owned()),
        ("mqtt", "cert", "\"truck.crt\"".to_owned()),
        ("mqtt", "key", "\"truck.key\"".to_owned()),
        ("dispatch", "keys", format!("[\"{key}\"]")),
    ];
    let mut text = String::new();
    for section in SHIPPED.split_inclusive('\n').fold(Vec::<String>::new(), sections) {
        let name = section.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or("", |(name, _)| name);
        let mut wanted: Vec<_> = values.iter().filter(|(table, ..)| *table == name).collect();
        for line in section.lines() {
            let key = line.strip_prefix('#').unwrap_or(line).split_once(" = ").map(|(key, _)| key);
            match wanted.iter().position(|(_, name, _)| Some(*name) == key) {
                Some(at) => text.push_str(&assigned(wanted.remove(at))),
                None => text.push_str(&format!("{line}\n")),
            }
        }
        wanted.into_iter().for_each(|value| text.push_str(&assigned(value)));
    }
    text
}

fn assigned((_, name, value): &(&str, &str, String)) -> String {
    format!("{name} = {value}\n")
}

/// Collects lines into sections, each from its heading on.
fn sections(mut all: Vec<String>, line: &str) -> Vec<String> {
    match all.last_mut() {
        Some(last) if !line.starts_with('[') => last.push_str(line),
        _ => all.push(line.to_owned()),
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_no_topic_are_refused() {
        for wrong in ["", "a b", "a/b", "a+", "a#", "a.b", "change-me", "\u{e4}", &"x".repeat(33)] {
            assert!(Truck::new("acme", wrong).is_err(), "{wrong}");
            assert!(Truck::new(wrong, "t1").is_err(), "{wrong}");
        }
        assert_eq!(Truck::new("acme", "t-1_B").map(|truck| truck.user()), Ok("acme.t-1_B".to_owned()));
    }

    #[test]
    fn a_folder_that_names_no_truck_gets_no_rights() {
        assert_eq!(Truck::of_folder(".new"), None);
        assert_eq!(Truck::of_folder("broker-url"), None);
        assert_eq!(Truck::of_folder("acme.t1").map(|truck| truck.user()), Some("acme.t1".to_owned()));
    }
}
