//! Which speed does the receiver talk at? Found by listening, never by asking.
//!
//! A receiver that lost its backup battery is back at the speed of its factory. Then bytes come, but no sentence among them has a
//! good checksum, and only then other speeds are tried, one after the other. A receiver that hears nothing but noise may
//! change its own speed (iNavFlight/inav#9218), so nothing is ever sent to it. Silence says nothing about the speed.

use super::framer::Framer;
use crate::time::Mono;
use geofence::Span;
use heapless::Vec;

/// Speeds that receivers are found at, the likeliest first.
const SPEEDS: [u32; 6] = [9_600, 38_400, 115_200, 4_800, 57_600, 230_400];
/// Those, the configured speed and the one that was found last.
const SPEEDS_MAX: usize = SPEEDS.len() + 2;
/// Bytes without a good checksum for so long mean that the speed is wrong.
const DOUBT_AFTER: Span = Span::seconds(5);
/// Fewer bytes than this are a disturbance of the line and no receiver.
const DOUBT_BYTES: usize = 16;
/// After a silence this long, what came before it says nothing any more; longer than the pause of a receiver at 0.1 Hz.
const FORGET_AFTER: Span = Span::seconds(30);
/// After a change of speed the line needs time, and half a character was under way (gpsd, `serial.c`).
const SETTLE: Span = Span(300);
/// Each speed is listened to at least so long,
const DWELL: Span = Span::seconds(3);
/// and at most so long, where nothing was heard or something half right: a receiver at 0.1 Hz is silent for ten seconds.
const DWELL_MAX: Span = Span::seconds(12);
/// From the start of one scan to the next.
const SCAN_EVERY: Span = Span::seconds(60);
/// So many good sentences prove a speed. One in 256 garbled ones passes its checksum.
const PROOF: u8 = 3;

/// What is to be done or has become known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Set the port to this speed, and go on listening.
    Switch(u32),
    /// The receiver talks at this speed.
    Proven(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// At a speed that is right, or not yet known to be wrong.
    Listening,
    /// At the speed of this place in the order, since then.
    Trying { place: usize, since: Mono, heard: bool },
}

/// Watches one open port.
#[derive(Debug)]
pub struct Hunt {
    order: Vec<u32, SPEEDS_MAX>,
    speed: u32,
    phase: Phase,
    framer: Framer,
    /// Good sentences at this speed, up to [`PROOF`].
    good: u8,
    proven: bool,
    /// Since when bytes come without a good sentence, and how many.
    doubt: Option<(Mono, usize)>,
    last_byte: Option<Mono>,
    scanned: Option<Mono>,
}

impl Hunt {
    /// A port that was opened at `speed`; where that is wrong, `configured` is tried next, then the usual ones.
    #[must_use]
    pub fn new(speed: u32, configured: Option<u32>) -> Self {
        let mut order = Vec::new();
        for candidate in [Some(speed), configured].into_iter().flatten().chain(SPEEDS) {
            if !order.contains(&candidate) {
                // Room for all of them: see SPEEDS_MAX.
                let _ = order.push(candidate);
            }
        }
        Self {
            order,
            speed,
            phase: Phase::Listening,
            framer: Framer::default(),
            good: 0,
            proven: false,
            doubt: None,
            last_byte: None,
            scanned: None,
        }
    }

    /// The speed that the port is to have now.
    #[must_use]
    pub fn speed(&self) -> u32 {
        self.speed
    }

    /// Other speeds are being tried.
    #[must_use]
    pub fn is_scanning(&self) -> bool {
        matches!(self.phase, Phase::Trying { .. })
    }

    /// What comes now is left over from another speed: throw it away.
    #[must_use]
    pub fn is_settling(&self, at: Mono) -> bool {
        matches!(self.phase, Phase::Trying { since, .. } if at - since < SETTLE)
    }

    /// Bytes came.
    pub fn heard(&mut self, at: Mono, bytes: &[u8]) -> Option<Finding> {
        if self.is_settling(at) {
            return None;
        }
        let mut good = 0_u8;
        self.framer.feed(bytes, |framed| good = good.saturating_add(u8::from(framed.is_ok())));
        self.good = self.good.saturating_add(good);
        if self.last_byte.replace(at).is_some_and(|last| at - last > FORGET_AFTER) {
            self.doubt = None;
        }
        match &mut self.phase {
            Phase::Trying { heard, .. } => *heard = true,
            Phase::Listening if good > 0 => self.doubt = None,
            Phase::Listening => {
                let (_, count) = self.doubt.get_or_insert((at, 0));
                *count = count.saturating_add(bytes.len());
            }
        }
        if self.good >= PROOF && !self.proven {
            self.proven = true;
            self.phase = Phase::Listening;
            self.doubt = None;
            return Some(Finding::Proven(self.speed));
        }
        let doubted = self.doubt.is_some_and(|(since, count)| at - since >= DOUBT_AFTER && count >= DOUBT_BYTES);
        let may_scan = self.scanned.is_none_or(|last| at - last >= SCAN_EVERY);
        if doubted && may_scan && !self.is_scanning() {
            self.scanned = Some(at);
            return Some(self.try_next(0, at));
        }
        self.tick(at)
    }

