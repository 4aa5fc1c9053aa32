//! The recording on disk: segments in a ring, compressed, sealed every second, synced before the event that they prove.

use super::reserve::{self, Reserve};
use crate::recording::{Head, MAGIC, Recorded, encode, seal, segment_index, segment_name};
use crate::time::Mono;
use geofence::Span;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A segment ends after this long, so that little is lost with one and a quota can be kept ...
const SEGMENT_SPAN: Span = Span::seconds(3_600);
/// ... or at this size, compressed.
const SEGMENT_BYTES: u64 = 4 << 20;
/// What is not sealed is lost when the process is killed: at most this much of the drive.
const SEAL_EVERY: Span = Span::seconds(1);
/// What is not synced is lost when the power is cut and no event forced it out.
const SYNC_EVERY: Span = Span::seconds(60);
/// What the name of a segment ends in until its head is whole.
const UNNAMED: &str = ".new";
/// 128 KiB of window: two minutes of NMEA at 1 Hz, and a small encoder.
const WINDOW_LOG: u32 = 17;

/// The segment that is being written, and those before it.
pub struct Blackbox {
    dir: PathBuf,
    quota: u64,
    open: Option<Open>,
    next_index: u64,
}

struct Open {
    index: u64,
    encoder: zstd::stream::write::Encoder<'static, BufWriter<Counted>>,
    records: u64,
    crc: crc32fast::Hasher,
    unsealed: bool,
    begun: Mono,
    sealed: Mono,
    synced: Mono,
    buffer: Vec<u8>,
}

impl Blackbox {
    /// The recording in `dir`, which is created if it is missing. Nothing is written before [`Blackbox::begin`], which tries again where a
    /// full disk does not take a folder.
    ///
    /// # Errors
    /// As the file system has them.
    pub fn new(dir: &Path, quota: u64) -> io::Result<Self> {
        let mut last = 0;
        match fs::create_dir_all(dir) {
            Ok(()) => {
                remove_unnamed(dir)?;
                last = segments(dir)?.last().map_or(0, |(index, _)| *index);
            }
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
            Err(error) => return Err(error),
        }
        Ok(Self { dir: dir.to_owned(), quota, open: None, next_index: last + 1 })
    }

    /// Ends the segment that is open, if any, and begins a new one with `head`. Old segments go as the quota demands.
    ///
    /// # Errors
    /// As the file system has them; the recording is closed then.
    pub fn begin(&mut self, at: Mono, head: &Head) -> io::Result<()> {
        self.end()?;
        // One that was there and is gone took segments with it: that is told, and not made good by an empty one.
        if self.next_index == 1 {
            fs::create_dir_all(&self.dir)?;
        }
        self.keep_quota()?;
        let index = self.next_index;
        let path = self.dir.join(segment_name(index));
        // Under its own name only once its head is whole: killed in between, it is not there.
        let unnamed = self.dir.join(segment_name(index) + UNNAMED);
        let begun = self.create(index, &unnamed, &path, at, head);
        if begun.is_err() {
            self.open = None;
            let _ = fs::remove_file(&unnamed);
        }
        begun
    }

    fn create(&mut self, index: u64, unnamed: &Path, path: &Path, at: Mono, head: &Head) -> io::Result<()> {
        let mut file = BufWriter::new(Counted { file: File::create(unnamed)?, bytes: 0 });
        file.write_all(MAGIC)?;
        serde_json::to_writer(&mut file, head)?;
        file.write_all(b"\n")?;
        let mut encoder = zstd::stream::write::Encoder::new(file, 1)?;
        encoder.set_parameter(zstd::stream::raw::CParameter::WindowLog(WINDOW_LOG))?;
        self.open = Some(Open {
            index,
            encoder,
            records: 0,
            crc: crc32fast::Hasher::new(),
            unsealed: false,
            begun: at,
            sealed: at,
            synced: at,
            buffer: Vec::new(),
        });
        self.sync(at)?;
        fs::rename(unnamed, path)?;
        File::open(&self.dir)?.sync_all()?;
        self.next_index = index + 1;
        Ok(())
    }

