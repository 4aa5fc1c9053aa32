//! Pictures of all rules together: how wrong their stamps are, and how often they cry wolf.

use super::svg::{Anchor, Canvas, Pen, Spot};
use crate::score::{Scores, Tally};

/// Colours of the rules other than the first; the second round is dashed.
const COLOURS: [&str; 7] = ["rule0", "rule1", "rule2", "rule3", "rule4", "rule5", "rule6"];
/// Panels in one picture.
const PANELS: usize = 3;
const WIDTH: f64 = 960.0;
/// Left edge of the first panel, and what lies between two.
const LEFT: f64 = 52.0;
const BETWEEN: f64 = 40.0;
const TOP: f64 = 62.0;
const PANEL_HEIGHT: f64 = 250.0;
/// Errors on the axis, seconds.
const ERRORS_S: [f64; 5] = [0.1, 1.0, 10.0, 100.0, 1_000.0];
/// False events per 1,000 hours on the axis.
const RATES: [f64; 7] = [0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];

/// Which crossings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Arrivals,
    Departures,
}

/// For every rule the share of visits whose stamp is at most so many seconds off; what is missed is never reached.
pub(super) fn errors(scores: &Scores, direction: Direction) -> String {
    let what = if direction == Direction::Arrivals { "Arrival" } else { "Departure" };
    let rules = scores.rules();
    let legend_rows = f64::from(u32::try_from(rules.len().div_ceil(5)).unwrap_or(1));
    let mut canvas =
        Canvas::new(&format!("{what} stamps: error by rule"), WIDTH, TOP + PANEL_HEIGHT + 58.0 + 20.0 * legend_rows);
    canvas.text(
        "ink",
        16.0,
        (LEFT, 24.0),
        Anchor::Start,
        &format!("{what} stamps: share of visits stamped within ..."),
    );
    let noises: Vec<&str> = scores.noises().into_iter().take(PANELS).collect();
    let width = (WIDTH - LEFT - 20.0 - BETWEEN * 2.0) / 3.0;
    for (noise, column) in noises.iter().zip(0_u32..) {
        let left = LEFT + f64::from(column) * (width + BETWEEN);
        let axis = Axis::new(&ERRORS_S, left, width);
        frame(&mut canvas, &axis, noise, column == 0);
        // Ours last, on top of the others.
        for (index, rule) in rules.iter().enumerate().rev() {
            let tally = scores.total(rule, |cell| cell.noise == *noise);
            canvas.path(pen(index), &curve(&tally, direction, &axis), false);
        }
    }
    legend(&mut canvas, &rules, TOP + PANEL_HEIGHT + 62.0);
    canvas.finish()
}

/// A logarithmic axis across a panel.
struct Axis {
    ticks: Vec<f64>,
    left: f64,
    width: f64,
}

impl Axis {
    fn new(ticks: &[f64], left: f64, width: f64) -> Self {
        Self { ticks: ticks.to_vec(), left, width }
    }

    fn ends(&self) -> (f64, f64) {
        (self.ticks.first().copied().unwrap_or(1.0), self.ticks.last().copied().unwrap_or(10.0))
    }

    fn x(&self, value: f64) -> f64 {
        let (low, high) = self.ends();
        let share = libm::log10(value.clamp(low, high) / low) / libm::log10(high / low);
        self.left + share * self.width
    }

    fn value(&self, share: f64) -> f64 {
        let (low, high) = self.ends();
        low * libm::pow(high / low, share)
    }
}

