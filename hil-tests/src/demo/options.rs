//! What can be asked of the demo?

use std::path::PathBuf;

use clap::Parser;

/// A truck's shift of about two hours, in about a minute and a half, through the real agent.
///
/// A simulated truck leaves its depot, passes a customer at 15 to 30 m without stopping, queues twelve minutes before a
/// warehouse, is loaded at its dock, drives through a tunnel to a cross-dock and comes home. Its receiver speaks NMEA on a real
/// pseudo-terminal; the real `gatestamp` binary reads it, decides, journals and delivers over MQTT to a small broker in this
/// process; a dispatcher's client commits what arrives and acknowledges it. In the middle the radio link is cut for a while.
///
/// Simulated time starts now and runs --scale times faster, in the truck and in the agent (`simulation = true`, `--time-scale`).
/// All intervals and delays below are simulated seconds: at the default scale 10 ms of this machine are about a second.
///
/// At the end every true crossing is held against its stamp. The exit code is 0 only if each crossing reached dispatch once and
/// nothing else did.
#[derive(Debug, Clone, Parser)]
#[command(name = "demo", after_help = LAST_LINE)]
pub struct Options {
    /// Names the drive: its dwell times, its distances, its noise. The same seed drives the same shift.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,

    /// How many times faster than life. Above about 150 the machine itself shows in the delays.
    #[arg(long, default_value_t = 95, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub scale: u32,

    /// Leaves everything in DIR, which must be empty or absent: gatestamp.toml, facilities.geojson, drive.nmea (each byte the
    /// receiver said), state/ (with journal.db and recording/), received.jsonl (what dispatch holds, a line an event),
    /// truth.jsonl, gatestamp.log. Then `gatestamp replay --config DIR/gatestamp.toml DIR/state/recording` gives the events again.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

const LAST_LINE: &str = "\
The last line is `DEMO ` and a JSON object:
  arrivals, departures   confirmed at dispatch, the first presence in the depot included
  missing, doubled       true crossings without an event; facts confirmed twice, ids with two contents, visits split in two
  invented               events without a true crossing
  worst_stamp_error_s    the largest distance between a stamp and its true crossing
  p99_delay_s            true crossing until dispatch has committed the first message about it, for those decided while
                         the link was up (with some ten crossings a shift this is the slowest)
  held_by_outage         crossings that were decided while the link was cut, and worst_held_s the longest that one had to wait
  covered                crossings whose interval contains the truth";
