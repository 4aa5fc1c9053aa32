//! `gatestamp replay`: a recording through the same engine as in the truck, as fast as it goes.

mod coverage;
mod kept;

use super::say::note;
use super::{Failure, configuration, exit};
use crate::config::{FloorChoice, Truck};
use crate::engine::{Boot, Effect, Effects, Engine, Input, Notices};
use crate::event::centimetres;
use crate::facility::Facilities;
use crate::gnss::{Checksums, GnssFix, Rejected};
use crate::io::facilities;
use crate::io::recordings::{self, RecordingFile};
use crate::outbox::Outbox;
use crate::recording::{End, Recorded, Segment, raw};
use crate::time::{Mono, Utc, parse_rfc3339};
use clap::{Args, ValueEnum};
use geofence::{Fences, Mode, UnixMillis};
use kept::Kept;
use serde::Serialize;
use std::io::{BufWriter, ErrorKind, StdoutLock, Write};
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Arguments {
    /// The configuration of the truck; without it truck and fleet come from the recording
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The facility file; without it the one of the configuration, without both none
    #[arg(long, value_name = "FILE")]
    facilities: Option<PathBuf>,
    /// Keep the events in a journal in this directory, which is made, and go on from it the next time. Never a gateway's own state
    /// directory: what is replayed would be written into its history
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// What to print, one JSON object a line
    #[arg(long, value_enum, default_value_t = Output::Events)]
    output: Output,
    /// With `--output coverage`: also the availability from this time on, such as 2026-11-22T14:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<UnixMillis>,
    /// With `--output coverage`: also the availability up to this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<UnixMillis>,
    /// Raw NMEA, segments of a recording or a folder of them; `-` is stdin; zstd-compressed files are read as they are
    #[arg(required = true, value_name = "RECORDING")]
    recordings: Vec<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Events, the same bytes as in the journal and on the wire
    Events,
    /// One line per accepted fix
    Fixes,
    /// The gap ledger: every stretch of time with its cause, the availability during each visit and the trip, and a summary
    Coverage,
}

#[derive(Serialize)]
struct FixLine {
    time: Utc,
    lat: f64,
    lon: f64,
    mode: Mode,
    sigma_m: f64,
    speed_mps: Option<f64>,
    track_deg: Option<f64>,
    sats: Option<u32>,
    hdop: Option<f64>,
}

fn time(text: &str) -> Result<UnixMillis, String> {
    parse_rfc3339(text).ok_or_else(|| "write it as 2026-11-22T14:00:00Z".to_owned())
}

pub(super) fn replay(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.output != Output::Coverage && (arguments.from.is_some() || arguments.to.is_some()) {
        let why = "--from and --to name the window of an availability\n    remedy: use them with --output coverage";
        return Err(Failure(exit::USAGE, why.to_owned()));
    }
    if let (Some(from), Some(to)) = (arguments.from, arguments.to)
        && from >= to
    {
        let why = "--from is not before --to, so there is no window between them\n    remedy: exchange them, or name a later --to";
        return Err(Failure(exit::USAGE, why.to_owned()));
    }
    let config = arguments.config.as_deref().map(configuration).transpose().map_err(|f| Failure::faults(&f))?;
    let path = arguments.facilities.clone().or_else(|| config.as_ref().map(|c| c.facilities.clone()));
    let facilities = path.map(|path| facilities::load(&path)).transpose().map_err(|f| Failure::faults(&f))?;
    let sources = recordings::open(&arguments.recordings).map_err(|why| Failure(exit::IO, why))?;
    let floor = config.as_ref().map_or(FloorChoice::Default, |c| c.date_floor);
    let checksums = config.as_ref().map_or(Checksums::Auto, |c| c.checksums);
    let truck = config.map(|c| c.truck).or_else(|| sources.iter().find_map(RecordingFile::truck));
    let truck = truck.unwrap_or_else(|| Truck { fleet: "local".to_owned(), id: "truck".to_owned() });
    let mut replay = Replay::new(truck, facilities.unwrap_or_default(), arguments)?;
    replay.base = recordings::base(&sources);
    replay.checksums = checksums;
    let done = sources.iter().try_for_each(|source| replay.source(source, floor)).and_then(|()| replay.finish());
    match done {
        // Whoever reads has enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            let remedy = "make room, or name another place for the output";
            Err(Failure(exit::IO, format!("writing failed: {error}\n    remedy: {remedy}")))
        }
        Ok(()) => replay.judge(),
    }
}

