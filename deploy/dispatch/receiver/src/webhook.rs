//! How does somebody else's system learn of events? Each is posted, in the order of receipt, and the next one of the same device
//! only when this one was accepted and that is committed.
//!
//! What the other side does not take because it is away, overloaded or wrongly set up is tried again for ever, ever more rarely, each device
//! at its own pace: an answer may be about its event alone. So is one that does not come: a post that has waited for `SLOW_AFTER` holds up no other
//! device's, and until then there is one at a time, since the other side may do one thing after the other. What it
//! refuses as wrong ([`is_refusal`]) is tried `ATTEMPTS_MAX` times, noted in the table `unhooked`, and passed over: one event must
//! not stop all those behind it. A copy may be posted when this process dies between the answer and its commit: the id tells.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tracing::{error, info, warn};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, parse_pem};

use crate::clock;
use crate::config::Webhook;
use crate::ledger::{int, text};
use crate::store::{self, Place, Row, Store, StoreError};

/// Devices in one answer of the database. Each device gets one event a round, so that one with a backlog does not hold up the others.
const PAGE: usize = 100;
/// How often to look for new events when there were none.
const IDLE: Duration = Duration::from_millis(500);
const BACK_OFF: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(300);
/// Refusals of one event before it is passed over.
const ATTEMPTS_MAX: u32 = 5;
/// Characters of a secret: 16 hexadecimal digits are 64 bits.
const SECRET_MIN: usize = 16;
/// For one event, from the name's look-up to the answer's last byte.
const POST_TIMEOUT: Duration = Duration::from_secs(20);
/// Without an answer for so long, another post is begun beside it.
const SLOW_AFTER: Duration = Duration::from_secs(1);
/// On the way at once, each with a thread of its own. Who does one after the other has two and a half seconds for each before the last
/// of them is given up.
const POSTS_MAX: usize = 8;
/// Of these again, for devices whose last post was not accepted: what hangs each time must not take the places of all the others.
const AGAIN_MAX: usize = POSTS_MAX / 2;

/// Each device's next event, whatever its type; a device's cursor is `hooked`.
const NEXT: &str = "SELECT d.key, e.arrival, e.id, e.type FROM device d
    JOIN event e ON e.device_key = d.key AND e.arrival =
        (SELECT min(n.arrival) FROM event n WHERE n.device_key = d.key AND n.arrival > d.hooked)
    WHERE d.key > $1 ORDER BY d.key LIMIT $2";
const BODY: &str = "SELECT body FROM event WHERE arrival = $1";
const PASSED: &str = "UPDATE device SET hooked = $1, hook_ms = NULL, hook_why = NULL WHERE key = $2 AND hooked < $1";
const NOT_TAKEN: &str = "UPDATE device SET hook_ms = $1, hook_why = $2 WHERE key = $3";
const REFUSED: &str = "INSERT INTO unhooked (arrival, at_ms, why) VALUES ($1, $2, $3) ON CONFLICT (arrival) DO NOTHING";
/// One receiver of several posts; `SQLite` has one receiver anyway.
const LEASE: &str = "SELECT CASE WHEN pg_try_advisory_lock(7284301563) THEN 1::bigint ELSE 0::bigint END";

/// Posts for ever, on the thread that calls it.
pub fn run(place: &Place, webhook: &Webhook) {
    let mut wait = BACK_OFF;
    loop {
        match Hook::new(webhook) {
            // Somebody mends the file, as he mends a wrong address.
            Err(why) => error!("{why}"),
            Ok(mut hook) => {
                match store::beside(place).and_then(|mut store| hook.serve(place, store.as_mut())) {
                    Ok(never) => match never {},
                    Err(fault) => warn!("webhook: the database: {fault}"),
                }
                hook.land();
                if hook.served {
                    wait = BACK_OFF;
                }
            }
        }
        std::thread::sleep(clock::jittered(wait));
        wait = (wait * 2).min(BACK_OFF_MAX);
    }
}

/// Reads the files that the configuration names.
///
/// # Errors
/// In words: the key, the file, and what is wrong in it.
pub fn check(webhook: &Webhook) -> Result<(), String> {
    Hook::new(webhook).map(drop)
}

/// Refuses a secret that is there and can be guessed, which no waiting mends. One that is not there yet is waited for.
///
/// # Errors
/// As [`check`].
pub fn check_secret(webhook: &Webhook) -> Result<(), String> {
    let there = webhook.secret.as_deref().filter(|file| std::fs::read(file).is_ok());
    there.map_or(Ok(()), |file| read_secret(file).map(drop))
}

