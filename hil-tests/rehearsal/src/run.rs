//! The rehearsal, from the first process to the last question.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gatestamp::io::clock::wall_clock;
use hil_tests::clock::{SimClock, await_condition, now, utc_second_ms};
use hil_tests::gateway;
use hil_tests::journal;
use hil_tests::link::{Link, Quality};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::audit::{Account, Findings, audit};
use crate::chaos::Chaos;
use crate::database::Database;
use crate::drives::{self, Drive};
use crate::inside::{Cab, Diary};
use crate::limits::{START_PATIENCE, open_files, settle_patience};
use crate::options::Options;
use crate::plan::Plan;
use crate::progress::{Progress, Standing};
use crate::report::Run;
use crate::tally::Tally;
use crate::truck::{Truck, processes};
use crate::world::World;

/// How often the run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Nothing may be owed for so long before the fleet is put down: what a silent receiver still leads to is told within a minute of the
/// truck's time.
const QUIET_LOOKS: u32 = 4;
/// A truck that made an event between the last look and its end is started once more to deliver it; so often at most.
const LAST_WORDS_MAX: usize = 3;
/// Trucks that are named when something is missing at the end.
const NAMED_MAX: usize = 10;

/// What is left when the trucks have been put down: files, and the world with its database.
pub struct Outcome {
    /// What was asked for and measured.
    pub run: Run,
    /// What was done.
    pub tally: Arc<Tally>,
    /// What should not have happened.
    pub faults: Vec<String>,
    trucks: Vec<Truck>,
    diaries: BTreeMap<String, Diary>,
    world: World,
    _folder: Folder,
}

/// The run's files.
struct Folder {
    path: PathBuf,
    /// Goes away with the run.
    _temporary: Option<TempDir>,
}

impl Folder {
    fn new(options: &Options) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("gatestamp-rehearsal");
        let made = match &options.dir {
            Some(dir) => builder.tempdir_in(dir).map_err(|fault| named(fault, &dir.display().to_string()))?,
            None => builder.tempdir()?,
        };
        if options.keep {
            return Ok(Self { path: made.keep(), _temporary: None });
        }
        Ok(Self { path: made.path().to_owned(), _temporary: Some(made) })
    }
}

fn named(fault: io::Error, what: &str) -> io::Error {
    io::Error::new(fault.kind(), format!("{what}: {fault}"))
}

/// Runs it. What it says while it runs goes to `err`.
///
/// # Errors
/// When a part cannot be started or does not come back, or what is owed does not arrive in time: in words.
pub fn play(options: &Options, err: &mut dyn Write, terminal: bool) -> io::Result<Outcome> {
    open_files(options.trucks).map_err(io::Error::other)?;
    let mut progress = Progress::new(err, terminal);
    let folder = Folder::new(options)?;
    if options.keep {
        progress.say(&format!("files are left in {}", folder.path.display()))?;
    }
    progress.say("building the agent and the receiver ...")?;
    let binary = gateway::binary()?;
    let world = World::start(&folder.path, options.database, options.speed)?;
    let count = usize::try_from(options.trucks).unwrap_or(usize::MAX);
    let start_utc_ms = utc_second_ms();
    let drives = drives::prepare(options.seed, count, options.hours, start_utc_ms);
    let links = Arc::new(Link::many(count, Quality::GOOD, world.broker_port())?);
    let tally = Arc::new(Tally::default());
    let (clock_set, clock) = watch::channel(None);
    let cab = Cab { epochs: Arc::new([]), clock, speed: options.speed, tally: Arc::clone(&tally) };
    let fleet = Fleet { folder: &folder, binary, drives: &drives, links: &links, cab };
    let mut trucks = fleet.start(count, &mut progress)?;

    let duration_s = drives.iter().map(|drive| drive.duration_s()).fold(0.0, f64::max);
    let shortest_s = drives.iter().map(|drive| drive.duration_s()).fold(duration_s, f64::min);
    let clock = SimClock::start(start_utc_ms, options.speed);
    let began_ms = (start_utc_ms, wall_clock().0);
    clock_set.send_replace(Some(clock));
    trucks.iter_mut().try_for_each(Truck::drive_off)?;
    let plan = if options.chaos {
        Plan::new(options.seed, count, options.database, shortest_s, options.speed)
    } else {
        Plan::default()
    };
    let mut database = Database::new(world.database());
    let chaos = Chaos::begin(plan, clock, trucks, world, &links, &tally)?;
    watch_it(&chaos, clock, duration_s, &mut database, count, &tally, &mut progress)?;
    let (mut trucks, mut world) = chaos.end()?;
    progress.say("the trucks stand; dispatch gets the rest")?;
    settle(&trucks, &mut database)?;
    let mut diaries = BTreeMap::new();
    end(&mut trucks, &mut diaries, &mut database)?;

    let mut faults = world.fallen();
    for (id, diary) in &diaries {
        faults.extend(diary.faults.iter().map(|fault| format!("{id}: {fault}")));
    }
    let bytes = links.iter().map(|link| link.carried()).map(|(up, down)| up + down).sum();
    let Options { database: kind, seed, trucks: asked, hours, speed, .. } = *options;
    let run =
        Run { database: kind, seed, trucks: asked, hours, speed, driven_hours: duration_s / 3_600.0, began_ms, bytes };
    Ok(Outcome { run, tally, faults, trucks, diaries, world, _folder: folder })
}

/// What trucks are started with.
struct Fleet<'a> {
    folder: &'a Folder,
    binary: PathBuf,
    drives: &'a [Arc<Drive>],
    links: &'a [Link],
    cab: Cab,
}

