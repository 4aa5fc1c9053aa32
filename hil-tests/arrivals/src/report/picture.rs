//! One drive as a picture: fences, the true track, what the receiver said, and where the truck was when it was stamped.

use super::svg::{Anchor, Canvas, Pen, Spot};
use crate::drive::{Crossing, Drive, Fence, Input, Outline, Point};
use crate::planar::between;
use crate::rules::{Decision, Kind};
use gatestamp::facility::Zone;

const WIDTH: f64 = 760.0;
/// The map's height follows the ground, between these.
const HEIGHT: (f64, f64) = (260.0, 520.0);
const EDGE: f64 = 16.0;
const TOP: f64 = 40.0;
/// Ground shown around the fences, as a share of their extent, and its limits in metres.
const MARGIN: (f64, f64, f64) = (0.2, 50.0, 220.0);
/// Crossings listed below the map.
const LISTED: usize = 8;
/// A stamp that is farther off is not about the crossing, seconds.
const MEANT_S: f64 = 1_200.0;
const LINE: f64 = 19.0;

/// What one rule made of one drive.
pub(super) fn draw(drive: &Drive, about: &str, decisions: &[Decision]) -> String {
    let ground = Ground::around(&drive.fences);
    let stamps: Vec<Stamp> = stamps(drive, decisions);
    let listed = f64::from(u32::try_from(stamps.len().clamp(1, LISTED + 1)).unwrap_or(1));
    let height = TOP + ground.height + 2.0 * LINE + 26.0 + listed * LINE;
    let title = format!("{}: {about}", drive.scenario);
    let mut canvas = Canvas::new(&title, WIDTH, height);
    canvas.text("ink", 16.0, (EDGE, 26.0), Anchor::Start, drive.scenario);
    canvas.text("muted", 12.0, (WIDTH - EDGE, 26.0), Anchor::End, &format!("{}, seed {}", drive.noise, drive.seed));
    canvas.clip((EDGE, TOP), (WIDTH - 2.0 * EDGE, ground.height));
    for fence in &drive.fences {
        draw_fence(&mut canvas, &ground, fence);
    }
    canvas.dots("fix", 0.55, 2.4, &fixes(drive, &ground));
    for run in ground.visible(&drive.truth) {
        canvas.path(Pen::new("truth", 1.6), &run, false);
    }
    for stamp in &stamps {
        draw_stamp(&mut canvas, &ground, drive, stamp);
    }
    for fence in &drive.fences {
        name_fence(&mut canvas, &ground, fence);
    }
    number(&mut canvas, &ground, drive, &stamps);
    canvas.unclip();
    let frame = [(EDGE, TOP), (WIDTH - EDGE, TOP), (WIDTH - EDGE, TOP + ground.height), (EDGE, TOP + ground.height)];
    canvas.path(Pen::new("grid", 1.0), &frame, true);
    scale_bar(&mut canvas, &ground);
    let below = TOP + ground.height + LINE + 6.0;
    legend(&mut canvas, below);
    list(&mut canvas, &stamps, below + LINE + 12.0);
    canvas.finish()
}

/// The part of the ground that is shown.
struct Ground {
    west: f64,
    north: f64,
    pixels_per_m: f64,
    height: f64,
}

impl Ground {
    fn around(fences: &[Fence]) -> Self {
        // A road that leads there is seen where it is of interest.
        let near: Vec<Fence> = fences.iter().filter(|fence| fence.zone != Zone::Approach).cloned().collect();
        let (low, high) = extent(if near.is_empty() { fences } else { &near });
        let size = (high.east - low.east).max(high.north - low.north);
        let margin = (MARGIN.0 * size).clamp(MARGIN.1, MARGIN.2);
        let (wide, tall) = (high.east - low.east + 2.0 * margin, high.north - low.north + 2.0 * margin);
        let width = WIDTH - 2.0 * EDGE;
        let height = (width * tall / wide).clamp(HEIGHT.0, HEIGHT.1);
        let pixels_per_m = (width / wide).min(height / tall);
        let centre = between(low, high, 0.5);
        Self {
            west: centre.east - width / 2.0 / pixels_per_m,
            north: centre.north + height / 2.0 / pixels_per_m,
            pixels_per_m,
            height,
        }
    }