struct Replay {
    engine: Engine,
    output: Output,
    kept: Option<Kept>,
    book: coverage::Book,
    /// The window of the arguments.
    asked: Option<(Option<UnixMillis>, Option<UnixMillis>)>,
    out: BufWriter<StdoutLock<'static>>,
    /// The raw stream that is being read.
    raw: Option<raw::Arrival>,
    stopped: bool,
    /// A segment was not what had been written.
    damaged: bool,
    /// Above which sequences are counted in the end: events are printed as the journal has them.
    base: u64,
    /// For raw streams.
    checksums: Checksums,
}

impl Replay {
    fn new(truck: Truck, facilities: Facilities, arguments: &Arguments) -> Result<Self, Failure> {
        let kept = arguments.state.as_deref().map(kept::open).transpose()?;
        let (kept, state) = kept.map_or_else(Default::default, |(kept, state)| (Some(kept), state));
        let outbox = Outbox::new(true, 0, 1, state.sequence());
        let notices = Notices::new(crate::config::Profile::Frugal);
        Ok(Self {
            engine: Engine::new(truck, facilities, state, outbox, notices),
            output: arguments.output,
            kept,
            book: coverage::Book::default(),
            asked: (arguments.from.is_some() || arguments.to.is_some()).then_some((arguments.from, arguments.to)),
            out: BufWriter::new(std::io::stdout().lock()),
            raw: None,
            stopped: true,
            damaged: false,
            base: 0,
            checksums: Checksums::Auto,
        })
    }

    fn source(&mut self, source: &RecordingFile, floor: FloorChoice) -> std::io::Result<()> {
        match source {
            RecordingFile::Unusable(why) => {
                self.damaged = true;
                note(why);
                Ok(())
            }
            RecordingFile::Raw(bytes) => self.raw(bytes, floor),
            RecordingFile::Segment { name, bytes, .. } => {
                self.end_raw()?;
                let Ok(segment) = Segment::open(bytes) else { return Ok(()) };
                self.segment(name, segment)
            }
        }
    }

    fn raw(&mut self, bytes: &[u8], floor: FloorChoice) -> std::io::Result<()> {
        if self.raw.is_none() {
            self.raw = Some(raw::Arrival::default());
            let boot = Boot {
                // Monotonic times of one replay do not compare with those of an earlier one into the same state.
                kernel_boot: format!("replay-{}", self.engine.boot_id()),
                system_utc: None,
                date_floor: floor.replay(),
                checksums: self.checksums,
                why: vec!["replay".to_owned()],
            };
            self.recorded(&Recorded::Boot(Mono(0), boot))?;
        }
        let mut arrival = self.raw.take().unwrap_or_default();
        for (at, chunk) in arrival.chunks(bytes) {
            self.recorded(&Recorded::Bytes(at, chunk.to_vec()))?;
        }
        self.raw = Some(arrival);
        Ok(())
    }

    fn end_raw(&mut self) -> std::io::Result<()> {
        if let Some(arrival) = self.raw.take() {
            self.recorded(&Recorded::Stop(arrival.now()))?;
        }
        Ok(())
    }

    fn segment<R: std::io::Read>(&mut self, name: &str, mut segment: Segment<R>) -> std::io::Result<()> {
        let head = segment.head();
        if head.facilities == self.engine.facilities().revision() {
            let truck = self.engine.truck();
            if head.fleet == truck.fleet && head.truck == truck.id && self.kept.is_none() {
                self.note_hole(name, head.state.sequence().saturating_sub(head.state.base()));
                self.engine.resume(head.state.clone());
            }
        } else if self.output == Output::Events {
            let why = if self.engine.facilities().is_empty() {
                "no facilities are given, so there are no visits: name them by --config or --facilities"
            } else {
                "recorded with other facilities; these events are what would have been"
            };
            note(&format!("{name}: {why}"));
        }
        for recorded in segment.by_ref() {
            self.recorded(&recorded)?;
        }
        match segment.end() {
            End::Open | End::Sealed => {}
            End::Torn => {
                note(&format!(
                    "{name}: ends in records that were never sealed, as after a kill or a power cut; they are left out"
                ));
            }
            End::Damaged => {
                self.damaged = true;
                note(&format!("{name}: is damaged; what stands after the damage is left out"));
            }
        }
        Ok(())
    }

