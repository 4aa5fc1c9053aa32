//! What does a dispatcher need on his disk before the first truck reports? One folder, made by `init` and added to by `add-truck` and `add-receiver`.
//!
//! ```text
//!  DIR/ca/        ca.crt, ca.key          signs certificates; ca.key is needed for nothing else and may be kept elsewhere
//!  DIR/broker/    mosquitto.conf, mosquitto.service.conf, acl, broker.crt, broker.key, ca.crt, data/
//!  DIR/receiver/  receiver.toml, ca.crt, receiver.crt, receiver.key, dispatch.key, dispatch.pub, dispatch.db
//!  DIR/trucks/    FLEET.TRUCK/            one claim bundle each: gatestamp.toml, ca.crt, truck.crt, truck.key. A later one of a truck
//!                                         whose first was removed: FLEET.TRUCK.MINUTE, the minute since 1970
//!  DIR/receivers/ dispatch-NAME/          further receivers, if there are any: as receiver/, with a certificate of its own each
//!  DIR/removed/                           what was removed: its names are not given again
//! ```
//!
//! Nothing that is there is ever written over, except the ACL, which follows from the folders in `trucks/` and `receivers/`.

mod acl;
pub mod authority;
mod files;
mod receiver;
mod settings;
mod truck;
mod unaccounted;

use std::fs;
use std::path::{Path, PathBuf};

use gatestamp::downlink::keys::KEY_BYTES;

use crate::command::Signer;
use authority::Authority;
use files::{fault, folder, random, secret, write};
use settings::assign;

pub use receiver::{add_receiver, remove_receiver};
pub use truck::{Truck, add, remove};

/// Where trucks reach the broker, unless told otherwise: the port that IANA has for MQTT over TLS.
pub const PORT: u16 = 8883;
/// Where the receiver reaches it: on the same machine, whatever the trucks call that.
const HERE: [&str; 2] = ["localhost", "127.0.0.1"];
/// The first receiver's name at the broker, and the beginning of the others'.
const DISPATCH: &str = "dispatch";
/// 64 bits: nobody finds it by trying.
const GROUP_BYTES: usize = 8;

/// Keeps everybody away who adds or removes, as long as what it gives back lives.
///
/// # Errors
/// In words.
pub fn alone(dir: &Path) -> Result<fs::File, String> {
    files::lock(dir)
}

/// Everything that belongs to an installation, and to its backup.
pub const FOLDERS: [&str; 6] = ["ca", "broker", "receiver", "receivers", "trucks", "removed"];

/// What `init` is told.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The folder.
    pub dir: PathBuf,
    /// Names and addresses under which trucks reach the broker; the first stands in their configuration.
    pub hosts: Vec<String>,
    /// The broker's port.
    pub port: u16,
}

/// Makes the folder.
///
/// # Errors
/// In words: what is there already, or cannot be made.
pub fn init(plan: &Plan, day: (i32, u8, u8)) -> Result<(), String> {
    let host = plan.hosts.first().ok_or("no host: trucks must know where the broker is")?;
    if let Some(wrong) = plan.hosts.iter().find(|host| !is_host(host)) {
        return Err(format!("`{wrong}` is no host: write a name such as dispatch.example.com, or an IPv4 address"));
    }
    if fs::read_dir(&plan.dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty: nothing is written over; name a new folder", plan.dir.display()));
    }
    folder(&plan.dir, 0o755)?;
    let dir = fs::canonicalize(&plan.dir).map_err(|found| fault(&plan.dir, &found))?;
    for (name, mode) in
        [("ca", 0o700), ("broker", 0o755), ("broker/data", 0o700), ("receiver", 0o750), ("trucks", 0o700)]
    {
        folder(&dir.join(name), mode)?;
    }
    let authority = Authority::make(day)?;
    secret(&dir.join("ca/ca.key"), &authority.key_pem())?;
    write(&dir.join("ca/ca.crt"), authority.certificate())?;
    let mut hosts = plan.hosts.clone();
    hosts
        .extend(HERE.iter().filter(|here| !plan.hosts.iter().any(|host| host == *here)).map(|here| (*here).to_owned()));
    let broker = authority.broker(&hosts, day)?;
    write(&dir.join("broker/ca.crt"), authority.certificate())?;
    write(&dir.join("broker/broker.crt"), &broker.certificate)?;
    secret(&dir.join("broker/broker.key"), &broker.key)?;
    write(&dir.join("broker/mosquitto.conf"), &mosquitto(&dir, plan.port))?;
    write(&dir.join("broker/mosquitto.service.conf"), &service(&dir))?;
    write(&dir.join("trucks/broker-url"), &format!("mqtts://{host}:{}\n", plan.port))?;
    acl::write(&dir)?;
    let signer = dispatch_key(&dir)?;
    write(&dir.join("receiver/dispatch.pub"), &format!("{}\n", signer.public()))?;
    let receiver = authority.client(DISPATCH, day)?;
    write(&dir.join("receiver/ca.crt"), authority.certificate())?;
    write(&dir.join("receiver/receiver.crt"), &receiver.certificate)?;
    secret(&dir.join("receiver/receiver.key"), &receiver.key)?;
    let group = random(&mut [0; GROUP_BYTES])?;
    // It holds the group, and later perhaps a database's password.
    secret(&dir.join("receiver/receiver.toml"), &configuration(plan.port, &group))
}