    fn spot(&self, point: Point) -> Spot {
        (EDGE + (point.east - self.west) * self.pixels_per_m, TOP + (self.north - point.north) * self.pixels_per_m)
    }

    fn shows(&self, spot: Spot) -> bool {
        (EDGE..WIDTH - EDGE).contains(&spot.0) && (TOP..TOP + self.height).contains(&spot.1)
    }

    /// The stretches of a track that can be seen, points closer than a pixel left out.
    fn visible(&self, track: &[Point]) -> Vec<Vec<Spot>> {
        let mut runs: Vec<Vec<Spot>> = vec![Vec::new()];
        let mut before: Option<Spot> = None;
        for spot in track.iter().map(|&point| self.spot(point)) {
            let Some(run) = runs.last_mut() else { break };
            if self.shows(spot) {
                // The step into the map begins outside of it.
                run.extend(before.filter(|_| run.is_empty()));
                if run.last().is_none_or(|last| apart(*last, spot) >= 1.0) {
                    run.push(spot);
                }
            } else if !run.is_empty() {
                run.push(spot);
                runs.push(Vec::new());
            }
            before = Some(spot);
        }
        runs
    }
}

fn apart(a: Spot, b: Spot) -> f64 {
    libm::hypot(a.0 - b.0, a.1 - b.1)
}

fn extent(fences: &[Fence]) -> (Point, Point) {
    let corners = fences.iter().flat_map(|fence| match &fence.outline {
        Outline::Circle(centre, r) => {
            let corner = |sign: f64| Point { east: centre.east + sign * r, north: centre.north + sign * r };
            vec![corner(-1.0), corner(1.0)]
        }
        Outline::Polygon(rings) => rings.iter().flatten().copied().collect(),
    });
    let mut all = corners.peekable();
    let first = all.peek().copied().unwrap_or(Point { east: 0.0, north: 0.0 });
    all.fold((first, first), |(low, high), point| {
        let low = Point { east: low.east.min(point.east), north: low.north.min(point.north) };
        (low, Point { east: high.east.max(point.east), north: high.north.max(point.north) })
    })
}

fn rings(ground: &Ground, outline: &Outline) -> Vec<Vec<Spot>> {
    match outline {
        Outline::Polygon(rings) => {
            rings.iter().map(|ring| ring.iter().map(|&point| ground.spot(point)).collect()).collect()
        }
        Outline::Circle(centre, radius_m) => {
            let at = |step: u32| {
                let angle = f64::from(step) * core::f64::consts::TAU / 72.0;
                let (east, north) =
                    (centre.east + radius_m * libm::cos(angle), centre.north + radius_m * libm::sin(angle));
                ground.spot(Point { east, north })
            };
            vec![(0..72).map(at).collect()]
        }
    }
}

fn draw_fence(canvas: &mut Canvas, ground: &Ground, fence: &Fence) {
    let rings = rings(ground, &fence.outline);
    let is_site = fence.zone == Zone::Site;
    canvas.area("fence", if is_site { 0.1 } else { 0.05 }, &rings);
    let pen = Pen::new("fence", if is_site { 1.8 } else { 1.2 });
    for ring in &rings {
        canvas.path(if is_site { pen } else { pen.dashed("5 4") }, ring, true);
    }
}

