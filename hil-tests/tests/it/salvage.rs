//! The agent is killed while it salvages a damaged journal: at each of its calls that change a file. The next start does the rest.

use gatestamp::io::journal::{Journal, JournalError, Position, Unsalvaged, name_aside, set_aside};
use gatestamp::io::resume::open_journal;
use geofence::UnixMillis;
use hil_tests::clock::await_condition;
use hil_tests::gateway::binary;
use hil_tests::installation::Installation;
use hil_tests::receiver::{self, Setup};
use hil_tests::small_disk::{SmallDisk, fill};
use hil_tests::world::Shift;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const SEED: u64 = 20_261_123;
const QUOTA: u64 = 16 << 20;
const NOW: UnixMillis = UnixMillis(1_795_358_161_007);
/// What dispatch has of it.
const RECEIVED: u64 = 7;
/// The calls that change files, of which each is counted by itself, and which of them: a write is torn by SQLite's own rules, a rename by ours.
const CALLS: [(&str, usize); 6] =
    [("rename", 1), ("unlink", 1), ("fsync", 1), ("write", 1), ("fdatasync", 2), ("pwrite64", 5)];
/// More of one kind than a start makes until the new journal is settled.
const CALLS_MAX: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// The journal of a drive, of which a page is damaged, in the state directory of an agent. Its recording is gone: what is not salvaged is lost.
fn damaged(dir: &Path) -> Installation {
    let shift = Shift::errands(SEED, 2);
    let installation = Installation::write(binary().expect("the agent"), dir, &shift, 1, 1).expect("files");
    let drive = dir.join("drive.nmea");
    let epochs = receiver::listen(&shift, 1_795_000_000_000, Setup::default());
    fs::write(&drive, epochs.into_iter().flat_map(|epoch| epoch.bytes).collect::<Vec<_>>()).expect("room");
    let state = installation.state();
    let done = installation.ask("replay", &[Path::new("--state"), &state, &drive]).expect("the agent runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let path = state.join("journal.db");
    let mut journal = Journal::open(&path, QUOTA).expect("a journal");
    journal.received(RECEIVED).expect("noted");
    let highest = journal.highest().expect("events");
    let bad = journal.bodies(&(highest / 2..=highest / 2)).expect("one").remove(0).1;
    drop(journal);
    let mut bytes = fs::read(&path).expect("a journal");
    // Its leaf of the table: the first to have its body.
    let at = bytes.windows(200).position(|window| bad.starts_with(window)).expect("the body is there");
    let page = at / 2_048 * 2_048;
    bytes.get_mut(page..page + 2_048).expect("a page").fill(0xa5);
    fs::write(&path, bytes).expect("room");
    assert!(matches!(Journal::open(&path, QUOTA), Err(JournalError::Damaged { .. })));
    installation
}

fn events(journal: &Journal) -> BTreeMap<u64, Vec<u8>> {
    journal.bodies(&(1..=u64::MAX >> 1)).expect("bodies").into_iter().collect()
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("room");
    for entry in fs::read_dir(from).expect("a folder").flatten().filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("room");
    }
}

fn assert_salvaged(state: &Path, readable: &BTreeMap<u64, Vec<u8>>, what: &str) {
    let opened = open_journal(state, QUOTA, NOW).unwrap_or_else(|fault| panic!("{what}: {fault}"));
    let got = events(&opened.journal);
    for (sequence, body) in readable {
        assert!(got.get(sequence) == Some(body), "{what}: event {sequence} is gone or another");
    }
    assert_eq!(opened.journal.thru().expect("a number"), RECEIVED, "{what}");
}

/// What a kill left: the mark, the damaged journal under its new name, and a journal where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Left {
    marked: bool,
    moved: bool,
    is_there: bool,
}

impl Left {
    fn of(state: &Path) -> Self {
        let names: Vec<_> = fs::read_dir(state).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
        let moved = names.iter().any(|name| name.to_string_lossy().starts_with("journal.db.damaged-"));
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        Self { marked: has("journal.salvage"), moved, is_there: has("journal.db") }
    }

    /// Everything was done, and noted.
    fn is_over(self) -> bool {
        self.moved && !self.marked
    }
}

