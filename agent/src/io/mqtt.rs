//! The broker: one fresh connection after the other, each thrown away on any doubt. What is owed is the outbox's affair;
//! nothing that matters lives only in here.

mod session;

use super::clock::{Clock, wall_clock};
use crate::config::Mqtt;
use crate::engine::Link;
use geofence::Span;
use session::Session;
use tokio::sync::mpsc::{Receiver, Sender};

/// Wait before connecting again: a random share of this, doubling up to the maximum, so that a fleet does not come back
/// all at once.
const BACK_OFF: Span = Span::seconds(1);
const BACK_OFF_MAX: Span = Span::seconds(300);

/// What to publish.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A journaled event, QoS 1.
    Event(u64, Vec<u8>),
    /// Retained.
    State(Vec<u8>),
    /// Not kept.
    Position(Vec<u8>),
    /// Retained.
    Health(Vec<u8>),
}

/// What the link does.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// Something for the engine.
    Engine(Link),
    /// The connection is gone, or could not be made: why.
    Gone(String),
}

/// Who connects to which topics.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) client_id: String,
    /// `gatestamp/v1/<fleet>/<truck>`.
    pub(super) prefix: String,
    /// Dispatch acknowledges on `down/ack`.
    pub(super) reads_acks: bool,
    /// What the broker says when the connection breaks.
    pub(super) last_will: Vec<u8>,
}

/// Connects, and connects again, until nobody listens any more.
pub(super) async fn run(
    config: Mqtt,
    identity: Identity,
    clock: Clock,
    mut from: Receiver<Outgoing>,
    to: Sender<LinkEvent>,
) {
    let mut wait = BACK_OFF;
    loop {
        // What was handed over for the last connection is read from the journal again for the next one.
        while from.try_recv().is_ok() {}
        let mut session = Session::open(&config, &identity);
        let begun = clock.now();
        let gone = session.serve(&mut from, &to).await;
        let Some(gone) = gone else { return };
        // A connection that lasted was a good one, even if there was nothing to deliver.
        if session.delivered_anything() || (session.was_connected() && clock.now() - begun > wait) {
            wait = BACK_OFF;
        }
        drop(session);
        if to.send(LinkEvent::Gone(gone)).await.is_err() {
            return;
        }
        clock.sleep(jittered(wait)).await;
        wait = Span((wait.0 * 2).min(BACK_OFF_MAX.0));
    }
}

/// Full jitter. The low bits of the clock are random enough to spread a fleet.
fn jittered(wait: Span) -> Span {
    let share = (wall_clock().0.wrapping_mul(0x9E37_79B9) >> 7).rem_euclid(1_000);
    Span((wait.0 * share / 1_000).max(50))
}