/// The facility's name above a site, the zone's inside of it.
fn name_fence(canvas: &mut Canvas, ground: &Ground, fence: &Fence) {
    let (low, high) = extent(std::slice::from_ref(fence));
    let middle = (low.east + high.east) / 2.0;
    let (x, top) = ground.spot(Point { east: middle, north: high.north });
    let is_site = fence.zone == Zone::Site;
    let name = if is_site { fence.facility.as_str() } else { fence.zone.name() };
    // A small zone has no room inside.
    let small = !is_site && (high.north - low.north) * ground.pixels_per_m < 24.0;
    let y = if is_site || small { (top - 6.0).max(TOP + 14.0) } else { top + 15.0 };
    canvas.text("fence", 12.0, (x, y), Anchor::Middle, name);
}

/// Valid fixes in view, one per two pixels: a truck that stands for hours says the same thing many times.
fn fixes(drive: &Drive, ground: &Ground) -> Vec<Spot> {
    let mut cells = std::collections::BTreeSet::new();
    let mut spots = Vec::new();
    for input in &drive.inputs {
        let Input::Fix(fix) = input else { continue };
        let spot = ground.spot(fix.point);
        #[expect(clippy::cast_possible_truncation, reason = "pixels of a picture")]
        let cell = ((spot.0 / 2.0).floor() as i32, (spot.1 / 2.0).floor() as i32);
        if ground.shows(spot) && cells.insert(cell) {
            spots.push(spot);
        }
    }
    spots
}

/// A true crossing and what was told about it.
struct Stamp {
    number: usize,
    crossing: Crossing,
    /// What is claimed, and when it was told first.
    told: Option<(Decision, f64)>,
    name: String,
    /// Told together with the crossing in, as a drive-through.
    passed: bool,
}

/// The crossings of sites, each with what was told last about it and when it was told first. As in the score, an arrival is the first
/// that was told, a departure the last; a decision is about the crossing that is next to its claim.
fn stamps(drive: &Drive, decisions: &[Decision]) -> Vec<Stamp> {
    let is_site = |index: usize| drive.fences.get(index).is_some_and(|fence| fence.zone == Zone::Site);
    let several = drive.fences.iter().filter(|fence| fence.zone == Zone::Site).count() > 1;
    let stamp = |(crossing, number): (&Crossing, usize)| {
        let about: Vec<Decision> =
            decisions.iter().filter(|decision| is_about(drive, crossing, decision)).copied().collect();
        // Each telling begins with an event of its own; revisions follow.
        let mut tellings = about.chunk_by(|_, next| !matches!(next.kind, Kind::Entered | Kind::Left));
        let telling = if crossing.inwards { tellings.next() } else { tellings.next_back() };
        let told = telling.and_then(|telling| Some((*telling.last()?, telling.first()?.decided_s)));
        let way = if crossing.inwards { "in" } else { "out" };
        let facility = drive.fences.get(crossing.fence).filter(|_| several).map(|fence| fence.facility.as_str());
        let name = facility.map_or(way.to_owned(), |facility| format!("{facility}, {way}"));
        let inward = drive.crossings.iter().rfind(|other| {
            other.fence == crossing.fence && other.inwards && !crossing.inwards && other.at_s <= crossing.at_s
        });
        let through = |decision: &Decision| {
            decision.kind == Kind::Passed && inward.is_some_and(|inward| is_about(drive, inward, decision))
        };
        Stamp { number, crossing: *crossing, told, name, passed: decisions.iter().any(through) }
    };
    drive.crossings.iter().filter(|crossing| is_site(crossing.fence)).zip(1..).map(stamp).collect()
}

fn is_about(drive: &Drive, crossing: &Crossing, decision: &Decision) -> bool {
    let inwards = matches!(decision.kind, Kind::Entered | Kind::Confirmed | Kind::Passed);
    let outwards = matches!(decision.kind, Kind::Left | Kind::DepartureConfirmed);
    let same = |other: &&Crossing| other.fence == crossing.fence && other.inwards == crossing.inwards;
    let off = |other: &Crossing| (decision.at_s - other.at_s).abs();
    let nearest = drive.crossings.iter().filter(same).map(off).fold(f64::INFINITY, f64::min);
    let fits = if crossing.inwards { inwards } else { outwards };
    fits && decision.fence == crossing.fence && off(crossing) <= nearest && off(crossing) < MEANT_S
}