fn frame(canvas: &mut Canvas, axis: &Axis, title: &str, labelled: bool) {
    let bottom = TOP + PANEL_HEIGHT;
    canvas.text("muted", 13.0, (axis.left, TOP - 12.0), Anchor::Start, title);
    for percent in [0.0, 25.0, 50.0, 75.0, 95.0, 100.0] {
        let y = bottom - percent / 100.0 * PANEL_HEIGHT;
        canvas.line(Pen::new("grid", 1.0), (axis.left, y), (axis.left + axis.width, y));
        if labelled {
            canvas.text("muted", 11.0, (axis.left - 6.0, y + 4.0), Anchor::End, &format!("{percent:.0} %"));
        }
    }
    for &tick in &axis.ticks {
        let x = axis.x(tick);
        canvas.line(Pen::new("grid", 1.0), (x, TOP), (x, bottom));
        canvas.text("muted", 11.0, (x, bottom + 16.0), Anchor::Middle, &tick_label(tick));
    }
    let middle = axis.left + axis.width / 2.0;
    canvas.text("muted", 11.0, (middle, bottom + 32.0), Anchor::Middle, "error of the stamp, s");
}

fn tick_label(tick: f64) -> String {
    if tick < 1.0 { format!("{tick}") } else { super::table::thousands(tick) }
}

/// The curve of one rule: 120 steps of equal width on the axis.
fn curve(tally: &Tally, direction: Direction, axis: &Axis) -> Vec<Spot> {
    let (present, gap, missed) = match direction {
        Direction::Arrivals => (&tally.arrivals, &tally.gap_arrivals, tally.missed_arrivals),
        Direction::Departures => (&tally.departures, &tally.gap_departures, tally.missed_departures),
    };
    let mut errors: Vec<f64> = [present.error_s.values(), gap.error_s.values()].concat();
    errors.sort_by(f64::total_cmp);
    let count = |n: usize| crate::score::float(u64::try_from(n).unwrap_or(0));
    let total = count(errors.len()) + crate::score::float(missed);
    if errors.is_empty() {
        return Vec::new();
    }
    let steps = (0..=120_u32).map(|step| axis.value(f64::from(step) / 120.0));
    let points = steps.map(|error_s| {
        let within = count(errors.partition_point(|&e| e <= error_s)) / total;
        (axis.x(error_s), TOP + PANEL_HEIGHT * (1.0 - within))
    });
    thinned(points)
}

/// Without the points in the middle of a level stretch.
fn thinned(points: impl Iterator<Item = Spot>) -> Vec<Spot> {
    let mut out: Vec<Spot> = Vec::new();
    for point in points {
        let level = |a: Option<&Spot>| a.is_some_and(|(_, y)| (y - point.1).abs() < 0.05);
        if level(out.last()) && level(out.len().checked_sub(2).and_then(|i| out.get(i))) {
            out.pop();
        }
        out.push(point);
    }
    out
}

fn pen(rule: usize) -> Pen {
    let Some(other) = rule.checked_sub(1) else { return Pen::new("ours", 3.0) };
    let colour = COLOURS.get(other % COLOURS.len()).copied().unwrap_or("muted");
    let line = Pen::new(colour, 1.4);
    if other < COLOURS.len() { line } else { line.dashed("5 3") }
}

fn legend(canvas: &mut Canvas, rules: &[&str], top: f64) {
    for (index, (rule, place)) in rules.iter().zip(0_u32..).enumerate() {
        let (x, y) = (LEFT + f64::from(place % 5) * 180.0, top + f64::from(place / 5) * 20.0);
        canvas.line(pen(index), (x, y - 4.0), (x + 28.0, y - 4.0));
        canvas.text("ink", 12.0, (x + 36.0, y), Anchor::Start, rule);
    }
}

