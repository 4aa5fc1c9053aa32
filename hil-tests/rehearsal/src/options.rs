//! What can be asked of a rehearsal?

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::limits::{HOURS, SPEED_MAX, TRUCKS_MAX};

/// A fleet, from the receivers in the cabs to dispatch's database, with everything in between dying at random.
///
/// Each truck is the real agent: the daemon's own loop with its engine, journal, recording, outbox and MQTT session, many in one process
/// with simulated receivers, and up to twenty as processes of the real `gatestamp` on pseudo-terminals. They deliver through
/// links that are counted, over a real Mosquitto, to two real `gatestamp-receiver` processes over one real PostgreSQL, or to one over
/// a SQLite file.
///
/// With --chaos links are cut, stalled and deserted (the truck's end stays open and leads nowhere); trucks are killed (dropped
/// without a flush; the processes by kill -9); broker, receivers and database server are killed by kill -9; system clocks jump.
///
/// At the end everything that is owed must reach the database within two minutes, and 0.14 s for each truck. Then the trucks' journals and the true arrivals and
/// departures of the drives are held against it.
///
/// Needs mosquitto and postgresql to be installed. Without options it takes about two minutes on two cores, after the build.
#[derive(Debug, Clone, Parser)]
#[command(name = "rehearse", max_term_width = 100, after_help = LAST_LINE)]
pub struct Options {
    /// How many trucks, 1 to 2000. Each of them takes 1 to 2 MB and 13 to 17 open files of this process
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(TRUCKS_MAX)))]
    pub trucks: u32,

    /// How long they drive, in hours of theirs, 0.1 to 24; made up of whole errands of about eleven minutes
    #[arg(long, default_value_t = 1.0, value_parser = hours, allow_negative_numbers = true)]
    pub hours: f64,

    /// How many times faster than life, 1 to 600. Two cores carry 20 trucks at 60, and 1000 at 4 to 6; the last line says by how much
    /// the machine was behind (`behind_s`, seconds of the trucks), and where that is more than some seconds the speed was too high for it
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=i64::from(SPEED_MAX)))]
    pub speed: u32,

    /// What dispatch keeps events in: `postgres` with two receivers that share it, or `sqlite` with its one receiver, whose kills are the
    /// database's too
    #[arg(long, value_enum, default_value_t = Kind::Postgres)]
    pub database: Kind,

    /// Kills, link faults and clock jumps
    #[arg(long)]
    pub chaos: bool,

    /// Names the drives and the plan of faults
    #[arg(long, default_value_t = 7)]
    pub seed: u64,

    /// Where the trucks' and the database's files lie, in a folder of the run's own that goes away with it; the system's temporary
    /// folder unless given. One in memory, such as /dev/shm, is faster: nothing here is a power cut
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// Leaves these files there to look into, and says where
    #[arg(long)]
    pub keep: bool,
}

/// One of dispatch's two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A server.
    Postgres,
    /// A file.
    Sqlite,
}

impl Kind {
    /// The word on the command line and in the last line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }

    /// So many receivers share the fleet: over a file there is one.
    #[must_use]
    pub fn receivers(self) -> usize {
        match self {
            Self::Postgres => 2,
            Self::Sqlite => 1,
        }
    }
}

impl Options {
    /// Reads the words of the command line. The alias `cargo rehearse` ends in `--`, and people write `cargo rehearse -- --trucks 5` as
    /// after any other command of cargo's; the second one of these is none of ours.
    #[must_use]
    pub fn of_command_line(words: impl Iterator<Item = OsString>) -> Self {
        let own = words.enumerate().filter(|(place, word)| *place != 1 || word != "--").map(|(_, word)| word);
        Self::parse_from(own)
    }
}

const LAST_LINE: &str = "\
The last line is `REHEARSAL ` and a JSON object:
  events                 in dispatch's database
  missing                in a journal and not there, or there with other bytes; and true
                         arrivals and departures that nothing there tells of, but for
                         stays that the agent was dead through (`unseen`)
  doubled                ids that are there twice or came with two contents; crossings
                         told twice, or that were none
  gaps                   sequences missing in the middle, there or in a journal, and not
                         declared lost
  out_of_order           revisions of one fact that do not rise with the sequence
  kills                  of in_process, process, broker, receiver, database
  latency_p50_ms ..      from the decision to the commit at dispatch, outages included, in
                         real milliseconds
  provisional_p50_ms ..  from the true crossing into a site to the commit of the first word
                         of it: until the decision as in life, then as the latencies
  bytes_per_truck_month  both ways on the wire, without TLS and the headers of TCP and IP,
                         for 30 days of driving
  database, seed, trucks, hours, speed, links, clock_jumps, crossings, unseen, behind_s, faults
The exit code is 1 if missing, doubled, gaps, out_of_order or faults are not 0, and 2 if it
could not be run.";

fn hours(text: &str) -> Result<f64, String> {
    let hours: f64 = text.parse().map_err(|_| format!("`{text}` is not a number of hours"))?;
    if HOURS.contains(&hours) {
        return Ok(hours);
    }
    Err(format!("{text} is not within {} to {} hours", HOURS.start(), HOURS.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::try_parse_from([&["rehearse"], arguments].concat()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_second_separator_is_passed_over() {
        for words in [["rehearse", "--", "--trucks", "5"].as_slice(), &["rehearse", "--trucks", "5"]] {
            assert_eq!(Options::of_command_line(words.iter().map(OsString::from)).trucks, 5);
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_with_the_bounds() {
        let good = parse(&["--trucks", "1000", "--hours", "8", "--speed", "60", "--chaos"]).expect("accepted");
        assert_eq!((good.trucks, good.speed, good.chaos), (1_000, 60, true));
        assert!(parse(&["--trucks", "0"]).is_err_and(|told| told.contains("1..=2000")));
        assert!(parse(&["--trucks", "2001"]).is_err_and(|told| told.contains("1..=2000")));
        assert!(parse(&["--speed", "601"]).is_err_and(|told| told.contains("1..=600")));
        for wrong in ["0", "-1", "25", "NaN", "inf"] {
            assert!(parse(&["--hours", wrong]).is_err_and(|told| told.contains("0.1 to 24")), "{wrong}");
        }
        assert!(parse(&["--hours", "long"]).is_err_and(|told| told.contains("not a number")));
    }
}