/// Where the truck truly was.
fn true_point(drive: &Drive, time_s: f64) -> Option<Point> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a drive, not below zero")]
    let second = time_s.max(0.0) as usize;
    let here = *drive.truth.get(second)?;
    let next = drive.truth.get(second + 1).copied().unwrap_or(here);
    Some(between(here, next, time_s.max(0.0) - time_s.max(0.0).floor()))
}

fn draw_stamp(canvas: &mut Canvas, ground: &Ground, drive: &Drive, stamp: &Stamp) {
    let Some(at) = true_point(drive, stamp.crossing.at_s).map(|point| ground.spot(point)) else { return };
    if let Some((Some(lo), hi)) = stamp.told.and_then(|(told, _)| told.interval_s) {
        // A tenth of a second moves a truck by less than a pixel, and a day has not too many of its hundreds.
        let step = ((hi - lo) / 200.0).max(0.1);
        let steps = std::iter::successors(Some(lo), |t| Some(t + step)).take_while(|t| *t < hi).chain([hi]);
        let track: Vec<Point> = steps.filter_map(|t| true_point(drive, t)).collect();
        for run in ground.visible(&track) {
            canvas.path(Pen::new("ours", 7.0).faint(0.4), &run, false);
        }
    }
    canvas.ring(Pen::new("truth", 2.0), at, 6.0);
    if let Some(told) = stamp.told.and_then(|(told, _)| true_point(drive, told.at_s)) {
        let (x, y) = ground.spot(told);
        canvas.line(Pen::new("ours", 2.2), (x - 4.5, y - 4.5), (x + 4.5, y + 4.5));
        canvas.line(Pen::new("ours", 2.2), (x - 4.5, y + 4.5), (x + 4.5, y - 4.5));
    }
}

/// Crossings often lie on top of each other: those share a label.
fn number(canvas: &mut Canvas, ground: &Ground, drive: &Drive, stamps: &[Stamp]) {
    let mut labels: Vec<(Spot, Vec<String>)> = Vec::new();
    for stamp in stamps.iter().take(LISTED) {
        let Some(at) = true_point(drive, stamp.crossing.at_s).map(|point| ground.spot(point)) else { continue };
        match labels.iter_mut().find(|(spot, _)| apart(*spot, at) < 14.0) {
            Some((_, numbers)) => numbers.push(stamp.number.to_string()),
            None => labels.push((at, vec![stamp.number.to_string()])),
        }
    }
    for ((x, y), numbers) in labels {
        canvas.text("ink", 13.0, (x + 10.0, y + 20.0), Anchor::Start, &numbers.join(", "));
    }
}

fn scale_bar(canvas: &mut Canvas, ground: &Ground) {
    let wanted_m = 130.0 / ground.pixels_per_m;
    let steps = [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0];
    let metres = steps.iter().copied().rfind(|&step| step <= wanted_m).unwrap_or(5.0);
    let (right, y) = (WIDTH - EDGE - 12.0, TOP + ground.height - 12.0);
    let left = right - metres * ground.pixels_per_m;
    canvas.path(Pen::new("ink", 1.5), &[(left, y - 5.0), (left, y), (right, y), (right, y - 5.0)], false);
    canvas.text("ink", 11.0, ((left + right) / 2.0, y - 5.0), Anchor::Middle, &format!("{metres:.0} m"));
}

