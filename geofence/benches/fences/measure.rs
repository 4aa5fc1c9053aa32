//! One size after the other: build, compare, measure, print.

use crate::child::{instructions, resident_mb, start_ms};
use crate::clock::now_ms;
use crate::engines::{
    Anchor, answer_by_anchor, answer_by_clearance, answer_by_containing, answer_by_vicinity, atlas_bytes, position,
    positions,
};
use crate::files::Files;
use crate::workload::{self, FENCE_SEED, FIXES, Fences, Place, TRACE_SEED};
use geofence::{Atlas, Shape};
use serde_json::{Value, json};
use std::hint::black_box;

const PASSES: usize = 3;
/// Engines may differ for a fix that is nearer to a boundary than this, metres.
const DISAGREEMENT_MAX_M: f64 = 0.02;

/// What is known of one number of fences.
pub(crate) struct Row {
    count: usize,
    values: Value,
}

/// Nanoseconds and instructions per fix of one engine.
#[derive(Clone, Copy)]
struct Cost {
    ns: f64,
    instructions: Option<f64>,
}

pub(crate) fn size(count: usize) -> Result<Row, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let fences = workload::fences(count);
    let trace = workload::trace(&fences);
    let begin = now_ms();
    let bytes = atlas_bytes(&fences.outlines);
    let build_ms = now_ms() - begin;
    let files = Files::new(folder.path(), count);
    files.write(&fences.outlines, &trace, &bytes).map_err(|error| error.to_string())?;
    let atlas = Atlas::open(&bytes).map_err(|error| error.to_string())?;
    atlas.verify().map_err(|error| error.to_string())?;
    println!("\n{count} fences: {} bytes, built in {build_ms:.0} ms", bytes.len());
    let ns = {
        let anchor = Anchor::new(fences.outlines.iter().cloned());
        compare(&anchor, &atlas, &fences, &trace)?;
        times(&anchor, &atlas, &trace)
    };
    drop(fences);
    let engines = ["anchor", "containing", "clearance", "vicinity"];
    let counted = engines.map(|engine| instructions(engine, folder.path(), count, FIXES));
    if counted.iter().any(Option::is_none) {
        println!("no instruction counts: valgrind is missing or did not run");
    }
    let costs: Vec<Cost> = ns.into_iter().zip(counted).map(|(ns, instructions)| Cost { ns, instructions }).collect();
    print_costs(&costs);
    #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
    let bytes_per_fence = bytes.len() as f64 / count as f64;
    let failed = || "a child failed".to_owned();
    let memory = |engine: &str| resident_mb(engine, folder.path(), count).ok_or_else(failed);
    let started = |engine: &str| start_ms(engine, folder.path(), count).ok_or_else(failed);
    let rss_mb = [memory("anchor")?, memory("vicinity")?];
    let start = [started("anchor")?, started("vicinity")?];
    println!(
        "memory {:.1} against {:.1} MB ({:.2}x); {bytes_per_fence:.0} bytes per fence",
        rss_mb[1],
        rss_mb[0],
        rss_mb[1] / rss_mb[0]
    );
    println!("start {:.1} (of which {:.1} read the file) against {:.1} ms", start[1].0, start[1].1, start[0].0);
    Ok(Row { count, values: values(&costs, rss_mb, bytes_per_fence, start) })
}

/// All engines over the whole trace, before any is measured.
fn compare(anchor: &Anchor, atlas: &Atlas<'_>, fences: &Fences, trace: &[Place]) -> Result<(), String> {
    let (mut hits, mut near) = (0, Vec::new());
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for place in trace {
        theirs.clear();
        ours.clear();
        anchor.containing(*place, |fence| theirs.push(fence));
        theirs.sort_unstable();
        atlas.containing(position(*place), &mut |fence| ours.push(fence));
        hits += theirs.len();
        let differing = theirs.iter().filter(|f| !ours.contains(f)).chain(ours.iter().filter(|f| !theirs.contains(f)));
        for &fence in differing {
            let (vertices, ring_ends) = positions(&fences.outlines[fence]);
            let shape = Shape::Polygon { vertices: &vertices, ring_ends: &ring_ends };
            let distance_m = shape.signed_distance_m(position(*place)).abs();
            if distance_m > DISAGREEMENT_MAX_M {
                return Err(format!(
                    "fence {fence} at {place:?}, {distance_m} m from its boundary: the engines differ"
                ));
            }
            near.push(distance_m);
        }
    }
    let (anchor, plain) = (answer_by_anchor(anchor, trace), answer_by_containing(atlas, trace));
    let (shortened, full) = answer_by_vicinity(atlas, trace);
    if shortened != plain {
        return Err("the short cut changes an answer".to_owned());
    }
    if (anchor == plain) != near.is_empty() {
        return Err("the hashes do not say what the sets say".to_owned());
    }
    let nearest = near.iter().fold(0.0, |a: f64, b| a.max(*b));
    println!(
        "{hits} hits, hash {anchor:016x} and {plain:016x}; {} differ, all within {:.1} mm of a boundary; full answers {full}",
        near.len(),
        nearest * 1e3,
    );
    Ok(())
}

