//! How is a rehearsal told while it runs?
//!
//! A line that is redrawn where somebody watches, a plain line every ten percent where the output goes to a file.

use std::io::{self, Write};
use std::time::Duration;

/// How things stand.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Trucks under way.
    pub trucks: usize,
    /// Seconds of the drive that have passed, and all of them.
    pub driven_s: (f64, f64),
    /// Events that dispatch has.
    pub events: u64,
    /// Kills so far.
    pub kills: u64,
    /// Until the end of the drive, by the speed.
    pub left: Duration,
}

/// Tells one output.
pub struct Progress<'a> {
    out: &'a mut dyn Write,
    terminal: bool,
    told_tenths: u32,
    drawn: bool,
}

impl<'a> Progress<'a> {
    /// Redraws its line if `terminal`.
    pub fn new(out: &'a mut dyn Write, terminal: bool) -> Self {
        Self { out, terminal, told_tenths: 0, drawn: false }
    }

    /// A line of its own.
    ///
    /// # Errors
    /// As the output has them.
    pub fn say(&mut self, line: &str) -> io::Result<()> {
        if std::mem::take(&mut self.drawn) {
            write!(self.out, "\r\x1b[2K")?;
        }
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// How things stand now.
    ///
    /// # Errors
    /// As the output has them.
    pub fn show(&mut self, standing: &Standing) -> io::Result<()> {
        let (driven_s, all_s) = standing.driven_s;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10")]
        let tenths = (driven_s / all_s * 10.0).clamp(0.0, 10.0) as u32;
        let line = line(standing);
        if self.terminal {
            write!(self.out, "\r\x1b[2K{line}")?;
            self.drawn = true;
            return self.out.flush();
        }
        if tenths > self.told_tenths {
            self.told_tenths = tenths;
            return self.say(&line);
        }
        Ok(())
    }
}

fn line(standing: &Standing) -> String {
    let Standing { trucks, driven_s: (driven_s, all_s), events, kills, left } = standing;
    let left_s = left.as_secs();
    format!(
        "{trucks} trucks  {} of {} h driven  {events} events at dispatch  {kills} kills  {}:{:02} min to go",
        clock(*driven_s),
        clock(*all_s),
        left_s / 60,
        left_s % 60
    )
}

/// `7:05`, hours and minutes.
fn clock(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a day at most")]
    let minutes = (seconds.max(0.0) / 60.0) as u32;
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_a_line_every_tenth_and_no_control_characters() {
        let mut out = Vec::new();
        let mut progress = Progress::new(&mut out, false);
        for step in 0..=100 {
            let driven_s = (f64::from(step) * 36.0, 3_600.0);
            let left = Duration::from_secs(75);
            progress.show(&Standing { trucks: 20, driven_s, events: 5, kills: 3, left }).expect("memory");
        }
        let told = String::from_utf8(out).expect("ASCII");
        assert_eq!(told.lines().count(), 10);
        assert!(
            told.starts_with("20 trucks  0:06 of 1:00 h driven  5 events at dispatch  3 kills  1:15 min to go\n"),
            "{told}"
        );
    }
}
