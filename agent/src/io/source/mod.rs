//! Where the receiver's bytes come from: a serial port, a gpsd, or a recording. One loop opens any of them, listens, and
//! opens it again when it is gone, for ever, with a bounded back-off. Only a receiver at a serial port is ever sent anything.
//!
//! The loop has a thread of its own: when bytes arrived is what all stamps come from, and the daemon's thread may stand still for as
//! long as a worn SD card takes for a commit.

mod feed;
mod gpsd;
mod holders;
mod playback;
mod serial;
#[cfg(test)]
mod tests;
mod trouble;

use super::clock::Clock;
use crate::config;
use crate::gnss::configure::Setup;
use crate::gnss::hunt::Finding;
use crate::time::Mono;
use feed::{Feed, Stopping};
use geofence::Span;
use gpsd::Gpsd;
use playback::Playback;
use serial::{Line, Serial};
use std::io;
use std::path::PathBuf;
use tokio::sync::mpsc::{Receiver, channel};
pub(super) use trouble::{Kind, Trouble};

/// Wait before the source is opened again; doubles up to the maximum.
const BACK_OFF: Span = Span::seconds(1);
const BACK_OFF_MAX: Span = Span::seconds(30);
/// One read, with room for all that most receivers say in a second. Bounds what one input of the engine holds.
const CHUNK: usize = 1_024;
/// Events that may wait while the disk is slow. A UART hands on 16 bytes at a time, at 115,200 baud 720 times a second: these are more
/// than five seconds of it, and a minute at 9,600. At most 4 MB, of which nothing is allocated while nothing waits.
const QUEUE: usize = 4_096;
/// A silent port is looked after this often while speeds are tried; otherwise nothing is to be done there, and no timer wakes the thread.
const TICK: Span = Span::seconds(1);
/// A silent gpsd is looked after this often: longer than the pauses of most receivers.
const QUIET: Span = Span::seconds(5);

/// What the source does.
#[derive(Debug)]
pub(super) enum SourceEvent {
    /// Open; what was buffered before is thrown away.
    Opened {
        /// When.
        at: Mono,
        /// At this line speed, where there is one.
        speed: Option<u32>,
        /// Other programs that have the port open too.
        shared_with: Vec<String>,
    },
    /// Bytes came, at this time.
    Bytes(Mono, Vec<u8>),
    /// So many reads before this time found no room to wait.
    Dropped(Mono, u64),
    /// What was found out about the speed.
    Speed(Mono, Finding),
    /// What configuring the receiver came to.
    Configured(Setup),
    /// So many AT commands of another program were heard.
    Commands(u64),
    /// Not there, or gone, or silent for a known reason.
    Gone(Mono, Trouble),
}

/// A source that is not open.
#[derive(Debug)]
pub(super) enum Source {
    Serial(Serial),
    Gpsd { host: String, port: u16 },
    Recording(PathBuf),
}

#[derive(Debug)]
enum Open {
    Serial(Box<Line>),
    Gpsd(Box<Gpsd>),
    Recording(Playback),
}

impl Source {
    /// The source that the configuration names. `proven` is the line speed that was found last.
    pub(super) fn new(configured: config::Source, proven: Option<u32>) -> Self {
        match configured {
            config::Source::Serial { device, baud, configure } => {
                Self::Serial(Serial::new(device, baud, configure, proven))
            }
            config::Source::Gpsd { host, port } => Self::Gpsd { host, port },
            config::Source::Recording(file) => Self::Recording(file.unwrap_or_default()),
        }
    }

    async fn open(&self, clock: Clock) -> Result<Open, Trouble> {
        match self {
            Self::Serial(serial) => serial.open().map(|line| Open::Serial(Box::new(line))),
            Self::Gpsd { host, port } => Gpsd::open(host, *port, clock).await.map(|gpsd| Open::Gpsd(Box::new(gpsd))),
            Self::Recording(file) => Playback::open(file, clock).map(Open::Recording),
        }
    }
}

/// Reads the source on a thread of its own until nobody listens any more.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start(source: Source, clock: Clock) -> io::Result<Receiver<SourceEvent>> {
    let (to, events) = channel(QUEUE);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("source".to_owned()).spawn(move || {
        runtime.block_on(async {
            // A silent source has nothing to send by which it could notice.
            tokio::select! { () = read(source, clock, Feed::new(to.clone())) => {} () = to.closed() => {} }
        });
    })?;
    Ok(events)
}