/// Starts the agent, which is killed when it makes this call for the `nth` time, unless it is settled before.
fn killed_at(installation: &Installation, call: &str, nth: usize) -> Left {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:signal=KILL:when={nth}")]);
    strace.arg(installation.installed()).args(["run", "--config"]).arg(installation.config());
    let mut strace =
        strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("strace runs");
    let mut ended = || strace.try_wait().expect("strace").is_some();
    let over = await_condition(PATIENCE, || ended() || Left::of(&installation.state()).is_over());
    assert!(over, "{call} {nth}: neither killed nor settled");
    if !ended() {
        // The agent and not strace, which may wait for it for ever.
        let children = format!("/proc/{0}/task/{0}/children", strace.id());
        let agent = fs::read_to_string(children).unwrap_or_default();
        let agent = agent.split_whitespace().next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        // It may have come to the call meanwhile.
        let _ = agent.map(|agent| kill_process(agent, Signal::KILL));
        strace.wait().expect("strace");
    }
    Left::of(&installation.state())
}

#[test]
fn killed_at_each_call_of_a_salvage_the_next_start_has_all_that_could_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let installation = damaged(folder.path());
    let (state, template, tried) = (installation.state(), folder.path().join("template"), folder.path().join("tried"));
    copy(&state, &template);
    copy(&state, &tried);
    let readable = events(&open_journal(&tried, QUOTA, NOW).expect("salvaged").journal);
    assert!(readable.len() > 15, "{} events", readable.len());
    let mut lefts = BTreeMap::<Left, usize>::new();
    for (call, step) in CALLS {
        let over = (1..CALLS_MAX).step_by(step).any(|nth| {
            copy(&template, &state);
            let left = killed_at(&installation, call, nth);
            *lefts.entry(left).or_default() += 1;
            assert_salvaged(&state, &readable, &format!("{call} {nth}, {left:?}"));
            let why = open_journal(&state, QUOTA, NOW).expect("a journal").why;
            assert!(!left.is_over() || why.is_empty(), "{why:?}");
            left.is_over()
        });
        assert!(over, "{call}: it was never settled");
    }
    println!("{lefts:#?}");
    let seen: Vec<_> = lefts.keys().map(|left| (left.marked, left.moved, left.is_there)).collect();
    let before = (false, false, true);
    assert_eq!(seen, [before, (false, true, true), (true, false, true), (true, true, false), (true, true, true)]);
}

#[test]
fn however_little_room_the_disk_has_nothing_that_can_be_read_is_forgotten_without_a_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let installation = damaged(folder.path());
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), c"size=2m") else {
        let why = "no permission to mount a small file system: salvaging on a full disk was not tested";
        let _ = writeln!(std::io::stderr(), "{why}");
        return;
    };
    let (state, filler) = (folder.path().join("disk/state"), folder.path().join("disk/filler"));
    let tried = folder.path().join("tried");
    copy(&installation.state(), &tried);
    let readable = events(&open_journal(&tried, QUOTA, NOW).expect("salvaged").journal);
    let path = state.join("journal.db");
    let (mut waited, mut cut_short) = (0, 0);
    for kilobytes in (0..400).step_by(4) {
        for was_moved in [false, true] {
            copy(&installation.state(), &state);
            if was_moved {
                assert!(Unsalvaged::open(&path).add(name_aside(&path, "damaged", NOW)));
                set_aside(&path, "damaged", NOW).expect("moved");
                drop(Journal::open(&path, QUOTA).expect("the new one has its tables"));
            }
            fill(&filler, kilobytes << 10).expect("a filler");
            let what = format!("{kilobytes} kB, was moved: {was_moved}");
            let opened = open_journal(&state, QUOTA, NOW).unwrap_or_else(|fault| panic!("{what}: {fault}"));
            // Half of it came over, and the start says so: what is decided from there on has the room.
            let is_cut_short = opened.why.iter().any(|word| word == "journal_salvage_cut_short");
            let mut journal = opened.journal;
            waited += usize::from(journal.is_stand_in());
            cut_short += usize::from(is_cut_short);
            // What a start does when all is derived.
            journal.settle();
            journal.number_above(journal.base());
            let _ = journal.save(&[], b"{}", Position { segment: 0, records: 0 });
            drop(journal);
            fs::remove_file(&filler).expect("removable");
            if !is_cut_short {
                assert_salvaged(&state, &readable, &what);
            }
        }
    }
    assert!((1..100).contains(&cut_short), "{cut_short} of 200 were cut short");
    assert!((20..190).contains(&waited), "{waited} of 200 waited for room");
    drop(disk);
}
