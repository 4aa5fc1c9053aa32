//! What does a month of the link cost?
//!
//! The real agent behind a relay that counts, a real Mosquitto with TLS and certificates both ways, and a dispatch that acknowledges. A day
//! of 24 hours, ten of them driven, goes by at a time scale; its bytes are counted on the way, message by message by the agent and as a
//! whole by the relay, and both must agree. Pings run by real time and would be too few in such a day: the keep-alive is set so long
//! that there is none, and what one costs is counted beside it, on a connection that is idle. The headers of TCP and IP are the
//! kernel's count of segments, where `ss` tells it, and the agent's own estimate.

use crate::cab::Cab;
use crate::certificates::{ACL, Secrets};
use crate::clock::{SimClock, await_condition, utc_second_ms};
use crate::dispatch::Dispatch;
use crate::installation::Installation;
use crate::link::Link;
use crate::mosquitto::Mosquitto;
use crate::receiver::{self, Epoch, Setup};
use crate::world::Shift;
use serde_json::{Value, json};
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Of TCP and IP in each segment: 20 each, and 12 of time stamps.
const HEADERS: u64 = 52;
/// A ping, its answer, and the acknowledgement of that.
const PING_SEGMENTS: u64 = 3;
const DAYS: u64 = 30;
const DAY_S: u64 = 86_400;
/// No ping comes while the day goes by.
const LONGEST_KEEP_ALIVE_S: u16 = 3_600;
/// The shortest that the configuration takes.
const SHORTEST_KEEP_ALIVE_S: u16 = 10;
const PATIENCE: Duration = Duration::from_secs(60);

/// A profile, the interval at which its link is proven, and what a month may cost.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// As the configuration names it.
    pub profile: &'static str,
    /// Its keep-alive.
    pub keep_alive_s: u16,
    /// Bytes.
    pub monthly: u64,
}

/// The two profiles, as the agent knows them.
pub const PLANS: [Plan; 2] = [
    Plan { profile: "frugal", keep_alive_s: 240, monthly: 5_000_000 },
    Plan { profile: "normal", keep_alive_s: 120, monthly: 25_000_000 },
];

/// What was counted.
#[derive(Debug)]
pub struct Account {
    plan: Plan,
    /// Events of the day.
    pub events: u64,
    /// Events that dispatch had more than once.
    copies: u64,
    /// On the socket, TLS included: up and down, as the relay has it.
    socket: (u64, u64),
    /// The kernel's segments, both ways.
    segments: Option<u64>,
    /// What the agent made of the day, with its estimate of headers.
    told: Value,
    /// On the socket: of a ping and its answer, and of a connection up to its first `health`.
    ping: u64,
    connection: u64,
}

/// The epochs of a day, to be shared by the trucks that drive it.
#[must_use]
pub fn day(shift: &Shift, start_utc_ms: i64) -> Arc<Vec<Epoch>> {
    Arc::new(receiver::listen(shift, start_utc_ms, Setup::default()))
}

/// Drives `epochs` of `shift` under `plan`, in `dir`, which exists, so many times as fast as a truck would.
///
/// # Errors
/// When a part does not start, or the agent's count is not the relay's.
pub fn measure(
    binary: &Path,
    dir: &Path,
    plan: Plan,
    shift: &Shift,
    epochs: &Arc<Vec<Epoch>>,
    scale: u32,
) -> io::Result<Account> {
    let secrets = Secrets::write(dir, ACL)?;
    let broker = Mosquitto::start_secured(dir, &secrets.ca, &secrets.server, &secrets.acl)?;
    let link = Link::to(broker.secured_port())?;
    let installation = Installation::write(binary.to_owned(), dir, shift, broker.port(), scale)?;
    installation.secure(link.port(), &secrets.ca, &secrets.truck)?;
    installation.configure("profile = \"normal\"", &format!("profile = \"{}\"", plan.profile))?;
    let keep_alive = |seconds: u16| format!("keep_alive_s = {seconds}");
    installation.configure(&keep_alive(60), &keep_alive(LONGEST_KEEP_ALIVE_S))?;
    let dispatch = Dispatch::start(installation.dispatch(broker.port()))?;

    let mut port = installation.port();
    port.plug()?;
    let agent = installation.start()?;
    let cab = Cab::drive(port, Shared(Arc::clone(epochs)), SimClock::start(utc_second_ms(), scale), io::sink())?;
    let end = epochs.last().map_or(Duration::ZERO, |last| SimClock::start(0, scale).wait_for(last.at_s));
    let over = await_condition(end + PATIENCE, || cab.is_over());
    let owed = || crate::journal::highest(&installation.state()).saturating_sub(dispatch.thru());
    let fault = |what: &str| {
        let log = std::fs::read_to_string(installation.log()).unwrap_or_default();
        io::Error::other(format!("{}: {what}\n{log}", plan.profile))
    };
    if !over || !await_condition(PATIENCE, || owed() == 0) {
        return Err(fault("the day did not come to its end"));
    }
    let mut told = Value::Null;
    // Health is written each simulated minute; the newest one has all that the relay has.
    let agrees = await_condition(PATIENCE, || {
        told = installation.health().unwrap_or_default();
        let told = |pointer| told.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        (told("/delivery/sent_bytes"), told("/delivery/received_bytes")) == link.carried()
    });
    let (socket, segments) = (link.carried(), segments(link.port()));
    if !agrees {
        return Err(fault(&format!("the agent's count is not the relay's {socket:?}: {told}")));
    }
    let events = dispatch.thru();
    agent.terminate()?;

    // The same truck at rest: nothing but pings.
    installation.configure(&keep_alive(LONGEST_KEEP_ALIVE_S), &keep_alive(SHORTEST_KEEP_ALIVE_S))?;
    installation.configure("profile = \"normal\"", "profile = \"frugal\"").or(io::Result::Ok(()))?;
    let before = sum(link.carried());
    let resting = installation.start()?;
    let mut marks = vec![before];
    // Each time that the relay has been still for a second, something is complete: the connection, a ping, a ping.
    let mut last = (before, crate::clock::now());
    let seen = await_condition(PATIENCE, || {
        let now = sum(link.carried());
        if now != last.0 {
            last = (now, crate::clock::now());
        } else if crate::clock::now().duration_since(last.1) > Duration::from_secs(2) && marks.last() != Some(&now) {
            marks.push(now);
        }
        marks.len() > 3
    });
    drop(resting);
    let costs: Vec<u64> =
        marks.windows(2).map(|pair| pair.iter().rev().copied().reduce(|a, b| a - b).unwrap_or(0)).collect();
    match *costs.as_slice() {
        [connection, ping, again] if seen && ping == again => {
            Ok(Account { plan, events, copies: dispatch.copies(), socket, segments, told, ping, connection })
        }
        _ => Err(fault(&format!("two pings do not cost the same: {costs:?}"))),
    }
}

