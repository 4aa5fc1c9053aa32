//! Does dispatch hold what the truck decided, and did the truck decide what it drove?
//!
//! Pure: a truck's journal, its drive and what the database has of it go in, what does not fit comes out.

use std::collections::{BTreeMap, BTreeSet};

use hil_tests::event::Event;
use hil_tests::verdict::{Landed, Row, describe, first_presence, judge};
use hil_tests::world::Shift;
use hil_tests::world::truth::{Crossing, Direction};

use crate::drives::COLD_START_S;

/// A truck that was alive for less than this during a stay cannot be blamed for not having seen it: after a start the filter wants
/// some fixes, and an arrival is confirmed by ten seconds of standing or a minute inside. Seconds of the drive.
const SEEN_S: f64 = 90.0;
/// The same where a drive begins, from the first fix on: that stay is shorter, and a minute inside is enough.
const SEEN_FIRST_S: f64 = 60.0;

/// An event in dispatch's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its sequence.
    pub sequence: u64,
    /// Its id.
    pub id: String,
    /// When it was committed, milliseconds since 1970 by the machine's clock.
    pub received_ms: i64,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Everything about one truck.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Its id, for the findings.
    pub truck: &'a str,
    /// The events of its journal, by sequence.
    pub journal: &'a [(u64, Vec<u8>)],
    /// What dispatch has of it, by sequence.
    pub held: &'a [Held],
    /// Ranges that it declared lost.
    pub lost: &'a [(u64, u64)],
    /// What it drove; of the crossings those of sites.
    pub shift: &'a Shift,
    /// When the drive began, in its time.
    pub start_utc_ms: i64,
    /// When the truck was dead, seconds of the drive.
    pub dead: &'a [(f64, f64)],
}

/// What does not fit, in words, and what was measured.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Events that dispatch holds.
    pub events: u64,
    /// What it lacks, or has with other bytes.
    pub missing: Vec<String>,
    /// What it has twice, or what did not happen.
    pub doubled: Vec<String>,
    /// Sequences that are nowhere, one each.
    pub gaps: Vec<String>,
    /// Facts whose revisions do not rise.
    pub disordered: Vec<String>,
    /// True arrivals and departures.
    pub crossings: u64,
    /// Those of stays that the truck was dead through.
    pub unseen: u64,
    /// Of each event about a visit: when it was decided in the truck's time, and when it was committed.
    pub delays: Vec<(i64, i64)>,
    /// Of the first word of each arrival: how long after the true crossing it was decided, in the truck's time, and as [`Self::delays`].
    pub first_words: Vec<(i64, (i64, i64))>,
}

impl Findings {
    /// Adds those of another truck.
    pub fn add(&mut self, other: Self) {
        self.events += other.events;
        self.missing.extend(other.missing);
        self.doubled.extend(other.doubled);
        self.gaps.extend(other.gaps);
        self.disordered.extend(other.disordered);
        self.crossings += other.crossings;
        self.unseen += other.unseen;
        self.delays.extend(other.delays);
        self.first_words.extend(other.first_words);
    }
}

/// Holds everything against everything.
#[must_use]
pub fn audit(account: &Account<'_>) -> Findings {
    let mut findings = Findings { events: account.held.len() as u64, ..Findings::default() };
    deliveries(account, &mut findings);
    holes(account, &mut findings);
    let landed = landed(account, &mut findings);
    order(account, &landed, &mut findings);
    crossings(account, &landed, &mut findings);
    findings
}

/// The journal against the database, event by event.
fn deliveries(account: &Account<'_>, findings: &mut Findings) {
    let truck = account.truck;
    let held: BTreeMap<u64, &Held> = account.held.iter().map(|held| (held.sequence, held)).collect();
    for (sequence, body) in account.journal {
        match held.get(sequence) {
            None => findings.missing.push(format!("{truck}: event {sequence} of its journal is not at dispatch")),
            Some(held) if held.body != *body => {
                findings.missing.push(format!("{truck}: event {sequence} has other bytes at dispatch"));
            }
            Some(_) => {}
        }
    }
    let journaled: BTreeSet<u64> = account.journal.iter().map(|(sequence, _)| *sequence).collect();
    let strange = held.keys().filter(|sequence| !journaled.contains(sequence));
    findings
        .missing
        .extend(strange.map(|sequence| format!("{truck}: event {sequence} of dispatch is not in its journal")));
    let mut ids = BTreeSet::new();
    let twice = account.held.iter().filter(|held| !ids.insert(&held.id));
    findings.doubled.extend(twice.map(|held| format!("{truck}: {} is at dispatch twice", held.id)));
}

