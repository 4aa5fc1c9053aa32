//! What does a truck get, and what may it do at the broker?

use std::fs;
use std::path::{Path, PathBuf};

use crate::message::{PREFIX, is_name};

use super::acl::{self, folders};
use super::authority::Authority;
use super::files::{fault, folder, lock, read, secret, write};
use super::settings::assign;
use super::unaccounted;

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

    /// The device id, as the agent makes it.
    fn device(&self) -> String {
        format!("{}-{}", self.fleet, self.id)
    }

    /// Its names, as the commands take them.
    pub(super) fn words(&self) -> String {
        format!("{} {}", self.fleet, self.id)
    }

    /// The beginning of its topics.
    pub(super) fn topics(&self) -> String {
        format!("{PREFIX}{}/{}", self.fleet, self.id)
    }
}

/// A truck's bundle, one of those that it has had. Each has a name of its own at the broker, so that what was stolen with one bundle gets no
/// rights back when the truck is given the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bundle {
    pub(super) truck: Truck,
    /// From 1 on.
    generation: u32,
}

impl Bundle {
    /// Its name in the certificate, in the ACL and as a folder. The dot stands in no fleet and in no truck, so that no two bundles share one.
    pub(super) fn user(&self) -> String {
        match self.generation {
            1 => format!("{}.{}", self.truck.fleet, self.truck.id),
            later => format!("{}.{}.{later}", self.truck.fleet, self.truck.id),
        }
    }

    /// The bundle in the folder of this name. In `removed/` the first one has its number too.
    pub(super) fn of_folder(name: &str) -> Option<Self> {
        let (fleet, rest) = name.split_once('.')?;
        let (id, generation) = match rest.split_once('.') {
            None => (rest, 1),
            Some((id, number)) => {
                let generation = number.parse().ok().filter(|n: &u32| *n >= 1 && n.to_string() == number)?;
                (id, generation)
            }
        };
        Some(Self { truck: Truck::new(fleet, id).ok()?, generation })
    }

    /// All in `place`, with their folders.
    fn within(place: &Path) -> Result<Vec<(PathBuf, Self)>, String> {
        let found = folders(place)?;
        Ok(found.iter().filter_map(|name| Some((place.join(name), Self::of_folder(name)?))).collect())
    }
}

/// The number of a truck's next bundle, in which minute since 1970. A restore forgets what was removed since the copy, and with it which
/// numbers were given since. The minute is above all of those, unless a truck was added more often than once a minute; a clock that goes
/// back leaves the count of what is known.
fn generation(before: Option<u32>, minute: u32) -> Option<u32> {
    before.map_or(Some(1), |before| before.checked_add(1).map(|next| next.max(minute)))
}

/// Makes a truck's claim bundle and gives the truck its rights. Says where the bundle is. `day` is the certificate's first one, `minute` the
/// present one, counted from 1970 on.
///
/// # Errors
/// In words: a truck that is there already, or what cannot be written.
pub fn add(dir: &Path, truck: &Truck, day: (i32, u8, u8), minute: u32) -> Result<PathBuf, String> {
    let _alone = lock(dir)?;
    let mine = |bundles: Vec<(PathBuf, Bundle)>| bundles.into_iter().filter(|(_, bundle)| bundle.truck == *truck);
    if let Some((there, _)) = mine(Bundle::within(&dir.join("trucks"))?).next() {
        // A run that was killed between the bundle and the ACL is made good by the next.
        acl::write(dir)?;
        return Err(format!(
            "{} is there already: nothing is written over; to make a new one, remove the truck first",
            there.display()
        ));
    }
    refuse_a_second_device(dir, truck)?;
    unaccounted::refuse(dir)?;
    let before = mine(Bundle::within(&dir.join("removed"))?).map(|(_, bundle)| bundle.generation).max();
    let generation = generation(before, minute).ok_or("this truck has been removed too often")?;
    let user = Bundle { truck: truck.clone(), generation }.user();
    let bundle = dir.join("trucks").join(&user);
    let authority = Authority::open(&dir.join("ca"), day)?;
    let issued = authority.client(&user, day)?;
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

/// The dash that joins fleet and truck may stand in both: two trucks of one device id would send events with the same ids. Those that were
/// removed count too, since their events stay.
fn refuse_a_second_device(dir: &Path, truck: &Truck) -> Result<(), String> {
    let mut all = Bundle::within(&dir.join("trucks"))?;
    all.extend(Bundle::within(&dir.join("removed"))?);
    let same = |other: &Truck| other != truck && other.device() == truck.device();
    all.iter().find(|(_, bundle)| same(&bundle.truck)).map_or(Ok(()), |(there, _)| {
        Err(format!(
            "{} has the device id {} already, and events are told apart by it: take another name",
            there.display(),
            truck.device()
        ))
    })
}

/// Takes a truck's rights away. Its bundle goes to `removed/`; without an entry in the ACL its
/// certificate may publish and read nowhere.
///
/// # Errors
/// In words. Nothing has moved then, or the same command again ends what this one began.
pub fn remove(dir: &Path, truck: &Truck) -> Result<(), String> {
    let _alone = lock(dir)?;
    // A bundle that went to `removed/` before the ACL is refused would keep its rights.
    unaccounted::refuse(dir)?;
    let mut there = Bundle::within(&dir.join("trucks"))?;
    there.retain(|(_, bundle)| bundle.truck == *truck);
    if there.is_empty() {
        // A run that was killed between the bundle and the ACL is made good by the next.
        acl::write(dir)?;
        return Err(format!(
            "{} is not there; the ACL gives it no rights",
            dir.join("trucks").join(format!("{}.{}", truck.fleet, truck.id)).display()
        ));
    }
    let removed = dir.join("removed");
    folder(&removed, 0o700)?;
    for (place, bundle) in there {
        let name = |n: u32| removed.join(format!("{}.{}.{n}", truck.fleet, truck.id));
        let free = (bundle.generation..).map(name).find(|free| !free.exists());
        let free = free.ok_or_else(|| format!("{} is full", removed.display()))?;
        fs::rename(&place, &free).map_err(|found| fault(&place, &found))?;
    }
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
        assert_eq!(Truck::new("acme", "t-1_B").map(|truck| truck.topics()), Ok("gatestamp/v1/acme/t-1_B".to_owned()));
    }

    #[test]
    fn a_number_rises_with_the_clock_and_without_it() {
        let minute = 29_924_000;
        assert_eq!(generation(None, minute), Some(1));
        assert_eq!(generation(Some(1), minute), Some(minute));
        assert_eq!(generation(Some(minute), minute), Some(minute + 1), "twice in a minute");
        assert_eq!(generation(Some(minute), 0), Some(minute + 1), "a clock that went back");
        assert_eq!(generation(Some(u32::MAX), minute), None);
    }

    #[test]
    fn a_folder_that_names_no_truck_gets_no_rights() {
        for wrong in [
            ".new",
            "broker-url",
            "acme.t1.0",
            "acme.t1.02",
            "acme.t1.+2",
            "acme.t1.2.3",
            "acme.t1.",
            "acme.t1.4294967296",
        ] {
            assert_eq!(Bundle::of_folder(wrong), None, "{wrong}");
        }
        for name in ["acme.t1", "acme.t1.2", "acme.t1.4294967295"] {
            assert_eq!(Bundle::of_folder(name).map(|bundle| bundle.user()), Some(name.to_owned()));
        }
    }
}