struct Shared(Arc<Vec<Epoch>>);

impl AsRef<[Epoch]> for Shared {
    fn as_ref(&self) -> &[Epoch] {
        &self.0
    }
}

const fn sum((up, down): (u64, u64)) -> u64 {
    up + down
}

/// The segments that the kernel sent and received on the connection to `port`, as `ss` tells.
fn segments(port: u16) -> Option<u64> {
    let output = Command::new("ss").args(["-tinH", "dst", &format!("127.0.0.1:{port}")]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = |key: &str| text.split_whitespace().find_map(|word| word.strip_prefix(key)?.parse::<u64>().ok());
    Some(number("segs_out:")? + number("segs_in:")?)
}

impl Account {
    fn pings_a_day(&self) -> u64 {
        DAY_S / u64::from(self.plan.keep_alive_s)
    }

    fn ping_bytes(&self) -> u64 {
        self.ping + PING_SEGMENTS * HEADERS
    }

    fn told(&self, pointer: &str) -> u64 {
        self.told.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Bytes of thirty such days with their pings, as the agent counts them.
    #[must_use]
    pub fn month(&self) -> u64 {
        DAYS * (self.told("/traffic/spent") + self.pings_a_day() * self.ping_bytes())
    }

    /// The same by the kernel's count of segments.
    #[must_use]
    pub fn month_by_the_kernel(&self) -> Option<u64> {
        let day = sum(self.socket) + self.segments? * HEADERS;
        Some(DAYS * (day + self.pings_a_day() * self.ping_bytes()))
    }

    /// Whether a month is within the plan.
    #[must_use]
    pub fn is_within_the_plan(&self) -> bool {
        self.month() <= self.plan.monthly && self.told.pointer("/traffic/given_up").is_some_and(Value::is_null)
    }

    /// A JSON object: megabytes of a month by class and in all, and what they are made of.
    #[must_use]
    pub fn json(&self) -> Value {
        let classes = self.told.pointer("/traffic/by_class").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut by_class: serde_json::Map<String, Value> = classes
            .iter()
            .map(|(class, bytes)| (class.clone(), megabytes(DAYS * bytes.as_u64().unwrap_or(0))))
            .collect();
        by_class.insert("pings".to_owned(), megabytes(DAYS * self.pings_a_day() * self.ping_bytes()));
        json!({
            "mb_per_month": megabytes(self.month()),
            "mb_per_month_by_the_kernel": self.month_by_the_kernel().map(megabytes),
            "budget_mb": megabytes(self.plan.monthly),
            "by_class": by_class,
            "events_a_day": self.events,
            "copies": self.copies,
            "socket_bytes_a_day": [self.socket.0, self.socket.1],
            "segments_a_day": self.segments,
            "keep_alive_s": self.plan.keep_alive_s,
            "ping_bytes": self.ping_bytes(),
            "connection_bytes_on_the_socket": self.connection,
            "handshakes": self.told("/delivery/handshakes"),
            "given_up": self.told.pointer("/traffic/given_up"),
        })
    }
}

fn megabytes(bytes: u64) -> Value {
    json!(f64::from(u32::try_from(bytes / 10_000).unwrap_or(u32::MAX)) / 100.0)
}