fn legend(canvas: &mut Canvas, y: f64) {
    let middle = y - 4.0;
    let text = |canvas: &mut Canvas, x: f64, words: &str| canvas.text("muted", 12.0, (x, y), Anchor::Start, words);
    let (mut x, wide) = (EDGE, 24.0);
    canvas.line(Pen::new("fence", 1.8), (x, middle), (x + wide, middle));
    text(canvas, x + wide + 6.0, "fence");
    x += 84.0;
    canvas.line(Pen::new("truth", 1.6), (x, middle), (x + wide, middle));
    text(canvas, x + wide + 6.0, "true track");
    x += 112.0;
    canvas.dots("fix", 0.55, 2.4, &[(x + 4.0, middle - 2.0), (x + 10.0, middle + 2.0), (x + 16.0, middle - 1.0)]);
    text(canvas, x + wide + 2.0, "fixes");
    x += 78.0;
    canvas.ring(Pen::new("truth", 2.0), (x + 8.0, middle), 6.0);
    text(canvas, x + wide, "truly crossed");
    x += 122.0;
    canvas.line(Pen::new("ours", 7.0).faint(0.4), (x, middle), (x + wide, middle));
    canvas.line(Pen::new("ours", 2.2), (x + 7.5, middle - 4.5), (x + 16.5, middle + 4.5));
    canvas.line(Pen::new("ours", 2.2), (x + 7.5, middle + 4.5), (x + 16.5, middle - 4.5));
    text(canvas, x + wide + 6.0, "at the stamp, and during its 95 % interval");
}

fn list(canvas: &mut Canvas, stamps: &[Stamp], top: f64) {
    let row = |index: usize| top + LINE * f64::from(u32::try_from(index).unwrap_or(0)) + 4.0;
    for (index, stamp) in stamps.iter().take(LISTED).enumerate() {
        canvas.text("ink", 13.0, (EDGE, row(index)), Anchor::Start, &sentence(stamp));
    }
    if stamps.is_empty() {
        canvas.text("ink", 13.0, (EDGE, row(0)), Anchor::Start, "Never inside, and nothing may be told.");
    }
    if let Some(more) = stamps.len().checked_sub(LISTED).filter(|&more| more > 0) {
        canvas.text("muted", 13.0, (EDGE, row(LISTED)), Anchor::Start, &format!("... and {more} more"));
    }
}

fn sentence(stamp: &Stamp) -> String {
    let Stamp { number, crossing, told, name, passed } = stamp;
    let gap = if crossing.in_gap { ", in a gap" } else { "" };
    let truth = format!("{number}  {name} at {}{gap}", clock(crossing.at_s));
    let Some((told, first_s)) = told else {
        return format!("{truth}: {}", if *passed { "told as passed" } else { "not told" });
    };
    let off = told.at_s - crossing.at_s;
    let interval = told.interval_s.map_or(String::new(), |(lo, hi)| {
        let lo = lo.map_or("open".to_owned(), |lo| format!("{:+.1}", lo - crossing.at_s));
        format!(", interval {lo} to {:+.1} s", hi - crossing.at_s)
    });
    format!("{truth}: stamped {off:+.1} s{interval}, told {:+.1} s", first_s - crossing.at_s)
}