/// What became of a post.
#[derive(Debug, PartialEq, Eq)]
enum Posted {
    Accepted,
    /// The other side is not able to at the moment.
    Later(String),
    /// It will not have this one.
    Refused(String),
}

/// How long a device waits.
struct Pause {
    until: Instant,
    /// After the next answer that is none about the event.
    next: Duration,
}

/// An event of a device.
#[derive(Debug)]
struct Post {
    key: i64,
    arrival: i64,
    id: String,
}

type Answered = (Post, Posted);

/// A post on its way.
struct Flight {
    since: Instant,
    again: bool,
}

/// What posts, on any thread.
#[derive(Clone)]
struct Poster {
    agent: Agent,
    url: String,
    secret: Option<Vec<u8>>,
}

struct Hook<'a> {
    webhook: &'a Webhook,
    poster: Poster,
    /// How often each event was refused, by its arrival: at most one event of each device, since the next one waits for it.
    refusals: BTreeMap<i64, u32>,
    /// Devices whose last post was not accepted. At most as many as there are devices.
    pauses: BTreeMap<i64, Pause>,
    /// Devices of which an event is on its way.
    flights: BTreeMap<i64, Flight>,
    /// The last event of each device that was done with, by its arrival: a page that was read before has it yet.
    passed: BTreeMap<i64, i64>,
    answered: (Sender<Answered>, Receiver<Answered>),
    /// The database answered a whole round.
    served: bool,
}

