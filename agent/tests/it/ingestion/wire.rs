//! Sentences as receivers write them, and what the reception makes of them.

use gatestamp::gnss::finding::Finding;
use gatestamp::gnss::{Checksums, Counts, DateFloor, GnssFix, Outcome, Reception, Rejected};
use gatestamp::time::Mono;

/// `body` with its `$`, checksum and line end.
pub(super) fn line(body: &str) -> String {
    format!("${body}*{:02X}\r\n", body.bytes().fold(0, |sum, byte| sum ^ byte))
}

/// Second `second` of the day as `hhmmss.ss`.
pub(super) fn clock(second: u32) -> String {
    format!("{:02}{:02}{:02}.00", second / 3_600, second / 60 % 60, second % 60)
}

/// Some metres farther north with each second.
pub(super) fn lat(second: u32) -> String {
    format!("48{:02}.{:04},N", 7 + second / 1_000 % 50, second % 1_000 * 10)
}

pub(super) fn rmc(second: u32) -> String {
    line(&format!("GPRMC,{},A,{},01131.0000,E,10.0,0.0,221126,,,A", clock(second), lat(second)))
}

pub(super) fn gga(second: u32) -> String {
    line(&format!("GPGGA,{},{},01131.0000,E,1,08,0.9,500.0,M,47.0,M,,", clock(second), lat(second)))
}

/// What satellites of one system give: `1` no fix, `2` one in two dimensions, `3` in three.
pub(super) fn gsa(mode: &str, hdop: &str) -> String {
    line(&format!("GNGSA,A,{mode},05,07,,,,,,,,,,,,{hdop},1.3"))
}

/// Speed and course, with the letter that says how they were got.
pub(super) fn vtg(mode: &str) -> String {
    line(&format!("GPVTG,0.0,T,,M,10.0,N,18.5,K,{mode}"))
}

/// One UBX frame.
pub(super) fn ubx(class: u8, id: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_le_bytes();
    let body = [&[class, id], &length[..], payload].concat();
    let [a, b] = body.iter().fold([0_u8; 2], |[a, b], byte| {
        let a = a.wrapping_add(*byte);
        [a, b.wrapping_add(a)]
    });
    [&[0xb5, 0x62], &body[..], &[a, b]].concat()
}

/// A reception with its history.
pub(super) struct Wire {
    reception: Reception,
    pub(super) outcomes: Vec<Outcome>,
}

impl Wire {
    pub(super) fn new() -> Self {
        Self::with_floor(DateFloor(None))
    }

    pub(super) fn with_floor(floor: DateFloor) -> Self {
        Self { reception: Reception::new(floor), outcomes: Vec::new() }
    }

    /// `bytes` arrive at `at` milliseconds.
    pub(super) fn at(&mut self, at: u64, bytes: impl AsRef<[u8]>) -> &mut Self {
        let outcomes = &mut self.outcomes;
        self.reception.feed(Mono(at), bytes.as_ref(), |outcome| outcomes.push(outcome));
        self
    }

    pub(super) fn end(&mut self) -> &mut Self {
        let outcomes = &mut self.outcomes;
        self.reception.finish(|outcome| outcomes.push(outcome));
        self
    }

    pub(super) fn restart(&mut self) -> &mut Self {
        self.reception.restart(DateFloor(None), false);
        self
    }

    /// A reception that goes on from a stored state of its framer.
    pub(super) fn stored(framer: &str) -> Self {
        let reception = serde_json::from_str(&format!(r#"{{"framer":{framer}}}"#)).unwrap();
        Self { reception, outcomes: Vec::new() }
    }

    pub(super) fn reopened(&mut self) -> &mut Self {
        self.reception.reopened();
        self
    }

    pub(super) fn checksums(&mut self, checksums: Checksums) -> &mut Self {
        self.reception.set_checksums(checksums);
        self
    }

    pub(super) fn fixes(&self) -> Vec<GnssFix> {
        self.outcomes.iter().filter_map(|o| if let Outcome::Fix(fix) = o { Some(*fix) } else { None }).collect()
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        self.outcomes.iter().filter_map(|o| if let Outcome::Found(found) = o { Some(*found) } else { None }).collect()
    }

    pub(super) fn refused(&self, reason: Rejected) -> u64 {
        self.counts().rejected.get(&reason).copied().unwrap_or(0)
    }

    pub(super) fn counts(&self) -> &Counts {
        self.reception.counts()
    }
}

/// All of it at once, to its end.
pub(super) fn receive(bytes: impl AsRef<[u8]>) -> Wire {
    let mut wire = Wire::new();
    wire.at(0, bytes).end();
    wire
}

/// The times of day of fixes, in seconds.
pub(super) fn seconds(fixes: &[GnssFix]) -> Vec<i64> {
    fixes.iter().map(|fix| fix.fix.time.0.rem_euclid(86_400_000) / 1_000).collect()
}
