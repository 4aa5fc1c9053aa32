//! `init`, `add-truck`, `remove-truck`, `add-receiver`, `remove-receiver`: what a dispatcher has on disk.

use std::path::PathBuf;

use gatestamp::version::released;

use super::{Failure, exit, say};
use crate::clock::wall_ms;
use crate::installation::{self, PORT, Plan, Truck};

const RIGHTS_GONE: &str = "its rights are gone when the broker has read its ACL again: systemctl reload mosquitto";

/// A subscription asks for no rights: with the group's name alone it is dealt events.
const GROUP_KNOWN: &str = "It still knows the group and could swallow events: write a new secret (openssl rand -hex 8) into broker.group in the receiver.toml\n\
                           of every receiver that stays, and restart them: systemctl restart gatestamp-receiver";

/// Arguments of `init`.
#[derive(clap::Args)]
pub(super) struct InitArguments {
    /// A new folder: /var/lib/gatestamp-dispatch, where the service looks for it
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// A name or IPv4 address under which trucks reach the broker; the first one is written into their configuration
    #[arg(long = "host", value_name = "HOST", required = true)]
    hosts: Vec<String>,
    /// The broker's port
    #[arg(long, value_name = "PORT", default_value_t = PORT, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
}

/// Arguments of `add-truck` and `remove-truck`.
#[derive(clap::Args)]
pub(super) struct TruckArguments {
    /// The folder that `init` made
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The fleet: 1 to 32 of A-Z a-z 0-9 - _
    #[arg(value_name = "FLEET")]
    fleet: String,
    /// The truck: as the fleet, unique within it
    #[arg(value_name = "TRUCK")]
    truck: String,
}

/// Arguments of `add-receiver`.
#[derive(clap::Args)]
pub(super) struct ReceiverArguments {
    /// The folder that `init` made
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The receiver: 1 to 32 of A-Z a-z 0-9 - _, never used before
    #[arg(value_name = "NAME")]
    name: String,
}

/// Arguments of `remove-receiver`.
#[derive(clap::Args)]
pub(super) struct RemovedArguments {
    /// The folder that `init` made
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The receiver, by the name that `add-receiver` was given: 2 for receivers/dispatch-2
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) fn init(arguments: &InitArguments) -> Result<(), Failure> {
    let plan = Plan { dir: arguments.dir.clone(), hosts: arguments.hosts.clone(), port: arguments.port };
    installation::init(&plan, day()).map_err(failed)?;
    let dir = plan.dir.display();
    say(&format!(
        "made {dir}. Next: give {dir}/broker to the broker's user, let mosquitto.service read {dir}/broker/mosquitto.service.conf, start\n\
         `gatestamp-receiver run --config {dir}/receiver/receiver.toml`, then `gatestamp-receiver add-truck {dir} FLEET TRUCK`.\n\
         {dir}/ca/ca.key can make itself a truck: keep a copy where nobody else gets at it."
    ));
    Ok(())
}

pub(super) fn add_truck(arguments: &TruckArguments) -> Result<(), Failure> {
    let bundle = installation::add(&arguments.dir, &truck(arguments)?, day(), minute()).map_err(failed)?;
    say(&format!(
        "made {}: copy its files to /etc/gatestamp in the truck, and nowhere else.\n\
         The broker reads its ACL again after: systemctl reload mosquitto",
        bundle.display()
    ));
    Ok(())
}

pub(super) fn remove_truck(arguments: &TruckArguments) -> Result<(), Failure> {
    installation::remove(&arguments.dir, &truck(arguments)?).map_err(failed)?;
    say(RIGHTS_GONE);
    Ok(())
}

pub(super) fn add_receiver(arguments: &ReceiverArguments) -> Result<(), Failure> {
    let place = installation::add_receiver(&arguments.dir, &arguments.name, day()).map_err(failed)?;
    say(&format!(
        "made {}: copy its files, and whatever else receiver.toml in it names, to the other computer.\n\
         The broker reads its ACL again after: systemctl reload mosquitto",
        place.display()
    ));
    Ok(())
}

pub(super) fn remove_receiver(arguments: &RemovedArguments) -> Result<(), Failure> {
    installation::remove_receiver(&arguments.dir, &arguments.name).map_err(failed)?;
    say(RIGHTS_GONE);
    say(GROUP_KNOWN);
    Ok(())
}

fn truck(arguments: &TruckArguments) -> Result<Truck, Failure> {
    Truck::new(&arguments.fleet, &arguments.truck).map_err(failed)
}

fn failed(why: String) -> Failure {
    Failure(exit::FAILED, why)
}

/// The present minute, counted from 1970 on: 32 bits have room for 8,000 years.
fn minute() -> u32 {
    u32::try_from(wall_ms() / 60_000).unwrap_or(u32::MAX)
}

/// The day from which certificates hold: that of this release. A truck whose clock has stood still believes no earlier date than its own
/// release, so that it can connect before it has the time.
fn day() -> (i32, u8, u8) {
    let day = jiff::Timestamp::from_millisecond(released().0).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    (i32::from(day.year()), day.month().unsigned_abs(), day.day().unsigned_abs())
}