/// What is missing below the highest sequence, in both.
fn holes(account: &Account<'_>, findings: &mut Findings) {
    let truck = account.truck;
    let declared = |sequence: u64| account.lost.iter().any(|(first, last)| (*first..=*last).contains(&sequence));
    let held = account.held.iter().map(|held| held.sequence);
    for (place, present) in [
        ("at dispatch", held.collect::<BTreeSet<u64>>()),
        ("in its journal", account.journal.iter().map(|(sequence, _)| *sequence).collect()),
    ] {
        let highest = present.last().copied().unwrap_or(0);
        let gaps = (1..=highest).filter(|sequence| !present.contains(sequence) && !declared(*sequence));
        findings.gaps.extend(gaps.map(|sequence| format!("{truck}: sequence {sequence} is missing {place}")));
    }
}

/// What dispatch holds, understood.
fn landed(account: &Account<'_>, findings: &mut Findings) -> Vec<Landed> {
    let mut landed = Vec::new();
    for held in account.held {
        match Event::parse(&held.body) {
            Ok(event) => {
                let delay = event.claim.as_ref().map(|claim| (claim.decided_ms, held.received_ms));
                findings.delays.extend(delay);
                // By the machine's clock: what the shift's own was then, the truck alone knows.
                landed.push(Landed { at_s: seconds(held.received_ms), start_utc_ms: account.start_utc_ms, event });
            }
            Err(why) => {
                findings.missing.push(format!("{}: event {} cannot be read: {why}", account.truck, held.sequence))
            }
        }
    }
    landed
}

/// Within a fact a higher sequence has a higher revision.
fn order(account: &Account<'_>, landed: &[Landed], findings: &mut Findings) {
    let mut newest: BTreeMap<_, u64> = BTreeMap::new();
    for Landed { event, .. } in landed {
        let Some(claim) = &event.claim else { continue };
        let before = newest.insert(claim.fact(&event.kind), claim.revision);
        if before.is_some_and(|before| claim.revision <= before) {
            let Event { id, kind, .. } = event;
            findings
                .disordered
                .push(format!("{}: {id} ({kind}) has revision {} after {before:?}", account.truck, claim.revision));
        }
    }
}

/// The drive against what dispatch was told about arrivals and departures.
fn crossings(account: &Account<'_>, landed: &[Landed], findings: &mut Findings) {
    let truck = account.truck;
    let is_about_a_site = |landed: &&Landed| landed.event.kind != "visit.phase";
    let about_sites: Vec<Landed> = landed.iter().filter(is_about_a_site).cloned().collect();
    let verdict = judge(account.shift, account.start_utc_ms, &about_sites);
    findings.crossings += verdict.rows.len() as u64;
    findings.first_words.extend(verdict.rows.iter().filter_map(|row| first_word(account, row)));
    let untold = verdict.rows.iter().filter(|row| row.stamp.is_none());
    let unseen = untold.filter(|row| !was_seen(account, &row.truth)).map(|row| describe(&row.truth));
    let begun = account.shift.begins_inside.iter().filter(|site| !was_seen_first(account, site));
    let unseen: BTreeSet<String> = unseen.chain(begun.map(|site| first_presence(site))).collect();
    let (excused, missing): (Vec<_>, Vec<_>) = verdict.missing.into_iter().partition(|what| unseen.contains(what));
    findings.unseen += excused.len() as u64;
    let missing = missing.into_iter();
    findings.missing.extend(missing.map(|what| format!("{truck}: {what}")));
    let more = verdict.doubled.into_iter().chain(verdict.invented);
    findings.doubled.extend(more.map(|what| format!("{truck}: {what}")));
}