/// A receiver that does not exist, as if it were plugged in for good: what it says comes from `receiver`.
pub(super) fn simulated(mut receiver: Receiver<Vec<u8>>, clock: Clock) -> Receiver<SourceEvent> {
    let (to, events) = channel(QUEUE);
    tokio::spawn(async move {
        let mut feed = Feed::new(to.clone());
        let mut said = feed.say(SourceEvent::Opened { at: clock.now(), speed: None, shared_with: Vec::new() }).await;
        while said.is_ok()
            && let Some(bytes) = receiver.recv().await
        {
            let at = clock.now();
            for chunk in bytes.chunks(CHUNK) {
                said = feed.say(SourceEvent::Bytes(at, chunk.to_vec())).await;
            }
        }
        to.closed().await;
    });
    events
}

async fn read(mut source: Source, clock: Clock, mut to: Feed) {
    let mut wait = BACK_OFF;
    loop {
        let gone = match source.open(clock).await {
            Ok(mut open) => {
                let mut heard = false;
                let gone = match listen(&mut open, &mut source, clock, &mut to, &mut heard).await {
                    Ok(trouble) => trouble,
                    Err(Stopping) => return,
                };
                if heard {
                    wait = BACK_OFF;
                }
                gone
            }
            Err(trouble) => trouble,
        };
        // The descriptor is closed by now: one that stays open forces the returning device under another name.
        let over = gone.kind == Kind::Over;
        if to.say(SourceEvent::Gone(clock.now(), gone)).await.is_err() {
            return;
        }
        if over {
            // Played once; a recording that began again would drive the truck back to its start.
            return std::future::pending().await;
        }
        clock.sleep(wait).await;
        wait = Span((wait.0 * 2).min(BACK_OFF_MAX.0));
    }
}

/// Hands on what an open source gives, until it is gone.
async fn listen(
    open: &mut Open,
    source: &mut Source,
    clock: Clock,
    to: &mut Feed,
    heard: &mut bool,
) -> Result<Trouble, Stopping> {
    let (speed, shared_with) = match open {
        Open::Serial(line) => (Some(line.speed()), line.shared_with.clone()),
        Open::Gpsd(_) | Open::Recording(_) => (None, Vec::new()),
    };
    to.say(SourceEvent::Opened { at: clock.now(), speed, shared_with }).await?;
    let mut buffer = [0; CHUNK];
    loop {
        let told = match next(open, clock, &mut buffer).await {
            Ok(told) => told,
            Err(trouble) => return Ok(trouble),
        };
        for event in told {
            if let (SourceEvent::Speed(_, Finding::Proven(speed)), Source::Serial(serial)) = (&event, &mut *source) {
                serial.proven(*speed);
            }
            *heard |= matches!(event, SourceEvent::Bytes(..));
            to.say(event).await?;
        }
    }
}

/// The next that the source gives, or what silence means to it.
async fn next(open: &mut Open, clock: Clock, buffer: &mut [u8]) -> Result<Vec<SourceEvent>, Trouble> {
    let mut told = Vec::new();
    match open {
        Open::Serial(line) => {
            // Silence says something only to whoever tries a speed.
            let read = if line.is_scanning() {
                tokio::select! { read = line.read(buffer) => Some(read?), () = clock.sleep(TICK) => None }
            } else {
                Some(line.read(buffer).await?)
            };
            let at = clock.now();
            let bytes = read.and_then(|count| buffer.get(..count));
            let heard = match bytes {
                Some(bytes) => line.heard(at, bytes)?,
                None => line.tick(at)?,
            };
            if let Some(bytes) = bytes.filter(|_| !heard.discard) {
                told.push(SourceEvent::Bytes(at, bytes.to_vec()));
            }
            told.extend(heard.commands.map(SourceEvent::Commands));
            told.extend(heard.finding.map(|finding| SourceEvent::Speed(at, finding)));
            told.extend(heard.setup.map(SourceEvent::Configured));
        }
        Open::Gpsd(gpsd) => {
            let read = tokio::select! { read = gpsd.read(buffer) => Some(read?), () = clock.sleep(QUIET) => None };
            let at = clock.now();
            match read.and_then(|count| buffer.get(..count)) {
                Some(bytes) => {
                    let (bytes, trouble) = gpsd.heard(at, bytes);
                    told.extend(trouble.map(|trouble| SourceEvent::Gone(at, trouble)));
                    // A note that was none comes at once, and may be longer than one input.
                    told.extend(bytes.chunks(CHUNK).map(|chunk| SourceEvent::Bytes(at, chunk.to_vec())));
                }
                None => gpsd.tick(at).await?,
            }
        }
        Open::Recording(playback) => {
            let bytes = playback.read().await?;
            told.push(SourceEvent::Bytes(clock.now(), bytes));
        }
    }
    Ok(told)
}