    /// Time passed.
    pub fn tick(&mut self, at: Mono) -> Option<Finding> {
        let Phase::Trying { place, since, heard } = self.phase else { return None };
        let listened = at - since;
        let disproven = listened >= DWELL + SETTLE && heard && self.good == 0;
        (disproven || listened >= DWELL_MAX).then(|| self.try_next(place + 1, at))
    }

    /// Goes to the first speed from `place` on that is not the one just left; after the last one back to the first.
    fn try_next(&mut self, place: usize, at: Mono) -> Finding {
        let left = self.speed;
        let next = self.order.iter().enumerate().skip(place).find(|(_, speed)| **speed != left);
        (self.phase, self.speed) = match next {
            Some((place, &speed)) => (Phase::Trying { place, since: at, heard: false }, speed),
            None => (Phase::Listening, self.order.first().copied().unwrap_or(left)),
        };
        self.framer = Framer::default();
        (self.good, self.proven, self.doubt) = (0, false, None);
        Finding::Switch(self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"$GPGLL,,,,,235958,V*06\r\n";
    const GARBLED: &[u8] = b"\x8a\xb2$\x00\xf0\x13\x91garbled";

    /// A receiver at `real` bit/s that talks once a second; what the port was told, with the second.
    fn listen(hunt: &mut Hunt, real: u32, seconds: std::ops::Range<u64>) -> Vec<(u64, Finding), 64> {
        let mut told = Vec::new();
        for tenth in seconds.start * 10..seconds.end * 10 {
            let at = Mono(tenth * 100);
            let bytes = if hunt.speed() == real { GOOD } else { GARBLED };
            let said = if tenth % 10 == 0 { hunt.heard(at, bytes) } else { hunt.tick(at) };
            told.extend(said.map(|finding| (tenth / 10, finding)));
        }
        told
    }

    #[test]
    fn a_receiver_at_another_speed_is_found_after_five_seconds_of_garbage() {
        let mut hunt = Hunt::new(9_600, None);
        let told = listen(&mut hunt, 115_200, 0..40);
        let switched: Vec<_, 64> = told.iter().map(|(_, finding)| *finding).collect();
        let expected = [Finding::Switch(38_400), Finding::Switch(115_200), Finding::Proven(115_200)];
        assert_eq!(switched, expected);
        assert_eq!(told[0].0, 5);
        assert!(told[2].0 < 20 && !hunt.is_scanning(), "{told:?}");
    }

    #[test]
    fn the_right_speed_is_proven_once_and_never_left() {
        let mut hunt = Hunt::new(9_600, None);
        assert_eq!(listen(&mut hunt, 9_600, 0..600), [(2, Finding::Proven(9_600))]);
    }

    #[test]
    fn what_no_speed_makes_sense_of_is_scanned_once_a_minute_and_left_at_the_first_speed() {
        let mut hunt = Hunt::new(38_400, Some(19_200));
        let told = listen(&mut hunt, 0, 0..66);
        let speeds: Vec<u32, 64> =
            told.iter().map(|(_, f)| if let Finding::Switch(speed) = f { *speed } else { 0 }).collect();
        assert_eq!(speeds[..7], [19_200, 9_600, 115_200, 4_800, 57_600, 230_400, 38_400]);
        assert_eq!((told[0].0, told[7].0), (5, 65), "{told:?}");
    }

    #[test]
    fn silence_and_single_disturbances_are_no_reason_to_scan() {
        let mut hunt = Hunt::new(9_600, None);
        for second in 0..3_600 {
            let at = Mono(second * 1_000);
            let said = if second % 40 == 0 { hunt.heard(at, &[0xff, 0x00]) } else { hunt.tick(at) };
            assert_eq!(said, None);
        }
    }

    #[test]
    fn after_each_change_the_line_settles_before_anything_counts() {
        let mut hunt = Hunt::new(9_600, None);
        let told = listen(&mut hunt, 0, 0..6);
        assert_eq!(told, [(5, Finding::Switch(38_400))]);
        assert!(hunt.is_settling(Mono(5_299)) && !hunt.is_settling(Mono(5_300)));
        assert_eq!(hunt.heard(Mono(5_200), &GOOD.repeat(3)), None, "left over from before the change");
        assert_eq!(hunt.heard(Mono(5_300), &GOOD.repeat(3)), Some(Finding::Proven(38_400)));
    }

    #[test]
    fn a_receiver_that_talks_every_ten_seconds_is_waited_for() {
        let mut hunt = Hunt::new(9_600, None);
        let mut proven = None;
        for tenth in 0..1_200_u64 {
            let at = Mono(tenth * 100);
            let bytes = if hunt.speed() == 115_200 { GOOD } else { GARBLED };
            let said = if tenth % 100 == 0 { hunt.heard(at, &bytes.repeat(3)) } else { hunt.tick(at) };
            if let Some(Finding::Proven(speed)) = said {
                proven = Some(speed);
            }
        }
        assert_eq!(proven, Some(115_200));
    }
}
