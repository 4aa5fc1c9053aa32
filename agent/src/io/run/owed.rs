//! What is owed after a start, and what of it dispatch is waiting for.

use crate::engine::State;
use crate::event::named_by;
use crate::io::journal::{Journal, JournalError};
use crate::io::keeper::Held;
use crate::outbox::{FRESH, FRESH_MAX, Outbox, Recent};
use crate::time::Mono;
use geofence::{Span, UnixMillis};

/// What is owed after a start. Of what `state` has given out some may still be `held` for the journal.
/// The start is at `at`, and at `now` by the best time that it knows.
pub(super) fn owed(
    acks: bool,
    journal: &Journal,
    held: &Held,
    state: &State,
    (at, now): (Mono, UnixMillis),
) -> Result<Outbox, JournalError> {
    let derived = state.sequence();
    let begins = match (journal.highest()?, held.events.first()) {
        (0, first) => first.map_or(derived + 1, |event| event.sequence),
        _ => journal.lowest()?,
    };
    let mut lost = journal.named_above(journal.thru()?)?;
    let waiting = held.events.iter().map(|event| named_by(&event.body)).chain([state.losing()]);
    waiting.for_each(|ranges| ranges.iter().for_each(|(first, last)| lost.insert(first, last)));
    let outbox = Outbox::new(acks, journal.thru()?, begins, derived).since(journal.history()?);
    let outbox = outbox.numbered(journal.sent(), state.base(), state.renumberings()).without(&lost);
    let mut outbox = outbox.resumed(&journal.delivery()?);
    recent(journal, held, now)?.into_iter().for_each(|recent| outbox.known_since(at, recent));
    Ok(outbox)
}

/// What happened a short time before `now`, the best time that a start knows: it goes before the backlog, as it would have without the
/// start. Where no clock is better than the newest fix, that is what happened before the end of the last run.
fn recent(journal: &Journal, held: &Held, now: UnixMillis) -> Result<Vec<Recent>, JournalError> {
    let journaled = journal.newest(FRESH_MAX)?.into_iter();
    let held = held.events.iter().map(|event| (event.sequence, event.at, event.kind.is_urgent()));
    let dated = journaled.chain(held).map(|(sequence, at, urgent)| {
        // An event that is ahead of the best time is of now.
        let age = Span((now - at).0.max(0));
        Recent { sequence, urgent, age }
    });
    Ok(dated.filter(|recent| recent.age < FRESH).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Kind};
    use crate::io::journal::Position;
    use crate::outbox::History;
    use crate::ranges::Ranges;

    const NOW: UnixMillis = UnixMillis(1_795_358_161_000);

    fn event(sequence: u64, kind: Kind, age_s: i64) -> Event {
        let (id, body) = (format!("acme-t-7-{sequence}"), b"{}".to_vec());
        Event { sequence, id, kind, at: NOW + Span::seconds(-age_s), body, evicts: Ranges::default() }
    }

    /// What a start sends first of 10,000 of yesterday and `newest`, some of which the disk has not taken.
    fn first_sent(newest: &[Event], held: Vec<Event>, now: UnixMillis) -> Vec<u64> {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&dir.path().join("journal.db"), 1 << 30).unwrap();
        let old = (1..=10_000).map(|sequence| event(sequence, Kind::VisitArrived, 86_400));
        let all: Vec<_> = old.chain(newest.iter().cloned()).collect();
        journal.save(&all, b"{}", Position { segment: 1, records: 1 }).unwrap();
        let highest = all.len() as u64 + held.len() as u64;
        let held = Held { events: held, ..Held::default() };
        let mut state = serde_json::to_value(State::default()).unwrap();
        state["sequence"] = highest.into();
        let state = serde_json::from_value(state).unwrap();
        // Not a second since the kernel began to count.
        let mut outbox = owed(true, &journal, &held, &state, (Mono(500), now)).unwrap();
        // Dispatch has spoken before.
        outbox = outbox.since(History::Known);
        outbox.link_up(Mono(900), 20);
        let mut sent = Vec::new();
        while sent.len() < 6 {
            let range = outbox.poll(Mono(1_000)).unwrap();
            sent.extend(range.clone());
            range.for_each(|sequence| outbox.delivered(sequence));
        }
        sent.truncate(6);
        sent
    }

    #[test]
    fn fresh_overtakes_backlog_also_after_a_start() {
        let newest = [
            event(10_001, Kind::VisitArrived, 1_000),
            event(10_002, Kind::GnssLost, 300),
            event(10_003, Kind::VisitDeparted, 800),
            event(10_004, Kind::VisitArrived, 60),
        ];
        assert_eq!(first_sent(&newest, vec![], NOW), [10_003, 10_004, 10_002, 1, 2, 3]);
        let held = vec![event(10_005, Kind::VisitPhase, -5)];
        assert_eq!(first_sent(&newest, held, NOW), [10_003, 10_004, 10_005, 1, 10_002, 2]);
        // A clock that knows of the night between.
        assert_eq!(first_sent(&newest, vec![], NOW + Span::seconds(9 * 3_600)), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_is_fresh_after_a_start_grows_old_like_everything_else() {
        let mut outbox = Outbox::new(true, 0, 1, 50);
        outbox.known_since(Mono(0), Recent { sequence: 49, urgent: true, age: Span::seconds(100) });
        outbox.known_since(Mono(2_000_000), Recent { sequence: 50, urgent: true, age: Span::seconds(800) });
        outbox.link_up(Mono(2_000_000), 20);
        assert_eq!(outbox.clone().poll(Mono(2_050_000)), Some(50..=50));
        assert_eq!(outbox.poll(Mono(2_101_000)), Some(1..=15));
    }
}