/// How often each rule is wrong, per noise.
pub(super) fn false_events(scores: &Scores) -> String {
    const ROW: f64 = 24.0;
    const NAMES: f64 = 150.0;
    let rules = scores.rules();
    let rows = f64::from(u32::try_from(rules.len()).unwrap_or(0));
    let mut canvas = Canvas::new("False events by rule", WIDTH, TOP + rows * ROW + 50.0);
    canvas.text("ink", 16.0, (20.0, 24.0), Anchor::Start, "False arrivals and departures per 1,000 hours");
    // Zero has no place on a logarithmic axis; it gets a column of its own.
    let zero = NAMES + 36.0;
    let axis = Axis::new(&RATES, NAMES + 90.0, WIDTH - NAMES - 130.0);
    let bottom = TOP + rows * ROW;
    canvas.line(Pen::new("grid", 1.0), (zero, TOP - 4.0), (zero, bottom));
    canvas.text("muted", 11.0, (zero, bottom + 16.0), Anchor::Middle, "none");
    for &tick in &axis.ticks {
        canvas.line(Pen::new("grid", 1.0), (axis.x(tick), TOP - 4.0), (axis.x(tick), bottom));
        canvas.text("muted", 11.0, (axis.x(tick), bottom + 16.0), Anchor::Middle, &tick_label(tick));
    }
    let levels: Vec<(&str, &str)> = scores.noises().into_iter().zip(["mild", "rule5", "harsh"]).collect();
    for ((noise, colour), place) in levels.iter().zip(0_u32..) {
        let x = axis.left + f64::from(place) * 110.0;
        canvas.dots(colour, 1.0, 10.0, &[(x, TOP - 22.0)]);
        canvas.text("ink", 12.0, (x + 10.0, TOP - 18.0), Anchor::Start, noise);
    }
    for (rule, row) in rules.iter().zip(0_u32..) {
        let y = TOP + (f64::from(row) + 0.5) * ROW;
        canvas.text(if row == 0 { "ours" } else { "ink" }, 13.0, (NAMES, y + 4.0), Anchor::End, rule);
        canvas.line(Pen::new("grid", 1.0), (zero, y), (axis.left + axis.width, y));
        for ((noise, colour), place) in levels.iter().zip(0_u32..) {
            let per_1000h = scores.total(rule, |cell| cell.noise == *noise).false_per_1000h();
            // Side by side where several have none.
            let x = if per_1000h > 0.0 { axis.x(per_1000h) } else { zero + (f64::from(place) - 1.0) * 11.0 };
            canvas.dots(colour, 1.0, 10.0, &[(x, y)]);
        }
    }
    canvas.finish()
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "rounded before they are compared")]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_axis_has_its_decades_at_equal_distances() {
        let axis = Axis::new(&ERRORS_S, 100.0, 400.0);
        let ticks: Vec<f64> = ERRORS_S.iter().map(|&tick| axis.x(tick).round()).collect();
        assert_eq!(ticks, [100.0, 200.0, 300.0, 400.0, 500.0]);
        assert_eq!((axis.x(0.0), axis.x(1e9)), (100.0, 500.0));
        assert!((axis.value(0.5) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn missed_visits_keep_a_curve_below_the_top() {
        let mut tally = Tally { missed_arrivals: 1, ..Tally::default() };
        for error_s in [0.5, 2.0] {
            tally.arrivals.error_s.add(error_s);
        }
        tally.gap_arrivals.error_s.add(50.0);
        let axis = Axis::new(&ERRORS_S, 0.0, 400.0);
        let curve = curve(&tally, Direction::Arrivals, &axis);
        let share_at = |error_s: f64| {
            let before = curve.iter().take_while(|(x, _)| *x <= axis.x(error_s) + 1e-6).last().unwrap();
            1.0 - (before.1 - TOP) / PANEL_HEIGHT
        };
        let shares = [0.2, 1.0, 10.0, 1_000.0].map(|error_s| (share_at(error_s) * 100.0).round());
        assert_eq!(shares, [0.0, 25.0, 50.0, 75.0]);
    }

    #[test]
    fn level_stretches_keep_their_ends_only() {
        let points = [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 5.0), (4.0, 5.0)];
        assert_eq!(thinned(points.into_iter()), [(0.0, 1.0), (2.0, 1.0), (3.0, 5.0), (4.0, 5.0)]);
    }

    #[test]
    fn no_two_rules_look_alike() {
        let looks: Vec<(&str, &str)> = (0..15).map(|rule| (pen(rule).colour, pen(rule).dash)).collect();
        for (index, look) in looks.iter().enumerate() {
            assert!(!looks[..index].contains(look), "{look:?}");
        }
    }
}
