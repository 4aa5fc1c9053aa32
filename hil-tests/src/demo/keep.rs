//! What is left for whoever wants to look closer?

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use super::local_clock::LocalClock;
use crate::dispatch::Received;
use crate::world::Shift;
use crate::world::truth::{Crossing, Direction};

/// Where the truck's files lie: in a directory that was asked for, or in one that goes away with the demo.
pub(super) struct Place {
    dir: PathBuf,
    kept: bool,
    /// Dispatch is another house: its database never lies among the truck's files.
    elsewhere: TempDir,
}

impl Place {
    /// Takes the directory to keep, which must be empty or absent, or a temporary one.
    pub(super) fn take(keep: Option<&Path>) -> io::Result<Self> {
        let elsewhere = tempfile::Builder::new().prefix("gatestamp-demo").tempdir()?;
        let dir = keep.map_or_else(|| elsewhere.path().join("truck"), Path::to_owned);
        fs::create_dir_all(&dir)?;
        if fs::read_dir(&dir)?.next().is_some() {
            let why = format!("{} is not empty; --keep wants a new or an empty directory", dir.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        Ok(Self { dir: fs::canonicalize(dir)?, kept: keep.is_some(), elsewhere })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn dispatch_database(&self) -> PathBuf {
        self.elsewhere.path().join("dispatch.db")
    }

    /// The copy of what the receiver says.
    pub(super) fn drive_file(&self) -> io::Result<BufWriter<File>> {
        Ok(BufWriter::new(File::create(self.dir.join("drive.nmea"))?))
    }

    /// Writes `received.jsonl` and `truth.jsonl`, and says what lies there.
    pub(super) fn finish(
        &self,
        shift: &Shift,
        received: &[Received],
        clock: &LocalClock,
    ) -> io::Result<Option<String>> {
        if !self.kept {
            return Ok(None);
        }
        let mut events = BufWriter::new(File::create(self.dir.join("received.jsonl"))?);
        for event in received {
            events.write_all(&event.body)?;
            events.write_all(b"\n")?;
        }
        events.flush()?;
        let mut truth = BufWriter::new(File::create(self.dir.join("truth.jsonl"))?);
        for crossing in &shift.crossings {
            writeln!(truth, "{}", line(crossing, clock))?;
        }
        truth.flush()?;
        Ok(Some(explanation(&self.dir)))
    }
}

fn line(crossing: &Crossing, clock: &LocalClock) -> String {
    let direction = match crossing.direction {
        Direction::Enter => "enter",
        Direction::Leave => "leave",
    };
    let at = clock.rfc3339(crossing.at_s);
    json!({"at": at, "facility": crossing.facility, "zone": crossing.zone.word(), "direction": direction}).to_string()
}

fn explanation(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "\nKept in {dir}:\n\
         \x20 state/recording  each input of the engine; the events can be derived from it again:\n\
         \x20                  gatestamp replay --config {dir}/gatestamp.toml {dir}/state/recording\n\
         \x20 state/journal.db the events as the truck journaled them\n\
         \x20 received.jsonl   the events as dispatch received them, in order of receipt, once by id\n\
         \x20 truth.jsonl      when the truck truly crossed which fence\n\
         \x20 drive.nmea       every byte of the receiver\n\
         \x20 gatestamp.toml, facilities.geojson, gatestamp.log"
    )
}