impl<'a> Hook<'a> {
    fn new(webhook: &'a Webhook) -> Result<Self, String> {
        let secret = webhook.secret.as_deref().map(read_secret).transpose()?;
        let mut config = Agent::config_builder()
            .timeout_global(Some(POST_TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("gatestamp-receiver/", env!("CARGO_PKG_VERSION")));
        if webhook.url.starts_with("https://") {
            config = config.tls_config(tls(&webhook.ca)?);
        }
        Ok(Self {
            webhook,
            poster: Poster { agent: config.build().into(), url: webhook.url.clone(), secret },
            refusals: BTreeMap::new(),
            pauses: BTreeMap::new(),
            flights: BTreeMap::new(),
            passed: BTreeMap::new(),
            answered: channel(),
            served: false,
        })
    }

    fn serve(&mut self, place: &Place, store: &mut dyn Store) -> Result<std::convert::Infallible, StoreError> {
        if matches!(place, Place::Postgres { .. }) {
            // Held by the connection: when this receiver dies, the server gives it to the next.
            while store.query(LEASE, &[])?.first().and_then(|row| row.first()?.int()) != Some(1) {
                std::thread::sleep(Duration::from_secs(5));
            }
        }
        info!("webhook: posting to {}", self.webhook.url);
        loop {
            let moved = self.round(store)?;
            self.served = true;
            if !self.flights.is_empty() {
                self.wait(store, IDLE)?;
            } else if !moved {
                std::thread::sleep(IDLE);
            }
        }
    }

    /// Begins with one event of each device that need not wait. Whether there was any.
    fn round(&mut self, store: &mut dyn Store) -> Result<bool, StoreError> {
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let (mut above, mut moved) = (0, false);
        loop {
            let page = store.query(NEXT, &[above.into(), limit.into()])?;
            for row in &page {
                above = int(row, 0)?;
                moved |= self.begin(store, row)?;
            }
            if page.len() < PAGE {
                return Ok(moved);
            }
        }
    }

    /// Posts one event, as soon as there is a place for it, unless its device has to wait. Whether it did.
    fn begin(&mut self, store: &mut dyn Store, row: &Row) -> Result<bool, StoreError> {
        let (key, arrival, id, kind) = (int(row, 0)?, int(row, 1)?, text(row, 2)?, text(row, 3)?);
        let again = self.pauses.contains_key(&key);
        let waits = self.pauses.get(&key).is_some_and(|pause| pause.until > clock::now())
            || self.passed.get(&key).is_some_and(|passed| arrival <= *passed);
        let others = self.flights.values().filter(|flight| flight.again).count();
        if waits || self.flights.contains_key(&key) || again && others >= AGAIN_MAX {
            return Ok(false);
        }
        let post = Post { key, arrival, id };
        if !(self.webhook.types.is_empty() || self.webhook.types.iter().any(|start| kind.starts_with(start))) {
            self.done(store, &post)?;
            return Ok(true);
        }
        while let Some(wait) = self.no_place_for() {
            self.wait(store, wait)?;
        }
        let found = store.query(BODY, &[arrival.into()])?;
        let body = found.first().and_then(|row| row.first()?.bytes()).unwrap_or_default().to_vec();
        let (poster, answered, at_s) = (self.poster.clone(), self.answered.0.clone(), clock::wall_ms() / 1_000);
        let thread = std::thread::Builder::new().name("post".to_owned()).spawn(move || {
            let posted = poster.post(&post.id, &body, at_s);
            // Nobody waits for it where the database has failed meanwhile.
            let _ = answered.send((post, posted));
        });
        match thread {
            Ok(_) => drop(self.flights.insert(key, Flight { since: clock::now(), again })),
            Err(fault) => self.later(store, key, &text(row, 2)?, &format!("no thread: {fault}"))?,
        }
        Ok(true)
    }

    /// How long there is none, if there is none: the newest of those on the way may be answered yet, or all have to wait.
    fn no_place_for(&self) -> Option<Duration> {
        if self.flights.len() >= POSTS_MAX {
            return Some(POST_TIMEOUT);
        }
        let newest = self.flights.values().map(|flight| flight.since).max()?;
        (newest + SLOW_AFTER).checked_duration_since(clock::now()).filter(|wait| !wait.is_zero())
    }

    /// Waits for an answer, so long at most, and takes it.
    fn wait(&mut self, store: &mut dyn Store, most: Duration) -> Result<(), StoreError> {
        let Ok((post, posted)) = self.answered.1.recv_timeout(most) else { return Ok(()) };
        self.flights.remove(&post.key);
        self.take(store, &post, posted)
    }

    /// What was answered; the device's cursor moves when the event is done with.
    fn take(&mut self, store: &mut dyn Store, post: &Post, posted: Posted) -> Result<(), StoreError> {
        match posted {
            Posted::Accepted => self.done(store, post),
            Posted::Refused(why) if self.has_had_enough(post.arrival) => {
                error!("webhook: {} is refused for good: {why}", post.id);
                store.execute(REFUSED, &[post.arrival.into(), clock::wall_ms().into(), why.as_str().into()])?;
                self.done(store, post)
            }
            Posted::Refused(why) => {
                not_taken(store, post.key, &why)?;
                // Who judges an event is there: what has grown while he was away begins anew.
                let doublings = self.refusals.get(&post.arrival).map_or(0, |count| count.saturating_sub(1));
                let wait = BACK_OFF * 2_u32.saturating_pow(doublings);
                self.pause(post.key, wait, BACK_OFF, &format!("{}: {why}", post.id));
                Ok(())
            }
            Posted::Later(why) => self.later(store, post.key, &post.id, &why),
        }
    }

    fn done(&mut self, store: &mut dyn Store, post: &Post) -> Result<(), StoreError> {
        store.execute(PASSED, &[post.arrival.into(), post.key.into()])?;
        self.passed.insert(post.key, post.arrival);
        self.refusals.remove(&post.arrival);
        self.pauses.remove(&post.key);
        Ok(())
    }

    fn later(&mut self, store: &mut dyn Store, key: i64, id: &str, why: &str) -> Result<(), StoreError> {
        not_taken(store, key, why)?;
        let wait = self.pauses.get(&key).map_or(BACK_OFF, |pause| pause.next);
        self.pause(key, wait, (wait * 2).min(BACK_OFF_MAX), &format!("{id}: {why}"));
        Ok(())
    }

    /// Waits for all that are on their way, for which there is no database: begun again beside them, an event would come after the next one.
    fn land(&mut self) {
        while !self.flights.is_empty()
            // One that was begun a moment ago has its own time, and the client's clock is not this one.
            && let Ok((post, _)) = self.answered.1.recv_timeout(POST_TIMEOUT * 2)
        {
            self.flights.remove(&post.key);
        }
    }

    fn pause(&mut self, key: i64, wait: Duration, next: Duration, why: &str) {
        warn!("webhook: {why}; again in {wait:?} at most");
        self.pauses.insert(key, Pause { until: clock::now() + clock::jittered(wait), next });
    }

    fn has_had_enough(&mut self, arrival: i64) -> bool {
        let count = self.refusals.entry(arrival).or_default();
        *count += 1;
        *count >= ATTEMPTS_MAX
    }
}

impl Poster {
    fn post(&self, id: &str, body: &[u8], at_s: i64) -> Posted {
        let mut request = self.agent.post(&self.url).header("Content-Type", "application/cloudevents+json");
        request = request.header("X-Gatestamp-Id", id);
        if let Some(secret) = &self.secret {
            request = request.header("X-Gatestamp-Signature", signature(secret, at_s, body));
        }
        match request.send(body) {
            Ok(answer) if answer.status().is_success() => Posted::Accepted,
            Ok(answer) if is_refusal(answer.status().as_u16()) => Posted::Refused(answer.status().to_string()),
            Ok(answer) => Posted::Later(answer.status().to_string()),
            // PostgreSQL takes no NUL in a text.
            Err(fault) => Posted::Later(format!("none: {fault}").replace('\0', "")),
        }
    }
}

/// Notes for `status` what the other side said to this device's next event.
fn not_taken(store: &mut dyn Store, key: i64, why: &str) -> Result<(), StoreError> {
    store.execute(NOT_TAKEN, &[clock::wall_ms().into(), why.into(), key.into()])?;
    Ok(())
}

/// Answers that speak about this event and would be the same tomorrow. Missing rights (401, 403), a wrong address (404, 405) and
/// haste (408, 425, 429) are about us, and somebody mends them.
#[must_use]
pub fn is_refusal(status: u16) -> bool {
    (400..500).contains(&status) && ![401, 403, 404, 405, 407, 408, 425, 429].contains(&status)
}

/// `t=SECONDS,v1=HEX`: HMAC-SHA-256 of the seconds, a dot and the body. The time is signed too, so that an old post cannot be sent again.
#[must_use]
pub fn signature(secret: &[u8], at_s: i64, body: &[u8]) -> String {
    // HMAC takes a key of any length (RFC 2104); the fault cannot arise.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{at_s}.").as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at_s},v1={hex}")
}

fn read_secret(file: &Path) -> Result<Vec<u8>, String> {
    let text = std::fs::read_to_string(file).map_err(|fault| format!("webhook.secret: {}: {fault}", file.display()))?;
    let secret = text.lines().next().unwrap_or_default().trim();
    if secret.len() < SECRET_MIN {
        return Err(format!(
            "webhook.secret: {}: its first line has fewer than {SECRET_MIN} characters, which can be guessed: write a longer one there and at \
             the other side, such as `openssl rand -hex 32` gives",
            file.display()
        ));
    }
    Ok(secret.as_bytes().to_vec())
}

fn tls(ca: &Path) -> Result<TlsConfig, String> {
    let pem = std::fs::read(ca)
        .map_err(|fault| format!("webhook.ca: {}: {fault} (Debian: apt install ca-certificates)", ca.display()))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(Result::ok)
        .filter_map(|item| if let ureq::tls::PemItem::Certificate(found) = item { Some(found) } else { None })
        .collect();
    if certificates.is_empty() {
        return Err(format!("webhook.ca: {}: no certificate in it: PEM is wanted", ca.display()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = TlsConfig::builder().unversioned_rustls_crypto_provider(provider);
    Ok(config.root_certs(RootCerts::new_with_certs(&certificates)).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference is `printf '7.{}' | openssl dgst -sha256 -hmac 0123456789abcdef`.
    #[test]
    fn the_signature_is_what_openssl_says() {
        let signed = signature(b"0123456789abcdef", 7, b"{}");
        assert_eq!(signed, "t=7,v1=3cd0ad802237a2c96b7ee3b06705b7350cc8cf0ba4123033d13eda91ad9c4ec2");
    }

    #[test]
    fn refused_events_of_two_devices_are_counted_apart() {
        let webhook = Webhook { url: "http://x".to_owned(), secret: None, types: Vec::new(), ca: "none".into() };
        let mut hook = Hook::new(&webhook).expect("a hook");
        let enough: Vec<bool> = (0..ATTEMPTS_MAX).flat_map(|_| [7, 8]).map(|at| hook.has_had_enough(at)).collect();
        let (before, last) = enough.split_at(enough.len() - 2);
        assert!(!before.contains(&true) && last == [true, true], "{enough:?}");
    }

    #[test]
    fn a_mistake_that_somebody_mends_is_no_refusal_of_the_event() {
        assert!([400, 409, 410, 413, 415, 422].into_iter().all(is_refusal));
        assert!(![200, 301, 401, 404, 429, 500, 503].into_iter().any(is_refusal));
    }
}