/// `h:mm:ss` since the drive began.
fn clock(time_s: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a drive, not below zero")]
    let whole = time_s.max(0.0) as u64;
    format!("{}:{:02}:{:02}", whole / 3_600, whole / 60 % 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Standstill;

    fn at(east: f64, north: f64) -> Point {
        Point { east, north }
    }

    fn site(facility: &str, outline: Outline) -> Fence {
        Fence { facility: facility.to_owned(), zone: Zone::Site, outline }
    }

    /// Through a circle of 100 m at 10 m/s, from 200 m west to 200 m east.
    fn through() -> Drive {
        let crossing = |inwards, at_s| Crossing { fence: 0, inwards, at_s, in_gap: false, seen_s: at_s };
        Drive {
            scenario: "through",
            noise: "open",
            seed: 1,
            fences: vec![site("works", Outline::Circle(at(0.0, 0.0), 100.0))],
            truth: (0..=40).map(|second| at(f64::from(second) * 10.0 - 200.0, 0.0)).collect(),
            crossings: vec![crossing(true, 10.0), crossing(false, 30.0)],
            standstills: Vec::<Standstill>::new(),
            inputs: Vec::new(),
        }
    }

    fn told(kind: Kind, at_s: f64, decided_s: f64) -> Decision {
        Decision { fence: 0, kind, at_s, interval_s: Some((Some(at_s - 1.0), at_s + 1.0)), decided_s }
    }

    #[test]
    fn the_ground_shows_every_fence_with_a_margin_and_north_is_up() {
        let ground = Ground::around(&[
            site("a", Outline::Circle(at(0.0, 0.0), 100.0)),
            site("b", Outline::Circle(at(500.0, 50.0), 20.0)),
        ]);
        for point in [at(-140.0, 0.0), at(560.0, 50.0), at(0.0, 140.0), at(0.0, -140.0)] {
            assert!(ground.shows(ground.spot(point)), "{point:?}");
        }
        assert!(ground.spot(at(0.0, 10.0)).1 < ground.spot(at(0.0, 0.0)).1);
        assert!(ground.spot(at(10.0, 0.0)).0 > ground.spot(at(0.0, 0.0)).0);
    }

    #[test]
    fn a_track_is_cut_where_it_leaves_the_map_and_steps_over_the_edge_are_kept() {
        let ground = Ground::around(&[site("a", Outline::Circle(at(0.0, 0.0), 100.0))]);
        let track = [at(-900.0, 0.0), at(0.0, 0.0), at(0.1, 0.0), at(900.0, 0.0), at(900.0, 900.0), at(0.0, 0.0)];
        let runs = ground.visible(&track);
        assert_eq!(runs.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
    }

    #[test]
    fn each_crossing_has_the_stamp_of_its_direction() {
        let decisions =
            [told(Kind::Entered, 10.9, 14.0), told(Kind::Confirmed, 10.4, 70.0), told(Kind::Left, 29.0, 33.0)];
        let stamps = stamps(&through(), &decisions);
        let sentences: Vec<String> = stamps.iter().map(sentence).collect();
        assert_eq!(sentences[0], "1  in at 0:00:10: stamped +0.4 s, interval -0.6 to +1.4 s, told +4.0 s");
        assert_eq!(sentences[1], "2  out at 0:00:30: stamped -1.0 s, interval -2.0 to +0.0 s, told +3.0 s");
        // Flapping: the first arrival and the last departure count.
        let flapping =
            [decisions[0], told(Kind::Left, 12.0, 13.0), told(Kind::Entered, 14.0, 15.0), told(Kind::Left, 31.0, 34.0)];
        let claims =
            super::stamps(&through(), &flapping).iter().map(|stamp| stamp.told.unwrap().0.at_s).collect::<Vec<_>>();
        assert_eq!(claims, [10.9, 31.0]);
        let passed = super::stamps(&through(), &[told(Kind::Passed, 10.2, 33.0)]);
        assert_eq!(sentence(&passed[1]), "2  out at 0:00:30: told as passed");
        let none = super::stamps(&through(), &[]);
        assert_eq!(sentence(&none[0]), "1  in at 0:00:10: not told");
    }

    #[test]
    fn parked_for_hours_it_stays_a_small_picture() {
        let mut drive = through();
        drive.truth.extend(vec![at(0.0, 0.0); 30_000]);
        let fix = |i: u32| crate::drive::Observed {
            time_s: f64::from(i),
            point: at(f64::from(i % 97) / 10.0, f64::from(i % 89) / 10.0),
            sigma_m: 3.0,
            speed_mps: None,
            track_deg: None,
        };
        drive.inputs = (0..30_000).map(|i| Input::Fix(fix(i))).collect();
        let svg = draw(&drive, "parked", &[]);
        assert!(svg.len() < 20_000, "{}", svg.len());
    }

    #[test]
    fn the_truth_between_two_seconds_is_between_two_points() {
        assert_eq!(true_point(&through(), 10.5), Some(at(-95.0, 0.0)));
        assert_eq!(true_point(&through(), 40.0), Some(at(200.0, 0.0)));
        assert_eq!(true_point(&through(), 99.0), None);
    }
}
