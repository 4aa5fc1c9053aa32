//! What came out, for people: `benchmark.md` with its tables, and its pictures.

mod charts;
mod document;
mod picture;
mod real;
mod sources;
mod svg;
mod table;

use crate::drive::Drive;
use crate::rules::Decision;
use crate::run::{self, Plan};
use crate::scenarios;
use crate::score::Scores;
use std::path::{Path, PathBuf};

/// The receiver of the pictures, if it is part of the plan.
const PICTURED: &str = "yard";

/// What is reported.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// What came out.
    pub scores: &'a Scores,
    /// What was run.
    pub plan: &'a Plan,
    /// The command that runs it again.
    pub command: &'a str,
}

/// Writes `benchmark.md` and the folder `benchmark` with its pictures into `folder`.
///
/// # Errors
/// Which file could not be written, and why.
pub fn write(subject: &Subject<'_>, folder: &Path) -> Result<(), String> {
    let pictures = folder.join("benchmark");
    std::fs::create_dir_all(&pictures).map_err(|error| format!("{}: {error}", pictures.display()))?;
    let Subject { scores, plan, .. } = subject;
    save(&pictures.join("arrival-error.svg"), &charts::errors(scores, charts::Direction::Arrivals))?;
    save(&pictures.join("departure-error.svg"), &charts::errors(scores, charts::Direction::Departures))?;
    save(&pictures.join("false-events.svg"), &charts::false_events(scores))?;
    let mut drawn: Vec<(&str, String)> = Vec::new();
    for (name, picture) in drives(plan) {
        let file = format!("drive-{name}.svg");
        save(&pictures.join(&file), &picture)?;
        drawn.push((name, file));
    }
    save(&folder.join("benchmark.md"), &document::text(subject, &drawn))
}

/// One drive as a rule saw it, as SVG.
#[must_use]
pub fn draw(drive: &Drive, about: &str, decisions: &[Decision]) -> String {
    picture::draw(drive, about, decisions)
}

/// The first drive of every scenario as the plan's first rule saw it.
fn drives(plan: &Plan) -> Vec<(&'static str, String)> {
    let wanted = plan.noises.iter().find(|model| model.name == PICTURED);
    let (Some(model), Some(rule)) = (wanted.or(plan.noises.first()), plan.rules.first()) else { return Vec::new() };
    let picture = |scenario: &scenarios::Scenario| {
        let drive = scenarios::drive(scenario, model, plan.seed);
        (scenario.name, picture::draw(&drive, scenario.about, &run::decide(rule, &drive)))
    };
    plan.scenarios.iter().map(picture).collect()
}

fn save(path: &PathBuf, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