/// Best of some passes, the engines taking turns; ns per fix in the order of `child::COUNTED`.
#[allow(clippy::cast_precision_loss, reason = "below 2^53")]
fn times(anchor: &Anchor, atlas: &Atlas<'_>, trace: &[Place]) -> [f64; 4] {
    let mut best = [f64::INFINITY; 4];
    let timed = |best: &mut f64, work: &dyn Fn()| {
        let begin = now_ms();
        work();
        *best = best.min((now_ms() - begin) * 1e6 / trace.len() as f64);
    };
    for _ in 0..PASSES {
        timed(&mut best[0], &|| _ = black_box(answer_by_anchor(anchor, trace)));
        timed(&mut best[1], &|| _ = black_box(answer_by_containing(atlas, trace)));
        timed(&mut best[2], &|| _ = black_box(answer_by_clearance(atlas, trace)));
        timed(&mut best[3], &|| _ = black_box(answer_by_vicinity(atlas, trace)));
    }
    best
}

fn print_costs(costs: &[Cost]) {
    let names =
        ["rstar + geo", "atlas, containing", "  and clearance, at every fix", "  and clearance, by the short cut"];
    println!("{:34} {:>9} {:>7} {:>13} {:>7}", "per fix", "ns", "ratio", "instructions", "ratio");
    for (name, cost) in names.iter().zip(costs) {
        let (instructions, ratio) = match (cost.instructions, costs[0].instructions) {
            (Some(own), Some(anchor)) => (format!("{own:.0}"), format!("{:.3}", own / anchor)),
            _ => ("-".to_owned(), "-".to_owned()),
        };
        println!("{name:34} {:>9.1} {:>7.3} {instructions:>13} {ratio:>7}", cost.ns, cost.ns / costs[0].ns);
    }
}

fn values(costs: &[Cost], rss_mb: [f64; 2], bytes_per_fence: f64, start_ms: [(f64, f64); 2]) -> Value {
    let rounded = |value: f64, places: i32| (value * 10_f64.powi(places)).round() / 10_f64.powi(places);
    let count = |cost: Cost| cost.instructions.map(|count| rounded(count, 0));
    let ratio = |cost: Cost| Some(rounded(cost.instructions? / costs[0].instructions?, 3));
    json!({
        "ns": rounded(costs[3].ns, 1),
        "instructions": count(costs[3]),
        "ratio_rstar": ratio(costs[3]),
        "rss_mb": rounded(rss_mb[1], 1),
        "rss_ratio": rounded(rss_mb[1] / rss_mb[0], 3),
        "bytes_per_fence": rounded(bytes_per_fence, 0),
        "start_ms": rounded(start_ms[1].0, 1),
        "read_ms": rounded(start_ms[1].1, 1),
        "containing": { "ns": rounded(costs[1].ns, 1), "instructions": count(costs[1]), "ratio_rstar": ratio(costs[1]) },
        "clearance": { "ns": rounded(costs[2].ns, 1), "instructions": count(costs[2]), "ratio_rstar": ratio(costs[2]) },
        "rstar": {
            "ns": rounded(costs[0].ns, 1),
            "instructions": count(costs[0]),
            "rss_mb": rounded(rss_mb[0], 1),
            "start_ms": rounded(start_ms[0].0, 1),
        },
    })
}

pub(crate) fn last_line(rows: &[Row]) -> String {
    let mut all = json!({ "seeds": { "fences": FENCE_SEED, "trace": TRACE_SEED } });
    for row in rows {
        all[row.count.to_string()] = row.values.clone();
    }
    format!("FENCES {all}")
}
