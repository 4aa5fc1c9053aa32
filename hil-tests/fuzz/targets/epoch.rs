//! Lines of text, each a sentence with a good checksum, 100 ms apart: time goes on but where it is said to step, and a state that was
//! stored and read again goes on as the other does.
#![no_main]

use gatestamp::gnss::{DateFloor, GnssFix, Outcome, Reception};
use gatestamp::time::Mono;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut reception = Reception::new(DateFloor(None));
    let mut last: Option<GnssFix> = None;
    for (index, body) in text.lines().enumerate() {
        let line = format!("${body}*{:02X}\r\n", body.bytes().fold(0, |sum, byte| sum ^ byte));
        let at = Mono(index as u64 * 100);
        let stored = serde_json::to_vec(&reception).expect("the state is plain data");
        let mut again: Reception = serde_json::from_slice(&stored).expect("what was stored opens");
        let (mut outcomes, mut repeated) = (Vec::new(), Vec::new());
        reception.feed(at, line.as_bytes(), |outcome| outcomes.push(outcome));
        again.feed(at, line.as_bytes(), |outcome| repeated.push(outcome));
        assert_eq!(outcomes, repeated);
        for outcome in outcomes {
            let Outcome::Fix(fix) = outcome else { continue };
            assert!(fix.time_stepped || last.is_none_or(|last| fix.fix.time > last.fix.time));
            last = Some(fix);
        }
    }
});
