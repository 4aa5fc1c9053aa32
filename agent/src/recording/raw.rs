//! A raw NMEA file as a recording: there are no arrival times, so each line arrives when it says that it was measured.

use crate::gnss::{LineTime, line_time};
use crate::time::Mono;
use geofence::{Span, UnixMillis};

const DAY: Span = Span::seconds(86_400);
/// Bytes that one input may hold.
const CHUNK_MAX: usize = 512;
/// More than this from one line to the next, or less than nothing, is a hole in the file; the date may know better how long it is.
const HOLE: Span = Span::seconds(60);
/// A date farther ahead is that of another era, or of a receiver that did not know it yet; no truck's recordings lie so far apart.
const HOLE_MAX: Span = Span::seconds(400 * 86_400);
/// After a hole the date is looked for in so many bytes: some epochs, even with the satellites of five systems.
const AHEAD_MAX: usize = 8_192;

/// Gives the chunks of raw files their arrival times.
#[derive(Debug, Default)]
pub struct Arrival {
    time_of_day: Option<Span>,
    /// The date and time of the newest line, where one had a date.
    instant: Option<UnixMillis>,
    /// The same as it was before dates went elsewhere: they may come back.
    displaced: Option<UnixMillis>,
    now: Mono,
}

impl Arrival {
    /// Cuts the bytes of a file into the chunks that are fed one after the other, at line ends and before 512 bytes, each with its
    /// arrival. Lines beginning with `#` before the first sentence are a header of gpsd's logs and left out.
    pub fn chunks<'a>(&'a mut self, bytes: &'a [u8]) -> impl Iterator<Item = (Mono, &'a [u8])> {
        let mut rest = skip_header(bytes);
        std::iter::from_fn(move || {
            let (chunk, after) = cut(rest)?;
            rest = after;
            Some((self.of(chunk, after), chunk))
        })
    }

    /// When `chunk` arrived; `after` it comes this. A time of day that goes back, by up to half a day, does not turn the clock back,
    /// unless the dates say that it was days; one that the next line does not go on from says nothing.
    fn of(&mut self, chunk: &[u8], after: &[u8]) -> Mono {
        let Some(said) = line_time(chunk) else { return self.now };
        let before = self.time_of_day.unwrap_or(said.time_of_day);
        let passed = later(before, said.time_of_day);
        // The lines of one instant arrive together: those before the one with the date lie behind the hole too.
        let is_new = self.time_of_day != Some(said.time_of_day);
        let dated = said.instant().or_else(|| if is_new { dated_beside(said.time_of_day, after) } else { None });
        let back = later(said.time_of_day, before);
        let leaps = passed > HOLE && back > HOLE;
        // A line of the instant before, among those of this one; unless its date is later.
        let may_be_late =
            (Span(1)..=HOLE).contains(&back) && dated.zip(self.instant).is_none_or(|(dated, instant)| dated <= instant);
        if (leaps || may_be_late) && !goes_on(before, said.time_of_day, after) {
            self.instant = self.instant.or(dated.filter(|_| may_be_late).map(|dated| dated + back));
            return self.now;
        }
        self.time_of_day = Some(said.time_of_day);
        let same_day = Span(if passed.0 < DAY.0 / 2 { passed.0 } else { 0 });
        let reckoned = self.instant.map(|instant| instant + same_day);
        let differ = |(dated, reckoned): (UnixMillis, UnixMillis)| (dated - reckoned).0.abs() > HOLE.0;
        let hole = passed > HOLE || dated.zip(reckoned).is_some_and(differ);
        let date = if hole { date_after(said, after) } else { None };
        let by_date = date.zip(self.instant).map(|(date, instant)| date - instant);
        let displaced = self.displaced.map(|instant| instant + same_day);
        let returns = date.zip(displaced).is_some_and(|(date, instant)| (date - instant).0.abs() <= HOLE.0);
        let is_hole = |passed: &Span| (Span(0)..=HOLE_MAX).contains(passed) && !returns;
        let passed = by_date.filter(is_hole).unwrap_or(same_day);
        self.now = self.now.plus(passed);
        // What others go on from is right, and what was before it was not: a clock that was wrong for some epochs is behind or far ahead.
        let was_wrong = by_date.is_some_and(|passed| !is_hole(&passed));
        self.displaced = match (returns, was_wrong) {
            (true, _) => None,
            (false, true) => self.instant.map(|instant| instant + same_day),
            (false, false) => self.displaced.map(|instant| instant + passed),
        };
        self.instant = date.filter(|_| was_wrong).or(self.instant.map(|instant| instant + passed)).or(dated);
        self.now
    }

    /// When the last chunk arrived.
    #[must_use]
    pub fn now(&self) -> Mono {
        self.now
    }
}

