//! `cargo bench-arrivals`: runs the arrival benchmark and tells its figures.

use arrivals::options::Options;
use arrivals::{goals, report, run, scenarios, summary};
use clap::Parser;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    match execute(&options) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "arrivals: {error}");
            ExitCode::from(2)
        }
    }
}

fn execute(options: &Options) -> Result<ExitCode, String> {
    let plan = options.plan()?;
    let fail = |error: io::Error| error.to_string();
    if let Some(name) = &options.drive {
        return one_drive(&plan, name, options.out.as_deref()).map(|()| ExitCode::SUCCESS);
    }
    let cells = plan.scenarios.len() * plan.noises.len();
    let mut done = 0;
    let scores = run::run(&plan, &mut |cell| {
        done += 1;
        let _ = writeln!(io::stderr(), "[{done}/{cells}] {cell}");
    });
    let first = plan.rules.first().map_or("", |rule| rule.name);
    let goals = goals::judge(&scores);
    let text = [
        summary::by_scenario(&scores, first),
        summary::by_rule(&scores),
        summary::incidents(&scores),
        goals::table(&goals),
        plan.remark(),
        summary::last_line(&scores),
    ];
    writeln!(io::stdout().lock(), "{}", text.join("\n")).map_err(fail)?;
    if let Some(folder) = &options.out {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let command = format!("cargo bench-arrivals {}", words.join(" "));
        report::write(&report::Subject { scores: &scores, plan: &plan, command: &command }, folder)?;
    }
    let held = goals.iter().all(|goal| goal.held || goal.known);
    Ok(if options.check && !held { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Every decision of every rule of the plan on one drive, beside the true crossings; and as pictures, if a folder is given.
fn one_drive(plan: &run::Plan, name: &str, folder: Option<&Path>) -> Result<(), String> {
    let parts: Vec<&str> = name.split(':').collect();
    let [scenario, noise, seed] = parts.as_slice() else {
        return Err(format!("\"{name}\" is not SCENARIO:NOISE:SEED"));
    };
    let scenario = scenarios::all().into_iter().find(|s| s.name == *scenario).ok_or("no such scenario")?;
    let model = arrivals::noise::all().into_iter().find(|m| m.name == *noise).ok_or("no such noise")?;
    let seed = seed.parse().map_err(|_| format!("\"{seed}\" is not a seed"))?;
    let drive = scenarios::drive(&scenario, &model, seed);
    let mut out = io::stdout().lock();
    for rule in &plan.rules {
        let text = summary::drive(&drive, scenario.purpose, rule);
        write!(out, "{text}").map_err(|error| error.to_string())?;
        if let Some(folder) = folder {
            let file = folder.join(format!("{}-{}.svg", name.replace(':', "-"), rule.name));
            let picture = report::draw(&drive, scenario.about, &run::decide(rule, &drive));
            std::fs::write(&file, picture).map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    Ok(())
}
