//! What does a truck get, and what may it do at the broker?

use std::fs;
use std::path::Path;

use crate::message::{PREFIX, is_name};

use super::acl;
use super::authority::Authority;
use super::files::{fault, folder, lock, read, secret, write};
use super::settings::assign;

/// The truck's configuration, as the agent ships it.
const SHIPPED: &str = include_str!("../../../../gatestamp.toml");

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

    /// The beginning of its topics.
    pub(super) fn topics(&self) -> String {
        format!("{PREFIX}{}/{}", self.fleet, self.id)
    }

    /// Its name in the certificate, in the ACL and as a folder. The dot stands in no name, so that no two trucks share one.
    #[must_use]
    pub fn user(&self) -> String {
        format!("{}.{}", self.fleet, self.id)
    }

    /// The truck whose bundle has this name.
    pub(super) fn of_folder(name: &str) -> Option<Self> {
        let (fleet, id) = name.split_once('.')?;
        Self::new(fleet, id).ok()
    }
}

/// Makes a truck's claim bundle and gives the truck its rights. Says where the bundle is.
///
/// # Errors
/// In words: a truck that is there already, or what cannot be written.
pub fn add(dir: &Path, truck: &Truck, day: (i32, u8, u8)) -> Result<std::path::PathBuf, String> {
    let _alone = lock(dir)?;
    let bundle = dir.join("trucks").join(truck.user());
    if bundle.exists() {
        // A run that was killed between the bundle and the ACL is made good by the next.
        acl::write(dir)?;
        return Err(format!(
            "{} is there already: nothing is written over; to make a new one, remove the truck first",
            bundle.display()
        ));
    }
    let authority = Authority::open(&dir.join("ca"), day)?;
    let issued = authority.client(&truck.user(), day)?;
    let (url, key) = (read(&dir.join("trucks/broker-url"))?, read(&dir.join("receiver/dispatch.pub"))?);
    let new = dir.join("trucks/.new");
    // A leaving of a run that was killed.
    let _ = fs::remove_dir_all(&new);
    folder(&new, 0o700)?;
    write(&new.join("ca.crt"), authority.certificate())?;
    write(&new.join("truck.crt"), &issued.certificate)?;
    secret(&new.join("truck.key"), &issued.key)?;
    write(&new.join("gatestamp.toml"), &configuration(truck, url.trim(), key.trim()))?;
    fs::rename(&new, &bundle).map_err(|found| fault(&bundle, &found))?;
    acl::write(dir)?;
    Ok(bundle)
}

/// Takes a truck's rights away. Its bundle goes to `removed/`; without an entry in the ACL its
/// certificate may publish and read nowhere.
///
/// # Errors
/// In words.
pub fn remove(dir: &Path, truck: &Truck) -> Result<(), String> {
    let _alone = lock(dir)?;
    let bundle = dir.join("trucks").join(truck.user());
    if !bundle.exists() {
        return Err(format!("{} is not there", bundle.display()));
    }
    let removed = dir.join("removed");
    folder(&removed, 0o700)?;
    let place = (1..).map(|n: u32| removed.join(format!("{}.{n}", truck.user()))).find(|place| !place.exists());
    let place = place.ok_or_else(|| format!("{} is full", removed.display()))?;
    fs::rename(&bundle, &place).map_err(|found| fault(&place, &found))?;
    acl::write(dir)
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
    assign(SHIPPED, &values)
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
