//! What does a truck's day look like to dispatch?
//!
//! `cargo demo`: the whole rig on one shift, told as it happens, judged at the end.

mod keep;
mod local_clock;
mod narrator;
mod options;
mod outage;
mod report;
mod stage;

use std::io::{self, Write};
use std::time::Duration;

pub use options::Options;

use crate::clock::utc_second_ms;
use crate::gateway;
use crate::verdict::judge;
use crate::world::Shift;
use keep::Place;
use local_clock::LocalClock;
use narrator::Narrator;
use outage::Outage;
use report::Report;
use stage::Stage;

/// How often the demo looks for news: far below what an eye or a delay of a second would notice.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Runs the demo and says whether every crossing reached dispatch once and nothing else did.
///
/// # Errors
/// When a part of the rig cannot be started, or the agent dies.
pub fn run(options: &Options, out: &mut dyn Write, terminal: bool) -> io::Result<bool> {
    let place = Place::take(options.keep.as_deref())?;
    writeln!(out, "building the agent ...")?;
    out.flush()?;
    let binary = gateway::binary()?;
    let shift = Shift::day(options.seed);
    let outage = Outage::plan(&shift);
    let start_utc_ms = utc_second_ms();
    let local = LocalClock::new(start_utc_ms);
    introduce(options, &shift, out)?;
    let mut stage = Stage::set(binary, &place, &shift, start_utc_ms, options.scale)?;
    let mut narrator = Narrator::new(out, terminal, local.clone());
    play(&mut stage, &mut narrator, &shift, outage)?;
    let curtain = stage.end(&mut narrator)?;

    let verdict = judge(&shift, start_utc_ms, &curtain.landed);
    let report = Report {
        seed: options.seed,
        verdict: &verdict,
        outage,
        clock: &local,
        events: curtain.received.len(),
        copies: curtain.copies,
        conflicting: curtain.conflicting,
    };
    report.table(out)?;
    if let Some(explanation) = place.finish(&shift, &curtain.received, &local)? {
        writeln!(out, "{explanation}")?;
    }
    for fault in &curtain.faults {
        writeln!(out, "fault: {fault}")?;
    }
    writeln!(out, "DEMO {}", serde_json::to_string(&report.summary())?)?;
    Ok(verdict.is_clean() && curtain.conflicting == 0 && curtain.faults.is_empty())
}

fn introduce(options: &Options, shift: &Shift, out: &mut dyn Write) -> io::Result<()> {
    let hours = shift.path.duration_s() / 3_600.0;
    let wall_s = shift.path.duration_s() / f64::from(options.scale);
    let Options { seed, scale, .. } = options;
    writeln!(out, "seed {seed}: a shift of {hours:.1} h at {scale} times its speed, about {wall_s:.0} s\n")?;
    writeln!(
        out,
        "{:<8}  {:<22} {:<16} {:<10}  {:<15} {:<12} with dispatch",
        "landed", "where", "what", "stamp", "95 %", "by"
    )?;
    out.flush()
}

/// The shift, from the first byte of the receiver to the last.
fn play(stage: &mut Stage, narrator: &mut Narrator<'_>, shift: &Shift, outage: Outage) -> io::Result<()> {
    let mut link_is_down = false;
    while !stage.is_over() {
        stage.check_agent()?;
        let now_s = stage.clock.seconds();
        if outage.is_down(now_s) != link_is_down {
            link_is_down = !link_is_down;
            stage.switch_link(link_is_down, narrator)?;
        }
        stage.tell_news(narrator)?;
        let share = stage.driven_s() / shift.path.duration_s();
        narrator.progress(share, stage.driven_s(), if link_is_down { "link down" } else { "link up" })?;
        std::thread::sleep(LOOK_EVERY);
    }
    narrator.progress(1.0, stage.driven_s(), "the truck stands")
}
