//! The broker: one fresh connection after the other, each thrown away on any doubt. What is owed is the outbox's affair;
//! nothing that matters lives only in here.

pub mod gone;
mod reasons;
mod session;
pub mod tls;
pub mod wire;

use super::clock::{Clock, wall_clock};
use crate::besttime::{BestTime, TimeBase, TimeSource};
use crate::budget::Class;
use crate::config::{Mqtt, TlsFiles};
use crate::engine::Link;
use crate::keepalive::KeepAlive;
use crate::outbox::Ending;
use crate::time::rfc3339;
use geofence::Span;
use gone::{Cause, Gone};
use session::Session;
use std::sync::Arc;
use std::time::Duration;
use tls::Credentials;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::watch;
use wire::{Target, Traffic, Wire};

/// Wait before connecting again: a random share of this, doubling up to the maximum, so that a fleet does not come back
/// all at once.
const BACK_OFF: Span = Span::seconds(1);
const BACK_OFF_MAX: Span = Span::seconds(300);

/// A connection that the broker ended without a word was a good one after this time. Radio that fails sooner is another matter.
const STEADY: Span = Span::seconds(60);
/// Not less than this after somebody else took our identity over.
const TAKEN_OVER: Span = Span::seconds(120);

/// What to publish.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A journaled event, QoS 1, and what its bytes count for.
    Event(u64, Vec<u8>, Class),
    /// Retained.
    State(Vec<u8>),
    /// Not kept.
    Position(Vec<u8>),
    /// Retained.
    Health(Vec<u8>),
    /// The answer to a command, QoS 1.
    Reply(Vec<u8>),
}

impl Outgoing {
    /// What its bytes count for.
    const fn class(&self) -> Class {
        match self {
            Self::Event(_, _, class) => *class,
            Self::State(_) => Class::State,
            Self::Position(_) => Class::Positions,
            Self::Health(_) => Class::Health,
            Self::Reply(_) => Class::Events,
        }
    }
}

/// What the link does.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// Not connecting yet: there was no fix since the start, and certificates are judged at its time.
    Waiting,
    /// Connected.
    Connected {
        /// What there is to say although it is.
        note: Option<String>,
        /// The interval at which this connection is proven, seconds: ours, or the broker's.
        interval_s: u16,
    },
    /// Something for the engine.
    Engine(Link),
    /// A message of `down/command`.
    Command(Vec<u8>),
    /// The connection is gone, or could not be made; and what that says of what was on the way.
    Gone(Gone, Ending),
}

/// Who connects to which topics.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) client_id: String,
    /// `gatestamp/v1/<fleet>/<truck>`.
    pub(super) prefix: String,
    /// Dispatch acknowledges on `down/ack`.
    pub(super) reads_acks: bool,
    /// Somebody may send commands on `down/command`.
    pub(super) reads_commands: bool,
    /// What the broker says when the connection breaks.
    pub(super) last_will: Vec<u8>,
}

/// The link: everything that outlives one connection.
pub(super) struct Uplink {
    pub(super) config: Mqtt,
    pub(super) identity: Identity,
    pub(super) clock: Clock,
    /// What time it is, for certificates.
    pub(super) time: watch::Receiver<TimeBase>,
    pub(super) traffic: Arc<Traffic>,
}

