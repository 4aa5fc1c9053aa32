//! How is the shift told while it runs?
//!
//! A line for each event as it lands, and the progress of the shift: a bar that is redrawn where somebody watches, a plain line
//! every ten percent where the output goes to a file.

use std::io::{self, Write};

use super::local_clock::LocalClock;
use crate::event::{Claim, Event};
use crate::verdict::Landed;

const BAR_CELLS: usize = 40;

/// Tells the shift to one output.
pub(super) struct Narrator<'a> {
    out: &'a mut dyn Write,
    terminal: bool,
    told_tenths: usize,
    /// The bar as it stands there; none when something else was written over it.
    bar: Option<String>,
    pub(super) clock: LocalClock,
}

impl<'a> Narrator<'a> {
    pub(super) fn new(out: &'a mut dyn Write, terminal: bool, clock: LocalClock) -> Self {
        Self { out, terminal, told_tenths: 0, bar: None, clock }
    }

    /// A line of its own, above the bar.
    pub(super) fn say(&mut self, line: &str) -> io::Result<()> {
        if self.bar.take().is_some() {
            write!(self.out, "\r\x1b[2K")?;
        }
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// The event that just landed.
    pub(super) fn event(&mut self, landed: &Landed, names: &dyn Fn(&str) -> String) -> io::Result<()> {
        let line = match &landed.event.claim {
            Some(claim) => self.visit(landed, claim, &names(&claim.facility)),
            None => self.device(landed),
        };
        self.say(&line)
    }

    /// How much of the shift is driven, from 0 to 1.
    pub(super) fn progress(&mut self, share: f64, driven_s: f64, link: &str) -> io::Result<()> {
        let percent = count(share * 100.0);
        if self.terminal {
            let full = count(share * f64::from(u8::try_from(BAR_CELLS).unwrap_or(0))).min(BAR_CELLS);
            let bar = format!("{}{}", "\u{2588}".repeat(full), "\u{2591}".repeat(BAR_CELLS - full));
            let line = format!("{}  {bar} {percent:3} %  {link}", self.clock.minute(driven_s));
            if self.bar.as_ref() == Some(&line) {
                return Ok(());
            }
            write!(self.out, "\r\x1b[2K{line}")?;
            self.bar = Some(line);
            return self.out.flush();
        }
        if percent / 10 > self.told_tenths {
            self.told_tenths = percent / 10;
            writeln!(self.out, "{}  {} % of the shift", self.clock.time(driven_s), percent / 10 * 10)?;
        }
        Ok(())
    }

    fn visit(&self, landed: &Landed, claim: &Claim, name: &str) -> String {
        let start = self.clock.clone();
        let at_s = landed.at_s - landed.delay_s();
        format!(
            "{}  {name:<22} {:<16} {}  {:<15} {:<12} after {:5.1} s  {}",
            start.time(landed.at_s),
            what(&landed.event, claim),
            start.tenths(at_s),
            interval(claim),
            claim.method,
            landed.delay_s(),
            claim.status,
        )
    }

    fn device(&self, landed: &Landed) -> String {
        let Landed { at_s, event, .. } = landed;
        format!("{}  {:<22} {}", self.clock.time(*at_s), event.kind, self.clock.tenths(at_s - landed.delay_s()))
    }
}

/// Full units of a share between 0 and some hundreds.
fn count(share: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
    let whole = share.clamp(0.0, 1_000.0) as usize;
    whole
}

fn what(event: &Event, claim: &Claim) -> String {
    match event.kind.strip_prefix("visit.") {
        Some("phase") => format!("{} {}", claim.zone, claim.phase),
        Some(word) => word.to_owned(),
        None => event.kind.clone(),
    }
}

/// `-1.2 +0.8 s` around the stamp.
fn interval(claim: &Claim) -> String {
    let seconds = |ms: i64| f64::from(i32::try_from(ms).unwrap_or(i32::MAX)) / 1_000.0;
    let later = seconds(claim.hi_ms - claim.at_ms);
    match claim.lo_ms {
        Some(lo_ms) => format!("-{:.1} +{later:.1} s", seconds(claim.at_ms - lo_ms)),
        None => format!("open +{later:.1} s"),
    }
}