fn first_word(account: &Account<'_>, row: &Row) -> Option<(i64, (i64, i64))> {
    let stamp = row.stamp.as_ref().filter(|_| row.truth.direction == Direction::Enter)?;
    let decided_ms = account.start_utc_ms + millis(stamp.decided_s);
    Some((millis(stamp.decided_s - row.truth.at_s), (decided_ms, millis(stamp.landed_s))))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970, below 2^53")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

#[expect(clippy::cast_possible_truncation, reason = "the inverse of the above")]
fn millis(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

/// Whether the truck was alive long enough during the stay that this crossing begins or ends.
fn was_seen(account: &Account<'_>, crossing: &Crossing) -> bool {
    let same = account.shift.crossings.iter().filter(|other| other.facility == crossing.facility);
    let (from_s, to_s) = match crossing.direction {
        Direction::Enter => {
            let leaves = same.filter(|other| other.at_s > crossing.at_s).map(|other| other.at_s);
            (crossing.at_s, leaves.fold(account.shift.path.duration_s(), f64::min))
        }
        Direction::Leave => {
            let enters = same.filter(|other| other.at_s < crossing.at_s).map(|other| other.at_s);
            (enters.fold(0.0, f64::max), crossing.at_s)
        }
    };
    alive_s(account, from_s, to_s) >= SEEN_S
}

/// Whether it was so after the first fix, at the site where the drive begins.
fn was_seen_first(account: &Account<'_>, site: &str) -> bool {
    let leaves =
        account.shift.crossings.iter().filter(|crossing| crossing.facility == site).map(|crossing| crossing.at_s);
    alive_s(account, COLD_START_S, leaves.fold(account.shift.path.duration_s(), f64::min)) >= SEEN_FIRST_S
}

fn alive_s(account: &Account<'_>, from_s: f64, to_s: f64) -> f64 {
    let dead = account.dead.iter().map(|(died_s, lived_s)| (lived_s.min(to_s) - died_s.max(from_s)).max(0.0));
    to_s - from_s - dead.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use gatestamp::time::rfc3339;
    use geofence::UnixMillis;
    use hil_tests::world::facility::Zone;
    use serde_json::json;

    use super::*;

    const START_MS: i64 = 1_795_305_600_000;

    type Journal = Vec<(u64, Vec<u8>)>;

    fn body(sequence: u64, (facility, kind, phase, method): (&str, &str, &str, &str), at_s: f64) -> Vec<u8> {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
        let time = |later_s: f64| rfc3339(UnixMillis(START_MS + ((at_s + later_s) * 1_000.0) as i64));
        let body = json!({"id": format!("demo-t-{sequence}"), "sequence": sequence.to_string(),
            "type": format!("com.gatestamp.visit.{kind}"), "subject": facility, "time": time(0.0), "data": {
            "visit": format!("v{sequence}"), "revision": 1, "status": "confirmed", "zone": "site", "phase": phase,
            "at": time(0.0), "at_hi": time(1.0), "decided_at": time(5.0), "method": method}});
        serde_json::to_vec(&body).expect("JSON")
    }

    /// An honest truck: its drive, and what it journaled of it.
    fn honest() -> (Shift, Journal) {
        let mut shift = Shift::errands(1, 1);
        shift.crossings.retain(|crossing| crossing.zone == Zone::Site);
        let mut journal = vec![(1, body(1, ("depot", "arrived", "enter", "first_inside"), 40.0))];
        for (sequence, crossing) in (2..).zip(&shift.crossings) {
            let (kind, phase) = match crossing.direction {
                Direction::Enter => ("arrived", "enter"),
                Direction::Leave => ("departed", "leave"),
            };
            journal.push((sequence, body(sequence, (crossing.facility, kind, phase, "interpolated"), crossing.at_s)));
        }
        (shift, journal)
    }

    fn held(journal: &Journal) -> Vec<Held> {
        let held = |(sequence, body): &(u64, Vec<u8>)| Held {
            sequence: *sequence,
            id: format!("demo-t-{sequence}"),
            received_ms: START_MS + 900_000,
            body: body.clone(),
        };
        journal.iter().map(held).collect()
    }

    /// What a truck journals that never knew what `word` stands for.
    fn without(mut journal: Journal, word: &str) -> Journal {
        journal.retain(|(_, body)| !String::from_utf8_lossy(body).contains(word));
        for (sequence, (number, body)) in (1..).zip(&mut journal) {
            let text = String::from_utf8_lossy(body).replace(&format!("\"{number}\""), &format!("\"{sequence}\""));
            (*number, *body) = (sequence, text.into_bytes());
        }
        journal
    }

    /// missing, doubled, gaps, out of order, unseen
    fn found(shift: &Shift, journal: &Journal, held: &[Held], dead: &[(f64, f64)]) -> [u64; 5] {
        let account = Account { truck: "t", journal, held, lost: &[], shift, start_utc_ms: START_MS, dead };
        let findings = audit(&account);
        let Findings { missing, doubled, gaps, disordered, unseen, .. } = findings;
        [missing.len(), doubled.len(), gaps.len(), disordered.len()]
            .map(|count| count as u64)
            .into_iter()
            .chain([unseen])
            .collect::<Vec<_>>()
            .try_into()
            .expect("five")
    }

    #[test]
    fn what_is_the_same_everywhere_is_clean() {
        let (shift, journal) = honest();
        assert_eq!(found(&shift, &journal, &held(&journal), &[]), [0; 5]);
    }

    #[test]
    fn an_event_that_dispatch_lacks_is_missing_untold_and_a_gap() {
        let (shift, journal) = honest();
        let mut at_dispatch = held(&journal);
        at_dispatch.remove(2);
        assert_eq!(found(&shift, &journal, &at_dispatch, &[]), [2, 0, 1, 0, 0]);
        // The newest one is no gap.
        let mut at_dispatch = held(&journal);
        at_dispatch.pop();
        assert_eq!(found(&shift, &journal, &at_dispatch, &[]), [2, 0, 0, 0, 0]);
    }

    #[test]
    fn an_event_that_the_truck_lost_is_found_too() {
        let (shift, mut journal) = honest();
        let at_dispatch = held(&journal);
        journal.remove(2);
        assert_eq!(found(&shift, &journal, &at_dispatch, &[]), [1, 0, 1, 0, 0]);
    }

    #[test]
    fn other_bytes_of_a_known_event_are_missing() {
        let (shift, journal) = honest();
        let mut at_dispatch = held(&journal);
        at_dispatch[2].body.push(b' ');
        assert_eq!(found(&shift, &journal, &at_dispatch, &[]), [1, 0, 0, 0, 0]);
    }

    #[test]
    fn an_id_that_is_there_twice_is_doubled() {
        let (shift, journal) = honest();
        let mut at_dispatch = held(&journal);
        let mut copy = at_dispatch[0].clone();
        copy.sequence = 6;
        at_dispatch.push(copy);
        let [_, doubled, ..] = found(&shift, &journal, &at_dispatch, &[]);
        assert!(doubled >= 1);
    }

    #[test]
    fn a_stay_that_the_truck_was_dead_through_is_unseen_and_not_missing() {
        let (shift, journal) = honest();
        let stay: Vec<f64> = shift.crossings.iter().filter(|c| c.facility == "shop").map(|c| c.at_s).collect();
        let silent = without(journal, "shop");
        assert_eq!(found(&shift, &silent, &held(&silent), &[]), [2, 0, 0, 0, 0]);
        assert_eq!(found(&shift, &silent, &held(&silent), &[(stay[0] - 5.0, stay[1] - 20.0)]), [0, 0, 0, 0, 2]);
    }

    #[test]
    fn a_beginning_that_the_truck_was_dead_through_is_unseen_and_not_missing() {
        let (shift, journal) = honest();
        let late = without(journal, "first_inside");
        assert_eq!(found(&shift, &late, &held(&late), &[(36.0, 50.0)]), [1, 0, 0, 0, 0]);
        assert_eq!(found(&shift, &late, &held(&late), &[(36.0, 76.0), (80.0, 100.0)]), [0, 0, 0, 0, 1]);
    }

    #[test]
    fn a_revision_that_does_not_rise_is_out_of_order() {
        let (shift, mut journal) = honest();
        let again = String::from_utf8_lossy(&journal[4].1).replace("\"5\"", "\"6\"").replace("demo-t-5", "demo-t-6");
        journal.push((6, again.into_bytes()));
        let [missing, _, gaps, disordered, _] = found(&shift, &journal, &held(&journal), &[]);
        assert_eq!((missing, gaps, disordered), (0, 0, 1));
    }
}