    /// A segment that begins with more events than were derived follows on a hole.
    fn note_hole(&self, name: &str, sequence: u64) {
        let state = self.engine.state();
        let derived = state.sequence().saturating_sub(state.base());
        if self.output == Output::Events && derived > 0 && sequence > derived {
            let (first, sequence) = (self.base + derived + 1, self.base + sequence);
            note(&format!(
                "{name}: events {first} to {sequence} were decided while the recording could not be written, or their part of \
                 it is gone; they are in the journal only"
            ));
        }
    }

    fn recorded(&mut self, recorded: &Recorded) -> std::io::Result<()> {
        self.stopped = matches!(recorded, Recorded::Stop(_));
        let effects = self.engine.handle(&Input::Recorded(recorded));
        self.perform(effects)
    }

    fn perform(&mut self, effects: Effects) -> std::io::Result<()> {
        for effect in effects {
            match effect {
                Effect::Save(events) => {
                    if let Some(Kept { journal, .. }) = &mut self.kept {
                        let state = serde_json::to_vec(self.engine.state()).unwrap_or_default();
                        journal.number_above(self.engine.state().base());
                        let saved = journal.save(&events, &state, kept::NOWHERE);
                        saved.map_err(std::io::Error::other)?;
                    }
                    if self.output == Output::Coverage {
                        events.iter().for_each(|event| self.book.event(event));
                    }
                    if self.output == Output::Events {
                        let by = self.base.saturating_sub(self.engine.state().base());
                        for mut event in events {
                            if by > 0 {
                                event.renumber(by);
                            }
                            self.out.write_all(&event.body)?;
                            self.out.write_all(b"\n")?;
                        }
                    }
                }
                Effect::Fixed(fix) if self.output == Output::Fixes => self.line(&fix_line(&fix))?,
                Effect::Covered(interval) if self.output == Output::Coverage => {
                    let line = self.book.interval(interval);
                    self.line(&line)?;
                }
                Effect::Record
                | Effect::SaveReceived(_)
                | Effect::Send(_)
                | Effect::State(_)
                | Effect::Position(_)
                | Effect::Fixed(_)
                | Effect::Covered(_) => {}
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        self.end_raw()?;
        if self.output == Output::Coverage {
            self.end_coverage()?;
        }
        self.out.flush()
    }

    fn end_coverage(&mut self) -> std::io::Result<()> {
        let open = self.engine.coverage().open().filter(|open| !self.stopped && open.from < open.to);
        if let Some(open) = open {
            let line = self.book.interval(open);
            self.line(&line)?;
        }
        for window in self.book.windows(self.asked) {
            self.line(&window)?;
        }
        self.line(&self.book.summary(&self.engine.coverage().summary()))
    }

    /// What a person should know who sees less than was expected.
    fn judge(&self) -> Result<(), Failure> {
        let counts = self.engine.state().counts();
        let undated = counts.rejected.contains_key(&Rejected::NoDate);
        if counts.sentences == 0 {
            // No failure: a truck's first hour may be silent.
            note(&format!(
                "no NMEA in it: not one sentence with a good checksum in {} bytes\n    remedy: name what a receiver sent, or the folder \
                 `recording` of a state directory",
                counts.bytes
            ));
        } else if counts.fixes == 0 || undated {
            let rejected: Vec<String> = counts.rejected.iter().map(|(why, n)| format!("{} {n}", why.word())).collect();
            let not_used = if rejected.is_empty() { "nothing".to_owned() } else { rejected.join(", ") };
            note(&format!(
                "{} fixes from {} sentences in {} bytes; not used: {not_used}",
                counts.fixes, counts.sentences, counts.bytes
            ));
        }
        if self.damaged {
            let why = "a segment of the recording is damaged\n    remedy: take it from a copy; the other segments were replayed";
            return Err(Failure(exit::IO, why.to_owned()));
        }
        Ok(())
    }

    fn line(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
}

fn fix_line(fix: &GnssFix) -> FixLine {
    FixLine {
        time: Utc(fix.fix.time),
        lat: fix.fix.position.lat(),
        lon: fix.fix.position.lon(),
        mode: fix.fix.mode,
        sigma_m: centimetres(fix.fix.sigma_m),
        speed_mps: fix.fix.speed_mps.map(|v| (v * 1_000.0).round() / 1_000.0),
        track_deg: fix.fix.track_deg.map(centimetres),
        sats: fix.sats,
        hdop: fix.hdop.map(centimetres),
    }
}
