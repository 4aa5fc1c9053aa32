//! `gatestamp facilities lint`: every error and every warning of a facility file at once.

use super::drawn;
use crate::cli::say::{counted, print};
use crate::cli::{Failure, exit};
use crate::facility::lint::{ROAD_BORDER_M, RoadFile, beside, lint as warnings, sort};
use crate::facility::{Finding, Severity, compile, survey};
use crate::io::facilities::text;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(super) struct Arguments {
    /// The facility file (GeoJSON)
    file: PathBuf,
    /// One JSON object per finding instead of lines for people
    #[arg(long)]
    json: bool,
    /// Roads around the facilities: GeoJSON LineStrings, for example the `highway` ways of OpenStreetMap
    #[arg(long, value_name = "FILE")]
    roads: Option<PathBuf>,
    /// A road deeper inside than so many metres is the facility's own
    #[arg(long, value_name = "METRES", default_value_t = ROAD_BORDER_M)]
    road_border: f64,
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    #[serde(flatten)]
    finding: &'a Finding,
}

pub(super) fn lint(arguments: &Arguments) -> Result<(), Failure> {
    let (plan, mut findings) = survey(&drawn(&arguments.file, "without errors; its outlines are not kept")?);
    if findings.is_empty() {
        findings.extend(compile(&plan).err().unwrap_or_default());
    }
    findings.extend(warnings(&plan));
    let mut remarks = Vec::new();
    match &arguments.roads {
        Some(path) => {
            let roads = roads(path)?;
            remarks.push(format!(
                "{} compared, {} left out",
                counted(roads.roads.len(), ["road", "roads"]),
                counted(roads.left_out, ["other feature", "other features"])
            ));
            findings.extend(beside(&plan, &roads.roads, arguments.road_border));
        }
        None => {
            remarks.push("whether a road runs through a fence was not looked at: that needs --roads FILE".to_owned())
        }
    }
    sort(&mut findings);
    let name = arguments.file.display().to_string();
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let summary = format!(
        "{name}: {} with {}, {}, {}",
        counted(plan.facilities(), ["facility", "facilities"]),
        counted(plan.fences(), ["fence", "fences"]),
        counted(errors, ["error", "errors"]),
        counted(findings.len() - errors, ["warning", "warnings"])
    );
    if arguments.json {
        let line = |finding| serde_json::to_string(&Line { file: &name, finding }).unwrap_or_default();
        print(findings.iter().map(line))?;
    } else {
        print(told(&findings).into_iter().chain(remarks).chain((errors == 0).then(|| summary.clone())))?;
    }
    if errors > 0 {
        let why = format!("{summary}: refused\n    remedy: mend the errors; a truck takes a file only as a whole");
        return Err(Failure(exit::CONFIGURATION, why));
    }
    Ok(())
}

fn roads(path: &Path) -> Result<RoadFile, Failure> {
    let text = text(path, "the file of roads").map_err(|faults| Failure::faults(&faults))?;
    RoadFile::read(&text).map_err(|finding| Failure::faults(&[finding.fault(&path.display().to_string())]))
}

/// The findings as lines, under a heading for each facility.
fn told(findings: &[Finding]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut group = None;
    for finding in findings {
        if group != Some(&finding.facility) {
            group = Some(&finding.facility);
            lines.push(finding.facility.clone().unwrap_or_else(|| "the file".to_owned()));
        }
        let line = finding.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        lines.push(format!("  {line}{finding}"));
    }
    lines
}