/// Connects, and connects again, until nobody listens any more.
pub(super) async fn run(uplink: Uplink, mut from: Receiver<Outgoing>, to: Sender<LinkEvent>) {
    let Uplink { config, identity, clock, mut time, traffic } = uplink;
    let mut secrets = Secrets { files: config.tls.clone(), in_use: None };
    let mut wait = BACK_OFF;
    let mut keep_alive = KeepAlive::new(config.keep_alive_s, config.keep_alive_max_s);
    loop {
        let base = *time.borrow_and_update();
        if config.tls.is_some()
            && let Some(for_fix) = base.wait(clock.now())
        {
            if to.send(LinkEvent::Waiting).await.is_err() {
                return;
            }
            tokio::select! {
                changed = time.changed() => if changed.is_err() { return },
                () = clock.sleep(for_fix) => {}
            }
            continue;
        }
        // What was handed over for the last connection is read from the journal again for the next one.
        while from.try_recv().is_ok() {}
        let begun = clock.now();
        let best = base.at(begun, clock.system_utc());
        let (mut was_good, mut at_least, mut ending) = (false, Span(0), Ending::Lost);
        let gone = match connect(&config, &identity.client_id, &mut secrets, best, keep_alive.seconds(), &traffic).await
        {
            Err(why) => why,
            Ok((wire, note)) => {
                let mut session = Session::open(wire, config.port, keep_alive.seconds(), &identity, clock);
                let Some(gone) = session.serve(note, &mut from, &to).await else { return };
                if keep_alive.ended(session.lived()) {
                    tracing::info!(
                        seconds = keep_alive.seconds(),
                        "the link is proven at another interval from now on"
                    );
                }
                ending = session.ending();
                let lasted = clock.now() - begun;
                // A connection that lasted was a good one, even if there was nothing to deliver. Of two that share an identity
                // each ends the other's: what was delivered meanwhile must not bring them back at once. Nor is one good that
                // lasted until we sent and ended before that was answered: some brokers deny a message that way.
                was_good = if session.was_taken_over() {
                    at_least = TAKEN_OVER;
                    lasted > BACK_OFF_MAX
                } else if session.was_ended_there() {
                    lasted > STEADY && (session.delivered_anything() || session.was_idle())
                } else {
                    session.delivered_anything() || (session.was_idle() && lasted > STEADY)
                };
                gone
            }
        };
        if was_good {
            wait = BACK_OFF;
        }
        let foreign = secrets.in_use.as_ref().and_then(|in_use| in_use.foreign_to(&identity.client_id));
        if to.send(LinkEvent::Gone(gone.beside(foreign), ending)).await.is_err() {
            return;
        }
        clock.sleep(jittered(wait).max(at_least)).await;
        wait = Span((wait.0 * 2).min(BACK_OFF_MAX.0));
    }
}

/// The certificates as they were when they were last good.
struct Secrets {
    files: Option<TlsFiles>,
    in_use: Option<Credentials>,
}

impl Secrets {
    /// Reads the files again: what changed counts from this connection on. What cannot be used leaves the last good ones, and
    /// is said.
    fn current(&mut self, time: BestTime) -> Result<Option<(&Credentials, Option<String>)>, Gone> {
        let Some(files) = &self.files else { return Ok(None) };
        let mut note = None;
        match Credentials::read(files, time) {
            Ok(read) => {
                if self.in_use.as_ref().is_some_and(|in_use| *in_use != read) {
                    tracing::info!(
                        valid_to = rfc3339(read.not_after),
                        "the certificates were changed and are used from now on"
                    );
                }
                self.in_use = Some(read);
            }
            Err(faults) => {
                let why =
                    faults.iter().map(|fault| format!("{}: {}", fault.file, fault.what)).collect::<Vec<_>>().join("; ");
                if self.in_use.is_none() {
                    return Err(Gone::new(Cause::OwnFiles, why));
                }
                note = Some(format!("the changed certificates are not used: {why}"));
            }
        }
        Ok(self.in_use.as_ref().map(|in_use| (in_use, note)))
    }
}

/// A way to the broker, and what there is to say although it is open.
async fn connect(
    config: &Mqtt,
    device: &str,
    secrets: &mut Secrets,
    time: BestTime,
    keep_alive_s: u16,
    traffic: &Arc<Traffic>,
) -> Result<(Wire, Option<String>), Gone> {
    let mut notes = Vec::new();
    let mut tls = None;
    if let Some((credentials, note)) = secrets.current(time)? {
        if credentials.has_expired(time) {
            let (then, now) = (rfc3339(credentials.not_after), rfc3339(time.utc));
            let why = format!("our own certificate expired on {then}, and it is {now} ({})", time.source.name());
            return Err(Gone::new(Cause::OwnExpired, why));
        }
        notes.extend(note);
        notes.extend(credentials.foreign_to(device));
        notes.extend(credentials.doubts.iter().map(|fault| format!("{}: {}", fault.file, fault.what)));
        if time.source != TimeSource::Gnss {
            notes.push(format!(
                "no fix since the start: certificates are judged at {} ({})",
                rfc3339(time.utc),
                time.source.name()
            ));
        }
        tls = Some((credentials.client(time), time));
    }
    // Twice the keep-alive, like the session's own watchdog.
    let unacknowledged_max = Duration::from_secs(u64::from(keep_alive_s) * 2);
    let target = Target { host: &config.host, port: config.port, tls, unacknowledged_max };
    let wire = Wire::open(&target, Arc::clone(traffic)).await?;
    Ok((wire, (!notes.is_empty()).then(|| notes.join("; "))))
}

/// Full jitter. The low bits of the clock are random enough to spread a fleet.
fn jittered(wait: Span) -> Span {
    let share = (wall_clock().0.wrapping_mul(0x9E37_79B9) >> 7).rem_euclid(1_000);
    Span((wait.0 * share / 1_000).max(50))
}

#[cfg(test)]
mod tests;