/// A host of a certificate and of a URL.
fn is_host(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-.".contains(&c);
    let is_label = |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    // What ends in a number is an address, in URLs and for resolvers too.
    let ends_in_number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|c| c.is_ascii_digit()));
    (1..=253).contains(&text.len())
        && text.bytes().all(allowed)
        && text.split('.').all(is_label)
        && (!ends_in_number || text.parse::<std::net::Ipv4Addr>().is_ok())
}

fn dispatch_key(dir: &Path) -> Result<Signer, String> {
    let mut bytes = [0; KEY_BYTES];
    let text = random(&mut bytes)?;
    secret(&dir.join("receiver/dispatch.key"), &format!("{text}\n"))?;
    Ok(Signer::new(&bytes))
}

fn mosquitto(dir: &Path, port: u16) -> String {
    let broker = dir.join("broker");
    let broker = broker.display();
    format!(
        "# Mosquitto 2 for Gatestamp: the whole configuration; /etc/mosquitto/mosquitto.conf is not read.
# The user that Mosquitto runs as must own this folder: chown -R mosquitto: {broker}

# What is on the way outlives a restart of the broker; what does not is sent again by the trucks.
persistence true
persistence_location {broker}/data/
autosave_interval 60
# The receiver may be away for a night: a fleet of a hundred trucks makes some 3,000 events a day.
max_queued_messages 100000
max_inflight_messages 1000
# An event has at most 16 KiB.
max_packet_size 65536
persistent_client_expiration 14d
log_dest stderr

# TLS, and a certificate of our CA instead of a password. The certificate's name is the user of the ACL.
listener {port}
cafile {broker}/ca.crt
certfile {broker}/broker.crt
keyfile {broker}/broker.key
require_certificate true
use_identity_as_username true
# And it is the client id, whatever a client calls itself. Mosquitto ends a connection when another one takes its client id: without this
# line any certificate of our CA, a removed truck's too, could throw out whom it likes.
use_username_as_clientid true
allow_anonymous false
acl_file {broker}/acl
"
    )
}

/// What Debian's service starts. The package's own configuration stays as it came: dpkg asks about one that was edited, and an unattended
/// upgrade, where nobody answers, fails at that.
fn service(dir: &Path) -> String {
    // In a unit `%` begins a specifier.
    let config = dir.join("broker/mosquitto.conf").display().to_string().replace('%', "%%");
    format!(
        "# As /etc/systemd/system/mosquitto.service.d/gatestamp.conf: Mosquitto starts with Gatestamp's configuration.
[Service]
ExecStart=
ExecStart=/usr/sbin/mosquitto -c \"{config}\"
"
    )
}

/// The group stays commented out: one receiver needs none.
fn configuration(port: u16, group: &str) -> String {
    let values = [
        ("broker", "url", format!("\"mqtts://localhost:{port}\"")),
        ("broker", "client_id", format!("\"{DISPATCH}\"")),
        ("commands", "key", "\"dispatch.key\"".to_owned()),
    ];
    assign(include_str!("../../receiver.toml"), &values).replace("#group = \"\"", &format!("#group = \"{group}\""))
}