impl Fleet<'_> {
    /// Starts all of them, and waits until each has said something to the broker.
    fn start(&self, count: usize, progress: &mut Progress<'_>) -> io::Result<Vec<Truck>> {
        let processes = processes(count);
        progress.say(&format!("starting {count} trucks, {processes} of them as processes of their own ..."))?;
        let folder = self.folder.path.join("fleet");
        fs::create_dir_all(&folder)?;
        let mut trucks = Vec::new();
        for ((number, link), drive) in self.links.iter().enumerate().zip(self.drives.iter().cycle()) {
            trucks.push(Truck::start(number, processes, &folder, &self.binary, drive, link, &self.cab)?);
        }
        let silent = || self.links.iter().filter(|link| link.carried().0 == 0).count();
        if !await_condition(START_PATIENCE, || silent() == 0) {
            let why = format!("{} of {count} trucks did not connect within {} s", silent(), START_PATIENCE.as_secs());
            return Err(io::Error::other(why));
        }
        Ok(trucks)
    }
}

/// Until the drive is over and everything planned has happened.
fn watch_it(
    chaos: &Chaos,
    clock: SimClock,
    duration_s: f64,
    database: &mut Database,
    trucks: usize,
    tally: &Tally,
    progress: &mut Progress<'_>,
) -> io::Result<()> {
    let mut events = 0;
    while clock.seconds() < duration_s || !chaos.is_over() {
        std::thread::sleep(LOOK_EVERY);
        events = database.thru().map_or(events, |thru| thru.values().sum());
        let driven_s = (clock.seconds().min(duration_s), duration_s);
        let left = clock.wait_for(duration_s);
        progress.show(&Standing { trucks, driven_s, events, kills: tally.kills(), left })?;
    }
    Ok(())
}

/// What a truck has in its journal and dispatch has not acknowledged, in words. One without a single event owes its first.
fn owing(truck: &Truck, thru: &BTreeMap<String, u64>) -> Option<String> {
    let highest = journal::highest(&truck.dir.join("state"));
    let thru = thru.get(&truck.id).copied().unwrap_or(0);
    let owes = highest == 0 || thru < highest;
    owes.then(|| format!("{} has {highest} events in its journal, dispatch has it up to {thru}", truck.id))
}

/// Waits until nothing is owed, and stays so for a moment.
fn settle(trucks: &[Truck], database: &mut Database) -> io::Result<()> {
    let patience = settle_patience(trucks.len());
    let deadline = now() + patience;
    let mut quiet = 0;
    loop {
        let thru = database.thru().unwrap_or_default();
        let owing: Vec<String> = trucks.iter().filter_map(|truck| owing(truck, &thru)).collect();
        quiet = if owing.is_empty() { quiet + 1 } else { 0 };
        if quiet >= QUIET_LOOKS {
            return Ok(());
        }
        if now() >= deadline {
            let named = owing.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join("\n  ");
            return Err(io::Error::other(format!(
                "{} trucks still owe after {} s (--keep leaves the files and logs):\n  {named}",
                owing.len(),
                patience.as_secs()
            )));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Puts the fleet down; who made an event in the last moment delivers it first.
fn end(trucks: &mut [Truck], diaries: &mut BTreeMap<String, Diary>, database: &mut Database) -> io::Result<()> {
    for round in 0..=LAST_WORDS_MAX {
        for truck in trucks.iter_mut() {
            let Diary { dead, faults } = truck.put_down();
            let diary = diaries.entry(truck.id.clone()).or_default();
            diary.dead.extend(dead);
            diary.faults.extend(faults);
        }
        let thru = database.thru().unwrap_or_default();
        let mut waiting = false;
        for truck in trucks.iter_mut().filter(|truck| round < LAST_WORDS_MAX && owing(truck, &thru).is_some()) {
            truck.start_again()?;
            waiting = true;
        }
        if !waiting {
            return Ok(());
        }
        settle(trucks, database)?;
    }
    Ok(())
}

impl Outcome {
    /// Dispatch's database.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::new(self.world.database())
    }

    /// Holds journals and drives against the database as it is now. Also gives what else is wrong with journals and database.
    ///
    /// # Errors
    /// When a journal or the database cannot be read.
    pub fn judge(&self) -> io::Result<(Findings, Vec<String>)> {
        let mut database = self.database();
        let (mut findings, mut faults) = (Findings::default(), self.faults.clone());
        let nothing = Diary::default();
        for truck in &self.trucks {
            let kept =
                journal::read(&truck.dir.join("state")).map_err(|fault| named(io::Error::other(fault), &truck.id))?;
            if kept.integrity != "ok" {
                faults.push(format!("{}: its journal fails its check: {}", truck.id, kept.integrity));
            }
            let held = database.events(&truck.id).map_err(io::Error::other)?;
            let lost = database.lost(&truck.id).map_err(io::Error::other)?;
            findings.add(audit(&Account {
                truck: &truck.id,
                journal: &kept.events,
                held: &held,
                lost: &lost,
                shift: &truck.drive.shift,
                start_utc_ms: self.run.began_ms.0,
                dead: &self.diaries.get(&truck.id).unwrap_or(&nothing).dead,
            }));
        }
        let strays = database.strays().map_err(io::Error::other)?;
        if strays.conflicts > 0 {
            findings.doubled.push(format!("{} known ids came with other bytes (table conflict)", strays.conflicts));
        }
        if strays.refused > 0 {
            faults.push(format!("{} messages of trucks are no events (table refused)", strays.refused));
        }
        Ok((findings, faults))
    }
}
