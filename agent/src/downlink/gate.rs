//! What an authentic message may do here and now, and what it is answered.

use super::envelope::{Forged, Message, open};
use super::keys::{KeyError, Keys, PublicKey};
use crate::besttime::BestTime;
use crate::time::Mono;
use geofence::Span;
use serde::{Deserialize, Serialize};

/// Dispatch's clock may be this far ahead of ours.
const AHEAD_MAX: Span = Span::seconds(300);
/// Between two answers to messages that change nothing: whoever repeats what he once overheard costs the truck at most six of
/// them a minute. A sender repeats his command until it is answered, so none waits for ever.
const ANSWER_EVERY: Span = Span::seconds(10);

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Owe everything from this sequence on again.
    ReplayFrom(u64),
    /// Believe these keys from now on, and no others.
    Keys(Keys),
}

/// The newest message that was performed: committed together with its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its counter.
    pub counter: u64,
    /// Its id: the same message again is answered again.
    pub id: String,
}

/// The answer on `reply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// The message that is answered.
    pub id: String,
    /// `done` or `refused`.
    pub result: &'static str,
    /// A short machine word; empty where there is nothing to add.
    pub why: &'static str,
}

impl Reply {
    /// It was performed, and the effect is committed.
    #[must_use]
    pub fn done(id: &str) -> Self {
        Self { id: id.to_owned(), result: "done", why: "" }
    }

    /// It was not performed.
    #[must_use]
    pub fn refused(id: &str, why: &'static str) -> Self {
        Self { id: id.to_owned(), result: "refused", why }
    }

    /// JSON.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        // Plain fields into memory: cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not from dispatch. Counted, never answered.
    Forged(Forged),
    /// Changes nothing, and is not answered, since another such message was a moment ago. What the answer would be.
    Silent(Reply),
    /// Changes nothing; to be answered.
    Answer(Reply),
    /// To be performed and committed in one step with the counter, and then answered with [`Reply::done`].
    Perform(Order, Applied),
}