    /// Appends one input.
    ///
    /// # Errors
    /// As the file system has them.
    pub fn append(&mut self, at: Mono, input: &Recorded) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Err(closed()) };
        open.append(input)?;
        if at - open.synced >= SYNC_EVERY {
            return self.sync(at);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        if at - open.sealed >= SEAL_EVERY { open.seal(at) } else { Ok(()) }
    }

    /// Everything appended so far survives a power cut from here on.
    ///
    /// # Errors
    /// As the file system has them.
    pub fn sync(&mut self, at: Mono) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Err(closed()) };
        open.seal(at)?;
        open.encoder.get_ref().get_ref().file.sync_data()?;
        open.synced = at;
        Ok(())
    }

    /// Segment and number of records so far. While nothing is recorded: the beginning of the next segment, so that a state
    /// stored meanwhile is not mistaken for one at the beginning of the recording.
    #[must_use]
    pub fn position(&self) -> (u64, u64) {
        self.open.as_ref().map_or((self.next_index, 0), |open| (open.index, open.records))
    }

    /// The segment that is open is old or large enough.
    #[must_use]
    pub fn is_due(&self, at: Mono) -> bool {
        self.open.as_ref().is_some_and(|open| {
            at - open.begun >= SEGMENT_SPAN || open.encoder.get_ref().get_ref().bytes >= SEGMENT_BYTES
        })
    }

    /// Gives up the segment that is open, as after an error.
    pub fn abandon(&mut self) {
        self.open = None;
    }

    /// Ends the segment that is open, if any.
    ///
    /// # Errors
    /// As the file system has them.
    pub fn end(&mut self) -> io::Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.seal(open.sealed)?;
        let written = open.encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        written.file.sync_data()
    }

    /// What the disk has left, which the journal is on too, in bytes; all that can be where the system does not say.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.dir.parent().and_then(reserve::free).unwrap_or(u64::MAX)
    }

    /// Gives up the reserve of the same disk. False where there is none.
    #[must_use]
    pub fn give_up_reserve(&self) -> bool {
        self.dir.parent().is_some_and(|dir| Reserve::new(dir).give_up())
    }

    /// Deletes the oldest segment for the room that it takes, if it is one before `needed`, closed, and not the newest of all. Whether one went.
    ///
    /// # Errors
    /// As the file system has them.
    pub fn give_way(&self, needed: u64) -> io::Result<bool> {
        let kept = segments(&self.dir)?;
        let bound = self.open.as_ref().map_or(needed, |open| needed.min(open.index));
        let Some(((index, oldest), others)) = kept.split_first() else { return Ok(false) };
        if *index >= bound || others.is_empty() {
            return Ok(false);
        }
        fs::remove_file(oldest)?;
        Ok(true)
    }

    fn keep_quota(&self) -> io::Result<()> {
        let mut kept = segments(&self.dir)?;
        let size = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
        let mut total: u64 = kept.iter().map(|(_, path)| size(path)).sum();
        kept.reverse();
        while total > self.quota && kept.len() > 1 {
            let Some((_, oldest)) = kept.pop() else { break };
            total -= size(&oldest);
            fs::remove_file(oldest)?;
        }
        Ok(())
    }
}

/// A file that knows how long it has become.
struct Counted {
    file: File,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes = self.bytes.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Open {
    fn append(&mut self, input: &Recorded) -> io::Result<()> {
        self.buffer.clear();
        encode(input, &mut self.buffer);
        self.crc.update(&self.buffer);
        self.encoder.write_all(&self.buffer)?;
        self.records += 1;
        self.unsealed = true;
        Ok(())
    }

    fn seal(&mut self, at: Mono) -> io::Result<()> {
        if self.unsealed {
            self.buffer.clear();
            seal(std::mem::take(&mut self.crc).finalize(), &mut self.buffer);
            self.encoder.write_all(&self.buffer)?;
            self.unsealed = false;
        }
        self.encoder.flush()?;
        self.sealed = at;
        Ok(())
    }
}

/// What a kill left of a segment whose head was not whole yet: no quota counts it.
fn remove_unnamed(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.strip_suffix(UNNAMED).and_then(segment_index).is_some() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn closed() -> io::Error {
    io::Error::other("the recording is not open")
}

/// The segments in `dir`, oldest first. Other files are left alone.
///
/// # Errors
/// As the file system has them.
pub fn segments(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if let Some(index) = path.file_name().and_then(|name| name.to_str()).and_then(segment_index) {
            found.push((index, path));
        }
    }
    found.sort();
    Ok(found)
}