/// How much later in the day `then` is, or in the next one.
fn later(from: Span, then: Span) -> Span {
    Span((then.0 - from.0).rem_euclid(DAY.0))
}

/// Whether what comes `after` a line of this time of day goes on from it. A damaged one is followed by the time that goes on from
/// `before`.
fn goes_on(before: Span, time_of_day: Span, after: &[u8]) -> bool {
    let mut after = after.get(..AHEAD_MAX).unwrap_or(after);
    while let Some((chunk, rest)) = cut(after) {
        after = rest;
        if let Some(next) = line_time(chunk).filter(|next| next.time_of_day != time_of_day) {
            return later(before, next.time_of_day) > later(before, time_of_day);
        }
    }
    false
}

/// The date that the lines of this instant which follow give it.
fn dated_beside(time_of_day: Span, after: &[u8]) -> Option<UnixMillis> {
    let mut after = after.get(..AHEAD_MAX).unwrap_or(after);
    while let Some((chunk, rest)) = cut(after) {
        after = rest;
        match line_time(chunk) {
            Some(next) if next.time_of_day != time_of_day => return None,
            Some(next) if next.midnight.is_some() => return next.instant(),
            Some(_) | None => {}
        }
    }
    None
}

/// The date and time of a line: its own, or reckoned back from the first date that follows within a minute. One date alone may be damaged; a
/// later line has to go on from it.
fn date_after(said: LineTime, mut after: &[u8]) -> Option<UnixMillis> {
    after = after.get(..AHEAD_MAX).unwrap_or(after);
    let mut dated = said.instant().map(|own| (own, own));
    while let Some((chunk, rest)) = cut(after) {
        after = rest;
        let Some((LineTime { time_of_day, .. }, next)) =
            line_time(chunk).and_then(|line| Some((line, line.instant()?)))
        else {
            continue;
        };
        match dated {
            None => {
                let until = later(said.time_of_day, time_of_day);
                if until > HOLE {
                    return None;
                }
                dated = Some((UnixMillis(next.0 - until.0), next));
            }
            Some((dated, on)) if next > on => return (next - on <= HOLE).then_some(dated),
            Some(_) => {}
        }
    }
    None
}

/// The first chunk, and what comes after it.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = bytes.iter().take(CHUNK_MAX).position(|&b| b == b'\n').map_or(CHUNK_MAX, |at| at + 1);
    (!bytes.is_empty()).then(|| bytes.split_at_checked(line).unwrap_or((bytes, &[])))
}

