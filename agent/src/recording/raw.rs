//! A raw NMEA file as a recording: there are no arrival times, so each line arrives when it says that it was measured.

use crate::gnss::time_of_day;
use crate::time::Mono;
use geofence::Span;

const DAY: Span = Span::seconds(86_400);
/// Bytes that one input may hold.
const CHUNK_MAX: usize = 512;

/// Cuts the bytes of a file into the chunks that are fed one after the other: at line ends, and before
/// 512 bytes. Lines beginning with `#` before the first sentence are a header of gpsd's logs and left out.
pub fn chunks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = skip_header(bytes);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let line = rest.iter().take(CHUNK_MAX).position(|&b| b == b'\n').map_or(CHUNK_MAX, |at| at + 1);
        let (chunk, after) = rest.split_at_checked(line).unwrap_or((rest, &[]));
        rest = after;
        Some(chunk)
    })
}

/// Gives the chunks of a raw file their arrival times.
#[derive(Debug, Default)]
pub struct Arrival {
    time_of_day: Option<Span>,
    now: Mono,
}

impl Arrival {
    /// When `chunk` arrived. A time of day that goes back, by up to half a day, does not turn the clock back.
    pub fn of(&mut self, chunk: &[u8]) -> Mono {
        if let Some(time) = time_of_day(chunk) {
            let before = self.time_of_day.replace(time).unwrap_or(time);
            let passed = Span((time.0 - before.0).rem_euclid(DAY.0));
            if passed.0 < DAY.0 / 2 {
                self.now = self.now.plus(passed);
            }
        }
        self.now
    }

    /// When the last chunk arrived.
    #[must_use]
    pub fn now(&self) -> Mono {
        self.now
    }
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

    #[test]
    fn a_header_is_left_out_and_lines_stay_whole() {
        let file = b"# Name: x\n#\n$A\r\n$B\n#no header";
        let cut: Vec<_> = chunks(file).collect();
        assert_eq!(cut, [&b"$A\r\n"[..], b"$B\n", b"#no header"]);
    }

    #[test]
    fn lines_arrive_when_they_were_measured_and_midnight_is_no_step_back() {
        let mut arrival = Arrival::default();
        let lines = ["$GPGLL,,,,,235958,V*06", "no sentence", "$GPGLL,,,,,000003,V*05", "$GPGLL,,,,,000001,V*07"];
        let arrived: Vec<_> = lines.iter().map(|line| arrival.of(line.as_bytes()).0).collect();
        assert_eq!(arrived, [0, 0, 5_000, 5_000]);
    }

    #[test]
    fn endless_lines_are_cut_and_nothing_is_lost() {
        let file = vec![b'x'; 2_000];
        assert_eq!(chunks(&file).map(<[u8]>::len).collect::<Vec<_>>(), [512, 512, 512, 464]);
    }
}