/// Stands between `down/` and everything that it may change.
#[derive(Debug, Clone)]
pub struct Gate {
    device: String,
    keys: Keys,
    applied: Option<Applied>,
    answered: Option<Mono>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayFrom {
    sequence: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandOver {
    keys: Vec<String>,
}

impl Gate {
    /// For this truck, `<fleet>-<truck>`, with the keys that it believes and the newest message that it performed.
    #[must_use]
    pub fn new(device: String, keys: Keys, applied: Option<Applied>) -> Self {
        Self { device, keys, applied, answered: None }
    }

    /// Judges a message that came at `now`, which is `time` as far as is known.
    pub fn judge(&mut self, bytes: &[u8], now: Mono, time: BestTime) -> Verdict {
        let message = match open(bytes, &self.keys) {
            Ok(message) => message,
            Err(forged) => return Verdict::Forged(forged),
        };
        match self.authentic(&message, time) {
            Verdict::Answer(reply) if self.answered.is_some_and(|then| now - then < ANSWER_EVERY) => {
                Verdict::Silent(reply)
            }
            verdict @ Verdict::Answer(_) => {
                self.answered = Some(now);
                verdict
            }
            verdict @ (Verdict::Forged(_) | Verdict::Silent(_) | Verdict::Perform(..)) => verdict,
        }
    }

    fn authentic(&self, message: &Message, time: BestTime) -> Verdict {
        let refused = |why| Verdict::Answer(Reply::refused(&message.id, why));
        if message.device != self.device {
            return refused("other_device");
        }
        let again = self.applied.as_ref().is_some_and(|a| a.counter == message.counter && a.id == message.id);
        if again {
            return Verdict::Answer(Reply::done(&message.id));
        }
        if self.applied.as_ref().is_some_and(|applied| message.counter <= applied.counter) {
            return refused("counter");
        }
        // What has passed for certain has passed, whoever says what time it is; the rest needs a clock.
        if message.expires <= time.utc {
            return refused("expired");
        }
        if !time.source.is_clock() {
            return refused("time_not_known");
        }
        if message.issued > time.utc + AHEAD_MAX {
            return refused("issued_in_the_future");
        }
        match order(message) {
            Ok(order) => Verdict::Perform(order, Applied { counter: message.counter, id: message.id.clone() }),
            Err(why) => refused(why),
        }
    }

    /// The order was performed, and is committed together with this.
    pub fn performed(&mut self, order: &Order, applied: Applied) {
        self.applied = Some(applied);
        match order {
            Order::Keys(keys) => self.keys = keys.clone(),
            Order::ReplayFrom(_) => {}
        }
    }
}

fn order(message: &Message) -> Result<Order, &'static str> {
    match message.kind.as_str() {
        "replay_from" => {
            let body: ReplayFrom = serde_json::from_str(message.body.get()).map_err(|_| "body")?;
            if body.sequence == 0 { Err("body") } else { Ok(Order::ReplayFrom(body.sequence)) }
        }
        "keys" => {
            let body: HandOver = serde_json::from_str(message.body.get()).map_err(|_| "body")?;
            let read: Result<Vec<PublicKey>, KeyError> = body.keys.iter().map(|text| PublicKey::read(text)).collect();
            let keys = read.ok().and_then(Keys::new).ok_or("keys")?;
            // Without a key nobody could ever send another.
            if keys.is_empty() { Err("keys") } else { Ok(Order::Keys(keys)) }
        }
        _ => Err("unknown_kind"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::envelope::Draft;
    use super::super::keys::Signer;
    use super::*;
    use crate::besttime::TimeSource;
    use geofence::UnixMillis;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    const NOON: UnixMillis = UnixMillis(1_795_348_800_000);

    fn signer(seed: u8) -> Signer {
        Signer::new(&[seed; 32])
    }

    fn gate() -> Gate {
        Gate::new("acme-t-7".to_owned(), Keys::new(vec![signer(1).public()]).unwrap(), None)
    }

    fn clock(source: TimeSource) -> BestTime {
        BestTime { utc: NOON, source }
    }

    struct Say<'a> {
        id: &'a str,
        device: &'a str,
        counter: u64,
        issued_s: i64,
        expires_s: i64,
        kind: &'a str,
        body: &'a str,
    }

    const REPLAY: Say<'_> = Say {
        id: "c-1",
        device: "acme-t-7",
        counter: 4,
        issued_s: -60,
        expires_s: 60,
        kind: "replay_from",
        body: r#"{"sequence":41}"#,
    };

    fn sealed(say: &Say<'_>, seed: u8) -> Vec<u8> {
        let body = RawValue::from_string(say.body.to_owned()).unwrap();
        signer(seed).seal(&Draft {
            id: say.id,
            device: say.device,
            counter: say.counter,
            issued: NOON + Span::seconds(say.issued_s),
            expires: NOON + Span::seconds(say.expires_s),
            kind: say.kind,
            body: &body,
        })
    }

    fn judge(gate: &mut Gate, say: &Say<'_>) -> Verdict {
        gate.judge(&sealed(say, 1), Mono(0), clock(TimeSource::Gnss))
    }

    fn why(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Answer(reply) => reply.why,
            Verdict::Forged(forged) => forged.name(),
            Verdict::Silent(_) => "silent",
            Verdict::Perform(..) => "perform",
        }
    }