fn skip_header(mut bytes: &[u8]) -> &[u8] {
    while bytes.first() == Some(&b'#') {
        let end = bytes.iter().position(|&b| b == b'\n').map_or(bytes.len(), |at| at + 1);
        bytes = bytes.get(end..).unwrap_or(&[]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(file: &[u8]) -> Vec<(u64, &[u8])> {
        let mut rest = skip_header(file);
        let mut arrival = Arrival::default();
        let mut chunks = Vec::new();
        while let Some((chunk, after)) = cut(rest) {
            rest = after;
            chunks.push((arrival.of(chunk, after).0, chunk));
        }
        chunks
    }

    fn sentence(body: &str) -> String {
        format!("${body}*{:02X}\r\n", body.bytes().fold(0, |sum, byte| sum ^ byte))
    }

    fn rmc(time: &str, date: &str) -> String {
        sentence(&format!("GPRMC,{time},A,4807.000,N,01131.000,E,0.0,0.0,{date},,,A"))
    }

    fn gga(time: &str) -> String {
        sentence(&format!("GPGGA,{time},4807.000,N,01131.000,E,1,08,0.9,500.0,M,47.0,M,,"))
    }

    /// The arrivals in seconds.
    fn arrivals(lines: &[String]) -> Vec<u64> {
        chunks(lines.concat().as_bytes()).iter().map(|(at, _)| at / 1_000).collect()
    }

    #[test]
    fn a_header_is_left_out_and_lines_stay_whole() {
        let file = b"# Name: x\n#\n$A\r\n$B\n#no header";
        let cut: Vec<_> = chunks(file).into_iter().map(|(_, chunk)| chunk).collect();
        assert_eq!(cut, [&b"$A\r\n"[..], b"$B\n", b"#no header"]);
    }

    #[test]
    fn lines_arrive_when_they_were_measured_and_midnight_is_no_step_back() {
        let lines = b"$GPGLL,,,,,235958,V*06\nno sentence\n$GPGLL,,,,,000003,V*05\n$GPGLL,,,,,000001,V*07";
        assert_eq!(chunks(lines).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 0, 5_000, 5_000]);
    }

    #[test]
    fn a_hole_is_as_long_as_the_dates_say_from_the_first_line_after_it() {
        let first = [rmc("180000", "221126"), gga("180000")];
        let day = 86_400;
        for (date, time, next, passed) in [
            ("231126", "060000", "060001", day / 2),
            ("231126", "200000", "200001", day + 7_200),
            ("241126", "180000", "180001", 2 * day),
            ("311226", "175959", "180000", 39 * day - 1),
        ] {
            let second = [gga(time), rmc(time, date), gga(next), rmc(next, date)];
            let arrived = arrivals(&[&first[..], &second].concat());
            // The same time of day, without a date, says nothing of the days between.
            let first = if time == "180000" { 0 } else { passed };
            assert_eq!(arrived[2..], [first, passed, passed + 1, passed + 1], "{date} {time}");
        }
    }

    #[test]
    fn a_date_that_stands_alone_or_lies_in_another_era_makes_no_hole() {
        let around = |lines: [String; 2]| {
            let before = [rmc("180000", "221126"), rmc("180001", "221126")];
            let after = [rmc("180003", "221126"), rmc("180004", "221126")];
            *arrivals(&[&before[..], &lines, &after].concat()).last().unwrap()
        };
        assert_eq!(around([rmc("180002", "231126"), gga("180002")]), 4, "damaged");
        assert_eq!(around([rmc("180002", "080407"), rmc("180002", "080407")]), 4, "an era back");
        assert_eq!(arrivals(&[rmc("180000", "080407"), rmc("180001", "221126"), rmc("180002", "221126")]), [0, 1, 2]);
        assert_eq!(arrivals(&[rmc("180000", "221126"), rmc("060000", "231126")]), [0, 0], "the last line of a file");
    }

    #[test]
    fn a_date_that_is_late_at_midnight_makes_no_hole() {
        for late in 0..6 {
            let epochs = (0..10_usize).map(|second| {
                let time = if second < 2 { format!("23595{}", 8 + second) } else { format!("00000{}", second - 2) };
                rmc(&time, if second < 2 + late { "221126" } else { "231126" })
            });
            assert_eq!(arrivals(&epochs.collect::<Vec<_>>()), (0..10).collect::<Vec<_>>(), "{late} epochs");
        }
    }

    #[test]
    fn a_time_of_day_that_nothing_goes_on_from_moves_no_clock() {
        for damaged in ["200002", "160002", "060002", "175002"] {
            let lines = ["180000", "180001", damaged, "180002", "180003"].map(gga);
            assert_eq!(arrivals(&lines), [0, 1, 1, 2, 3], "{damaged}");
            let both = [rmc("180001", "221126"), rmc(damaged, "221126"), gga(damaged), rmc("180003", "221126")];
            assert_eq!(arrivals(&both), [0, 0, 0, 2], "{damaged}");
        }
        // A recorder that writes a line every five minutes, and a receiver that is an hour back from here on.
        assert_eq!(
            arrivals(&["180000", "180500", "181000", "181500"].map(gga)),
            [0, 300, 600, 600],
            "the last stands alone"
        );
        assert_eq!(arrivals(&["180000", "170001", "170002", "170003"].map(gga)), [0, 0, 1, 2]);
    }

    #[test]
    fn a_first_date_that_was_wrong_is_left_for_one_that_others_go_on_from() {
        for wrong in ["080407", "010330", "010127"] {
            let first = [rmc("180000", wrong), rmc("180001", "221126"), rmc("180002", "221126")];
            let hole = [rmc("200002", "241126"), rmc("200003", "241126")];
            let two_days = 2 * 86_400 + 7_200;
            assert_eq!(arrivals(&[&first[..], &hole].concat()), [0, 1, 2, 2 + two_days, 3 + two_days], "{wrong}");
        }
    }

    #[test]
    fn endless_lines_are_cut_and_nothing_is_lost() {
        let file = vec![b'x'; 2_000];
        assert_eq!(chunks(&file).iter().map(|(_, chunk)| chunk.len()).collect::<Vec<_>>(), [512, 512, 512, 464]);
    }

    #[test]
    fn all_lines_of_an_instant_lie_behind_the_hole_before_it() {
        let day = 86_400;
        // Within a minute of the same time of day only the date tells that there was a hole.
        for (date, time, next, passed) in
            [("231126", "180030", "180031", day + 30), ("241126", "180100", "180101", 2 * day + 60)]
        {
            let lines = [rmc("180000", "221126"), gga(time), gga(time), rmc(time, date), gga(next), rmc(next, date)];
            assert_eq!(arrivals(&lines), [0, passed, passed, passed, passed + 1, passed + 1], "{date} {time}");
        }
        // A receiver that says the date in each third epoch only.
        let after = [
            gga("060000"),
            gga("060001"),
            rmc("060001", "241126"),
            gga("060002"),
            gga("060004"),
            rmc("060004", "241126"),
        ];
        let lines = [&[rmc("180000", "221126"), gga("180001")][..], &after].concat();
        let back = day * 3 / 2;
        assert_eq!(arrivals(&lines), [0, 1, back, back + 1, back + 1, back + 2, back + 4, back + 4]);
    }

    #[test]
    fn a_line_of_the_instant_before_makes_no_clock_run_fast() {
        let late = ["180002", "180001", "180003", "180002", "180004", "180003", "180005"].map(gga);
        assert_eq!(arrivals(&late), [0, 0, 1, 1, 2, 2, 3]);
        // The same with dates, and what comes first has none.
        let epoch = |n: usize| [gga(&format!("18000{}", n + 1)), rmc(&format!("18000{n}"), "221126")];
        let hole = [gga("060001"), rmc("060000", "241126"), gga("060002"), rmc("060001", "241126"), gga("060003")];
        let lines = [&(0..3).flat_map(epoch).collect::<Vec<_>>()[..], &hole].concat();
        let last = 86_400 * 3 / 2;
        assert_eq!(arrivals(&lines)[..6], [0, 0, 1, 1, 2, 2]);
        assert_eq!(*arrivals(&lines).last().unwrap(), last + 2);
        // A receiver that learns the leap seconds is back for good.
        assert_eq!(arrivals(&["180020", "180002", "180003", "180004"].map(gga)), [0, 0, 1, 2]);
    }

    #[test]
    fn a_date_that_others_go_on_from_is_what_later_holes_are_measured_by() {
        let wrong = [rmc("180000", "241126"), rmc("180001", "241126"), rmc("180002", "241126")];
        let right =
            [rmc("180003", "221126"), rmc("180004", "221126"), rmc("180005", "231126"), rmc("180006", "231126")];
        let day = 86_400;
        assert_eq!(arrivals(&[&wrong[..], &right].concat()), [0, 1, 2, 3, 4, day + 5, day + 6]);
    }
}
