//! Which speed does the receiver talk at? Found by listening, never by asking.
//!
//! A receiver that lost its backup battery is back at the speed of its factory. Then bytes come, but no sentence among them has a
//! good checksum, and only then other speeds are tried, one after the other. A receiver that hears nothing but noise may
//! change its own speed (iNavFlight/inav#9218), so nothing is ever sent to find out. Silence says nothing about the speed.

use super::Rejected;
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
/// A pause this long ends what a receiver says at one instant: what comes after it is something new. Bytes before it, as the line
/// end after the last sentence, may be what is left of the good ones.
const PAUSE: Span = Span(500);
/// Fewer bytes than this are a disturbance of the line and no receiver.
const DOUBT_BYTES: usize = 16;
/// After a silence this long, what came before it says nothing any more; longer than the pause of a receiver at 0.1 Hz.
const FORGET_AFTER: Span = Span::seconds(30);
/// After a change of speed the line needs time, and half a character was under way (gpsd, `serial.c`).
const SETTLE: Span = Span(300);
/// Bytes for so long without a good sentence, and without a pause as long, disprove a speed that is tried;
const DWELL: Span = Span::seconds(3);
/// and where there is less to judge by it is left after so long: a receiver at 0.1 Hz is silent for ten seconds.
const DWELL_MAX: Span = Span::seconds(12);
/// Where good sentences came, but not enough of them: at 0.1 Hz [`PROOF`] takes three periods.
const DWELL_HALF_PROVEN: Span = Span::seconds(3 * 12);
/// From the start of one scan to the next.
const SCAN_EVERY: Span = Span::seconds(60);
/// So many good sentences prove a speed: one in 256 garbled ones passes its checksum. So do as many plain ones without a checksum, with
/// nothing garbled between them: their first seven characters alone are hit by chance once in 2^48.
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
    /// At the speed of this place in the order, since then; bytes that count came first at `heard`.
    Trying { place: usize, since: Mono, heard: Option<Mono> },
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
    /// There was no pause since the last good sentence.
    trailing: bool,
    /// When the last good sentence came, and the longest time between two of them, up to [`DWELL_MAX`].
    last_good: Option<Mono>,
    pace: Span,
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
            framer: Framer::strict(),
            good: 0,
            proven: false,
            doubt: None,
            trailing: false,
            last_good: None,
            pace: Span(0),
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

    /// The speed is proven, and what was heard at this time had something good in it: whoever is there understands this speed now.
    #[must_use]
    pub fn is_sound(&self, at: Mono) -> bool {
        self.proven && self.last_good == Some(at)
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
        let good = self.good_among(bytes);
        let pause = self.last_byte.replace(at).map_or(Span(0), |last| at - last);
        if pause > FORGET_AFTER || pause > PAUSE && std::mem::take(&mut self.trailing) {
            self.doubt = None;
        }
        if good {
            let apart = self.last_good.replace(at).map_or(Span(0), |last| at - last);
            self.pace = Span(self.pace.0.max(apart.0).min(DWELL_MAX.0));
            self.trailing = true;
        }
        match &mut self.phase {
            // The end of what was being said when the speed was set is not yet a sentence; nor does it count after a pause.
            Phase::Trying { heard, .. } => *heard = heard.filter(|_| pause < DWELL).or(Some(at)),
            Phase::Listening if good => self.doubt = None,
            Phase::Listening => {
                let (_, count) = self.doubt.get_or_insert((at, 0));
                *count = count.saturating_add(bytes.len());
            }
        }
        if self.good >= PROOF && !self.proven {
            self.proven = true;
            self.phase = Phase::Listening;
            self.doubt = None;
            // A scan that finds nothing comes back here.
            if let Some(place) = self.order.iter().position(|speed| *speed == self.speed) {
                self.order.get_mut(..=place).into_iter().for_each(|first| first.rotate_right(1));
            }
            return Some(Finding::Proven(self.speed));
        }
        // One garbled epoch of a slow receiver is followed by a good one.
        let enough = Span(DOUBT_AFTER.0.max(self.pace.0.saturating_add(PAUSE.0)));
        let doubted = self.doubt.is_some_and(|(since, count)| at - since >= enough && count >= DOUBT_BYTES);
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
        let garbled = heard.zip(self.last_byte).is_some_and(|(first, last)| last - first >= DWELL);
        let wrong = match self.good.max(self.framer.plain()) {
            0 => garbled || listened >= DWELL_MAX,
            _ => listened >= DWELL_HALF_PROVEN,
        };
        wrong.then(|| self.try_next(place + 1, at))
    }

    /// Whether something good was completed by these bytes; what proves a speed is counted.
    fn good_among(&mut self, bytes: &[u8]) -> bool {
        let (mut good, mut lines) = (0_u8, false);
        self.framer.feed(bytes, |framed| match framed {
            Ok(_) => good = good.saturating_add(1),
            Err(reason) => lines |= reason == Rejected::NoChecksum,
        });
        self.good = self.good.saturating_add(good);
        if self.framer.plain() >= PROOF {
            self.good = self.good.max(PROOF);
        }
        good > 0 || lines
    }

    /// Goes to the first speed from `place` on that is not the one just left; after the last one back to the first.
    fn try_next(&mut self, place: usize, at: Mono) -> Finding {
        let left = self.speed;
        let next = self.order.iter().enumerate().skip(place).find(|(_, speed)| **speed != left);
        (self.phase, self.speed) = match next {
            Some((place, &speed)) => (Phase::Trying { place, since: at, heard: None }, speed),
            None => (Phase::Listening, self.order.first().copied().unwrap_or(left)),
        };
        self.framer = Framer::strict();
        (self.good, self.proven, self.doubt) = (0, false, None);
        (self.trailing, self.last_good, self.pace) = (false, None, Span(0));
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
    fn only_what_is_good_at_a_proven_speed_is_sound() {
        let mut hunt = Hunt::new(9_600, None);
        let mut sound = |at, bytes: &[u8]| {
            let _ = hunt.heard(Mono(at), bytes);
            hunt.is_sound(Mono(at))
        };
        assert_eq!([sound(0, GOOD), sound(1_000, GOOD)], [false, false], "not proven yet");
        assert_eq!([sound(2_000, GOOD), sound(2_500, GARBLED), sound(3_000, GOOD)], [true, false, true]);
        let _ = listen(&mut hunt, 38_400, 4..20);
        assert!(hunt.speed() == 38_400 && !hunt.is_sound(Mono(20_000)));
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

    /// A receiver at `real` bit/s that speaks at these seconds, in reads of 16 bytes, the last line end in a read of its own.
    fn speak(
        hunt: &mut Hunt,
        real: u32,
        epochs: impl IntoIterator<Item = u64>,
        text: &[u8],
    ) -> Vec<(u64, Finding), 64> {
        let (mut told, mut now) = (Vec::new(), 0);
        for second in epochs {
            let from = second * 1_000;
            told.extend((now..from).step_by(100).filter_map(|at| Some((at, hunt.tick(Mono(at))?))));
            let (body, end) = text.split_at(text.len() - 2);
            now = from;
            for read in body.chunks(16).chain([end]) {
                let garbled = GARBLED.iter().chain(b"\xff").copied().collect::<Vec<u8, 16>>();
                let read = if hunt.speed() == real { read } else { &garbled };
                told.extend(hunt.heard(Mono(now), read).map(|finding| (now, finding)));
                now += 20;
            }
        }
        told
    }

    const UNCHECKED: &[u8] = b"$GPGLL,4916.45,N,12311.12,W,225444,A\r\n";

    #[test]
    fn a_pause_of_a_receiver_at_one_hertz_is_no_reason_to_leave_its_speed() {
        for text in [GOOD, UNCHECKED] {
            let mut hunt = Hunt::new(9_600, None);
            let told = speak(&mut hunt, 9_600, (0..60).chain(67..120).chain(149..200), text);
            assert!(told.iter().all(|(_, finding)| *finding == Finding::Proven(9_600)), "{told:?}");
        }
    }

    #[test]
    fn a_receiver_that_speaks_every_ten_seconds_keeps_its_speed_and_is_found_at_another() {
        let slow = || (0..600).step_by(10);
        let mut hunt = Hunt::new(9_600, None);
        assert_eq!(speak(&mut hunt, 9_600, slow(), GOOD), [(20_020, Finding::Proven(9_600))]);
        let mut hunt = Hunt::new(9_600, None);
        let told: Vec<_, 64> = speak(&mut hunt, 115_200, slow(), GOOD).iter().map(|(_, finding)| *finding).collect();
        assert_eq!(told, [Finding::Switch(38_400), Finding::Switch(115_200), Finding::Proven(115_200)]);
    }

    #[test]
    fn the_end_of_a_sentence_that_was_under_way_does_not_disprove_the_speed_it_is_tried_at() {
        let mut hunt = Hunt::new(9_600, None);
        assert_eq!(listen(&mut hunt, 38_400, 0..6)[0], (5, Finding::Switch(38_400)));
        // The switch came within a burst, and the next burst comes ten seconds later.
        assert_eq!(hunt.heard(Mono(5_400), &GOOD[8..]), None);
        let told = speak(&mut hunt, 38_400, (15..80).step_by(10), GOOD);
        assert_eq!(told, [(35_020, Finding::Proven(38_400))]);
    }

    #[test]
    fn one_garbled_epoch_of_a_slow_receiver_does_not_lose_its_speed() {
        let mut hunt = Hunt::new(9_600, None);
        let _ = speak(&mut hunt, 9_600, (0..60).step_by(10), GOOD);
        assert_eq!(hunt.heard(Mono(60_000), &GARBLED.repeat(4)), None);
        let told = [&GOOD[..16], &GOOD[16..]].map(|read| hunt.heard(Mono(70_000), read));
        assert_eq!(told, [None, None]);
    }

    #[test]
    fn a_receiver_that_falls_back_to_another_speed_is_followed_after_five_seconds() {
        let mut hunt = Hunt::new(9_600, None);
        assert_eq!(listen(&mut hunt, 9_600, 0..60), [(2, Finding::Proven(9_600))]);
        assert_eq!(listen(&mut hunt, 38_400, 60..70)[0], (65, Finding::Switch(38_400)));
    }

    const BARE_RMC: &[u8] = b"$GPRMC,120000,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W\r\n";

    #[test]
    fn a_receiver_without_checksums_is_found_at_its_speed() {
        for (epochs, step) in [(60, 1), (90, 10)] {
            let mut hunt = Hunt::new(9_600, None);
            let told: Vec<_, 64> = speak(&mut hunt, 4_800, (0..epochs).step_by(step), BARE_RMC)
                .iter()
                .map(|(_, finding)| *finding)
                .collect();
            assert_eq!(told.last(), Some(&Finding::Proven(4_800)), "every {step} s: {told:?}");
            assert_eq!(told.iter().filter(|finding| matches!(finding, Finding::Proven(_))).count(), 1);
        }
    }

    /// The bits of a line without checksums at `real` bit/s, as a port at `set` bit/s takes them for bytes.
    fn misheard(text: &[u8], real: u32, set: u32) -> std::vec::Vec<u8> {
        let bits: std::vec::Vec<bool> = text
            .iter()
            .flat_map(|byte| [false].into_iter().chain((0..8).map(move |bit| byte >> bit & 1 == 1)).chain([true, true]))
            .collect();
        // The middle of the `index`th bit of the port after the edge at `edge`, in bits of the receiver; an idle line is high.
        let half = |edge: usize, index: u32| edge + ((2 * index + 1) * real / (2 * set)) as usize;
        let (mut bytes, mut edge) = (std::vec::Vec::new(), 0);
        while let Some(start) = bits.iter().skip(edge).position(|bit| !bit) {
            let begin = edge + start;
            let level = |index| bits.get(half(begin, index)).copied().unwrap_or(true);
            bytes.push((0..8).fold(0, |byte, bit| byte | u8::from(level(bit + 1)) << bit));
            edge = half(begin, 9).max(begin + 1);
        }
        bytes
    }

    #[test]
    fn what_is_misheard_at_another_speed_proves_none() {
        let text = [BARE_RMC, UNCHECKED].concat();
        assert_eq!(misheard(&text, 9_600, 9_600), text);
        for real in SPEEDS {
            for set in SPEEDS.into_iter().filter(|set| *set != real) {
                let noise = misheard(&text.repeat(20), real, set);
                let mut hunt = Hunt::new(set, None);
                for (second, read) in noise.chunks(200).enumerate() {
                    hunt.speed = set;
                    let told = hunt.heard(Mono(second as u64 * 1_000), read);
                    assert!(!matches!(told, Some(Finding::Proven(_))), "{real} heard at {set}");
                }
                assert_eq!(hunt.framer.plain(), 0, "{real} heard at {set}");
            }
        }
    }

    #[test]
    fn noise_proves_no_speed() {
        // Any bytes, and such as sentences are made of.
        let alphabets: [&[u8]; 2] = [&[], b"$GPRMCGLA,,,,.0123456789\r\n"];
        for (seed, alphabet) in (1_u64..).zip(alphabets) {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut next = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                (random >> 32) as usize
            };
            let mut hunt = Hunt::new(9_600, Some(4_800));
            let mut speeds = std::collections::BTreeSet::new();
            for second in 0..2_000 {
                let byte =
                    |at: usize| if alphabet.is_empty() { at.to_le_bytes()[0] } else { alphabet[at % alphabet.len()] };
                let noise: std::vec::Vec<u8> = (0..480).map(|_| byte(next())).collect();
                let told = hunt.heard(Mono(second * 1_000), &noise);
                assert!(!matches!(told, Some(Finding::Proven(_))), "{alphabet:?} after {second} s");
                speeds.insert(hunt.speed());
            }
            assert!(alphabet.len() > 1 || speeds.len() == SPEEDS.len(), "{speeds:?}");
        }
    }

    #[test]
    fn a_scan_that_finds_nothing_comes_back_to_the_speed_that_was_proven() {
        let mut hunt = Hunt::new(9_600, None);
        let found = listen(&mut hunt, 115_200, 0..60);
        assert_eq!(found.last().map(|(_, finding)| *finding), Some(Finding::Proven(115_200)));
        // Nobody is to be understood for as long as a whole scan takes.
        let storm = listen(&mut hunt, 1, 60..115);
        assert_eq!((storm.len(), storm.last().map(|(_, finding)| *finding)), (6, Some(Finding::Switch(115_200))));
        assert_eq!(listen(&mut hunt, 115_200, 115..118).last().map(|(_, f)| *f), Some(Finding::Proven(115_200)));
    }
}