    fn perform(gate: &mut Gate, say: &Say<'_>) {
        match judge(gate, say) {
            Verdict::Perform(order, applied) => gate.performed(&order, applied),
            other @ (Verdict::Forged(_) | Verdict::Silent(_) | Verdict::Answer(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_command_is_performed_once_and_its_copy_answered_again() {
        let mut gate = gate();
        let applied = Applied { counter: 4, id: "c-1".to_owned() };
        let perform = Verdict::Perform(Order::ReplayFrom(41), applied.clone());
        assert_eq!(judge(&mut gate, &REPLAY), perform);
        assert_eq!(judge(&mut gate, &REPLAY), perform, "as long as it is not committed");
        gate.performed(&Order::ReplayFrom(41), applied);
        assert_eq!(judge(&mut gate, &REPLAY), Verdict::Answer(Reply::done("c-1")));
        let body = String::from_utf8(Reply::done("c-1").body()).unwrap();
        assert_eq!(body, r#"{"id":"c-1","result":"done","why":""}"#);
    }

    #[test]
    fn what_was_overheard_and_is_repeated_costs_an_answer_every_ten_seconds() {
        let mut gate = gate();
        perform(&mut gate, &REPLAY);
        let copies = [sealed(&REPLAY, 1), sealed(&Say { counter: 2, id: "c-0", ..REPLAY }, 1)];
        let judged = (0..60).map(|s| gate.judge(&copies[s % 2], Mono(s as u64 * 1_000), clock(TimeSource::Gnss)));
        assert_eq!(judged.filter(|verdict| matches!(verdict, Verdict::Answer(_))).count(), 6);
    }

    #[test]
    fn each_refusal_says_why() {
        let cases: [(Say<'_>, &str); 12] = [
            (Say { device: "acme-t-8", id: "a", ..REPLAY }, "other_device"),
            (Say { counter: 3, id: "b", ..REPLAY }, "counter"),
            (Say { counter: 4, id: "c", ..REPLAY }, "counter"),
            (Say { counter: 5, id: "d", expires_s: 0, ..REPLAY }, "expired"),
            (Say { counter: 5, id: "e", issued_s: 301, expires_s: 900, ..REPLAY }, "issued_in_the_future"),
            (Say { counter: 5, id: "f", kind: "self_destruct", ..REPLAY }, "unknown_kind"),
            (Say { counter: 5, id: "g", body: r#"{"sequence":0}"#, ..REPLAY }, "body"),
            (Say { counter: 5, id: "h", body: r#"{"sequence":-1}"#, ..REPLAY }, "body"),
            (Say { counter: 5, id: "i", body: r#"{"sequence":1,"more":1}"#, ..REPLAY }, "body"),
            (Say { counter: 5, id: "j", kind: "keys", body: r#"{"keys":[]}"#, ..REPLAY }, "keys"),
            (Say { counter: 5, id: "k", kind: "keys", body: r#"{"keys":["00"]}"#, ..REPLAY }, "keys"),
            (Say { counter: 5, id: "l", issued_s: 300, expires_s: 900, ..REPLAY }, "perform"),
        ];
        let mut gate = gate();
        perform(&mut gate, &REPLAY);
        for (minute, (say, expected)) in cases.iter().enumerate() {
            let judged = gate.judge(&sealed(say, 1), Mono(minute as u64 * 60_000), clock(TimeSource::Gnss));
            assert_eq!(why(&judged), *expected, "{}", say.id);
        }
    }

    #[test]
    fn without_a_clock_only_what_has_passed_for_certain_is_known() {
        for source in [TimeSource::LastFix, TimeSource::Release] {
            let mut gate = gate();
            let now = clock(source);
            assert_eq!(why(&gate.judge(&sealed(&REPLAY, 1), Mono(0), now)), "time_not_known");
            let old = Say { expires_s: -1, id: "old", ..REPLAY };
            assert_eq!(why(&gate.judge(&sealed(&old, 1), Mono(30_000), now)), "expired");
            // The refusal used up no counter.
            let then = gate.judge(&sealed(&REPLAY, 1), Mono(60_000), clock(TimeSource::System));
            assert_eq!(why(&then), "perform");
        }
    }

    #[test]
    fn a_hand_over_ends_the_old_key_and_begins_the_new_one() {
        let mut gate = gate();
        let body = format!(r#"{{"keys":["{}"]}}"#, signer(2).public().text());
        let by_new = Say { counter: 6, id: "c-3", ..REPLAY };
        assert_eq!(why(&gate.judge(&sealed(&by_new, 2), Mono(0), clock(TimeSource::Gnss))), "bad_signature");
        perform(&mut gate, &Say { counter: 5, id: "c-2", kind: "keys", body: &body, ..REPLAY });
        assert_eq!(why(&judge(&mut gate, &by_new)), "bad_signature", "the old key");
        assert_eq!(why(&gate.judge(&sealed(&by_new, 2), Mono(0), clock(TimeSource::Gnss))), "perform");
    }

    proptest! {
        /// Whatever comes in whatever order: counters of what is performed only rise.
        #[test]
        fn no_order_is_performed_twice(counters in proptest::collection::vec(0_u64..20, 1..60)) {
            let mut gate = gate();
            let mut highest = None;
            for (n, counter) in counters.into_iter().enumerate() {
                let id = format!("c-{n}");
                if let Verdict::Perform(order, applied) = judge(&mut gate, &Say { id: &id, counter, ..REPLAY }) {
                    prop_assert!(highest.is_none_or(|highest| counter > highest));
                    highest = Some(counter);
                    gate.performed(&order, applied);
                }
            }
        }
    }
}
