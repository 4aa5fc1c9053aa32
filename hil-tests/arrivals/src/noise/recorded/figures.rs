//! How large are recorded errors, how long do they last, and what did the modelled ones assume?

use super::super::levels;
use super::reading::{self, Said};
use super::{Recording, folder, load, text};
use crate::drive::Point;
use crate::noise::{Error, Model};
use crate::path::State;

/// The modelled receivers that recordings are held against.
const LEVELS: [&str; 3] = ["open", "yard", "canyon"];
/// Drives simulated for each figure of a modelled receiver.
const RUNS: u64 = 40;
/// A stop, as Doppler has it: slower than this, m/s, ...
const STOP_MPS: f64 = 0.3;
/// ... for so long, seconds, ...
const STOP_S: f64 = 20.0;
/// ... without a gap longer than this, milliseconds.
const STOP_GAP_MS: i64 = 2_500;

/// Outliers are a part of their own of the modelled errors, and would hide the others: a modelled fix that is farther off than so
/// many times the median is counted and left out. Of the recorded ones nothing is left out.
const OUTLIER_MEDIANS: f64 = 6.0;

/// The drives, of whose stops the drift is told.
const DRIVES: [(&str, &str); 2] =
    [("google-mtv-2020", super::RECEIVER), ("munich-2009", "drives/munich-2009/munich-gps.nmea.zst")];
/// Receivers that stood all the time, whatever their Doppler says.
const STATIONARY: [(&str, &str); 2] = [
    ("u-blox F9P, RTK", "streams/navsat-rtk-static.nmea"),
    ("Quectel LTE modem", "streams/nmea-crate/nmea_with_sat_info.log"),
];

/// The errors of one receiver in one state.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Which receiver.
    pub name: &'static str,
    /// On the move, or standing.
    pub moving: bool,
    /// Fixes that went into it.
    pub fixes: usize,
    /// Modelled outliers that were left out: more than six times as far off as the median.
    pub outliers: usize,
    /// Root mean square of the position error per axis, metres.
    pub sigma_m: f64,
    /// How long until the correlation of the position error is down to 1/e, seconds; `None` if it is not within the
    /// longest stretch.
    pub lasts_s: Option<f64>,
    /// Fourth moment of the position error over the square of the second: 3 for a normal one.
    pub kurtosis: f64,
    /// Root mean square of the Doppler error per axis, m/s.
    pub doppler_mps: f64,
    /// As `lasts_s`, of the Doppler error.
    pub doppler_lasts_s: Option<f64>,
    /// Mean reported accuracy over `sigma_m`.
    pub reported_over_true: f64,
}

/// How positions wander about their mean while the receiver stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// Which recording.
    pub name: &'static str,
    /// How many stops.
    pub stops: usize,
    /// How long all of them together, seconds.
    pub seconds: f64,
    /// Root mean square per axis about the mean of the stop, metres.
    pub sigma_m: f64,
    /// The farthest from the mean, metres.
    pub farthest_m: f64,
    /// Share of fixes that repeat the position before: receivers that hold it.
    pub repeated: f64,
    /// What the modelled receivers do in stops as long as these: name, metres per axis.
    pub modelled: Vec<(&'static str, f64)>,
}

/// Recorded errors beside modelled ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Google's drive, standing and moving, then the modelled receivers over stretches as long as its own.
    pub errors: Vec<Figures>,
    /// The stops of all recordings.
    pub drifts: Vec<Drift>,
    /// The receiver's reference point as seen from that of the reference: forward (east) and to the left (north), metres.
    pub lever_m: Point,
    /// Seconds of the drive.
    pub seconds: f64,
}

/// Recorded errors beside modelled ones; `None` without the folder of recordings.
///
/// # Errors
/// Which recording cannot be read, and why.
pub fn compare() -> Result<Option<Comparison>, String> {
    let (Some(recording), Some(folder)) = (load()?, folder()) else { return Ok(None) };
    let mut errors = Vec::new();
    for moving in [false, true] {
        errors.extend(figures("mtv", moving, stretches(recording, moving), 0));
        let lengths: Vec<usize> = stretches(recording, moving).iter().map(Vec::len).collect();
        for model in modelled() {
            let all: Vec<Vec<Error>> = (0..RUNS).flat_map(|seed| simulate(&model, seed, moving, &lengths)).collect();
            let kept = without_outliers(&all);
            errors.extend(figures(model.name, moving, &kept, fixes(&all) - fixes(&kept)));
        }
    }
    let mut drifts = Vec::new();
    for (name, file) in DRIVES {
        drifts.push(drift(name, &stops(&text(&folder, file)?, stands)));
    }
    for (name, file) in STATIONARY {
        drifts.push(drift(name, &stops(&text(&folder, file)?, |_| true)));
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let seconds = recording.epochs as f64 + recording.missing_s;
    Ok(Some(Comparison { errors, drifts: drifts.into_iter().flatten().collect(), lever_m: recording.lever_m, seconds }))
}

fn stretches(recording: &Recording, moving: bool) -> &[Vec<Error>] {
    if moving { &recording.moving } else { &recording.standing }
}

fn modelled() -> Vec<Model> {
    levels::models().into_iter().filter(|model| LEVELS.contains(&model.name)).collect()
}

/// The errors of a modelled receiver over stretches of these lengths, as if they followed each other on one drive.
fn simulate(model: &Model, seed: u64, moving: bool, lengths: &[usize]) -> Vec<Vec<Error>> {
    let mut errors = (model.start)(seed);
    let origin = Point { east: 0.0, north: 0.0 };
    let truth =
        State { point: origin, speed_mps: if moving { 10.0 } else { 0.0 }, heading: Point { east: 1.0, north: 0.0 } };
    lengths.iter().map(|&length| (0..length).map(|_| errors.next(1.0, &truth)).collect()).collect()
}

fn fixes(stretches: &[Vec<Error>]) -> usize {
    stretches.iter().map(Vec::len).sum()
}

fn figures(name: &'static str, moving: bool, stretches: &[Vec<Error>], outliers: usize) -> Option<Figures> {
    let axes = |of: fn(&Error) -> Point| -> Vec<Vec<f64>> {
        let east = stretches.iter().map(|stretch| stretch.iter().map(|error| of(error).east).collect());
        let north = stretches.iter().map(|stretch| stretch.iter().map(|error| of(error).north).collect());
        east.chain(north).collect()
    };
    let (offsets, velocities) = (axes(|error| error.offset_m), axes(|error| error.velocity_mps));
    let sigma_m = root_mean_square(&offsets)?;
    let fourth = mean(offsets.iter().flatten().map(|x| x * x * x * x))?;
    let reported_m = mean(stretches.iter().flatten().map(|error| error.sigma_m))?;
    Some(Figures {
        name,
        moving,
        fixes: fixes(stretches),
        outliers,
        sigma_m,
        lasts_s: lasts(&offsets),
        kurtosis: fourth / (sigma_m * sigma_m * sigma_m * sigma_m),
        doppler_mps: root_mean_square(&velocities)?,
        doppler_lasts_s: lasts(&velocities),
        reported_over_true: reported_m / sigma_m,
    })
}

fn radius(point: Point) -> f64 {
    libm::hypot(point.east, point.north)
}

/// Stretches end at an outlier, as they do at a gap.
fn without_outliers(stretches: &[Vec<Error>]) -> Vec<Vec<Error>> {
    let limit_m = outlier_m(stretches.iter().flatten().map(|error| error.offset_m));
    let is_outlier = |error: &Error| radius(error.offset_m) > limit_m;
    let parts = stretches.iter().flat_map(|stretch| stretch.split(is_outlier));
    parts.filter(|part| !part.is_empty()).map(<[Error]>::to_vec).collect()
}

fn outlier_m(offsets: impl Iterator<Item = Point>) -> f64 {
    let mut radii: Vec<f64> = offsets.map(radius).collect();
    radii.sort_by(f64::total_cmp);
    radii.get(radii.len() / 2).map_or(f64::INFINITY, |median| OUTLIER_MEDIANS * median)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then_some(sum / count)
}

fn root_mean_square(series: &[Vec<f64>]) -> Option<f64> {
    mean(series.iter().flatten().map(|x| x * x)).map(libm::sqrt)
}

/// Seconds until the correlation about zero, over all pairs within a stretch, falls to 1/e; interpolated.
fn lasts(series: &[Vec<f64>]) -> Option<f64> {
    let longest = series.iter().map(Vec::len).max()?;
    let correlation = |lag: usize| {
        let pairs = || series.iter().flat_map(move |one| one.iter().zip(one.iter().skip(lag)));
        let (product, square_a, square_b) = pairs().fold((0.0, 0.0, 0.0), |(product, square_a, square_b), (a, b)| {
            (product + a * b, square_a + a * a, square_b + b * b)
        });
        product / libm::sqrt(square_a * square_b)
    };
    let level = libm::exp(-1.0);
    let mut before = 1.0;
    // Beyond half of the longest stretch hardly any pairs are left.
    for (lag, seconds) in (1..longest / 2).zip(1_u32..) {
        let now = correlation(lag);
        if now < level {
            return Some(f64::from(seconds) - 1.0 + (before - level) / (before - now));
        }
        before = now;
    }
    None
}

/// Where the receiver said it was, metres from the first fix of the stop, and when.
type Stop = Vec<(i64, Point)>;

fn stops(recording: &[u8], stands: fn(&Said) -> bool) -> Vec<Stop> {
    let epochs: Vec<(i64, Said)> = reading::epochs(recording).into_iter().filter(|(_, said)| stands(said)).collect();
    let together = |a: &(i64, Said), b: &(i64, Said)| b.0 - a.0 <= STOP_GAP_MS;
    let place = |stop: &[(i64, Said)]| -> Option<Stop> {
        let first = stop.first()?.1.place;
        Some(stop.iter().map(|(time, said)| (*time, said.place.minus(first))).collect())
    };
    let stops = epochs.chunk_by(together).filter_map(place);
    stops.filter(|stop| seconds(stop) >= STOP_S).collect()
}

fn stands(said: &Said) -> bool {
    said.velocity_mps.is_some_and(|velocity| radius(velocity) < STOP_MPS)
}

fn seconds(stop: &Stop) -> f64 {
    let ends = stop.first().zip(stop.last());
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a day")]
    ends.map_or(0.0, |(first, last)| (last.0 - first.0) as f64 / 1e3)
}

fn drift(name: &'static str, stops: &[Stop]) -> Option<Drift> {
    let wander: Vec<Point> = stops.iter().flat_map(|stop| about_mean(stop.iter().map(|(_, point)| *point))).collect();
    let steps = || stops.iter().flat_map(|stop| stop.windows(2));
    #[expect(clippy::float_cmp, reason = "repeated to the last digit is what is asked")]
    let repeats = |pair: &[(i64, Point)]| matches!(pair, [(_, a), (_, b)] if a.east == b.east && a.north == b.north);
    Some(Drift {
        name,
        stops: stops.len(),
        seconds: stops.iter().map(seconds).sum(),
        sigma_m: per_axis(&wander)?,
        farthest_m: wander.iter().copied().map(radius).fold(0.0, f64::max),
        repeated: mean(steps().map(|pair| if repeats(pair) { 1.0 } else { 0.0 }))?,
        modelled: modelled().iter().filter_map(|model| Some((model.name, modelled_drift(model, stops)?))).collect(),
    })
}

fn modelled_drift(model: &Model, stops: &[Stop]) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a day")]
    let lengths: Vec<usize> = stops.iter().map(|stop| seconds(stop) as usize + 1).collect();
    let simulated: Vec<Vec<Error>> = (0..RUNS).flat_map(|seed| simulate(model, seed, false, &lengths)).collect();
    let limit_m = outlier_m(simulated.iter().flatten().map(|error| error.offset_m));
    let wander = simulated.iter().flat_map(|stop| {
        about_mean(stop.iter().map(|error| error.offset_m).filter(|&offset| radius(offset) <= limit_m))
    });
    per_axis(&wander.collect::<Vec<_>>())
}

fn about_mean(points: impl Iterator<Item = Point> + Clone) -> Vec<Point> {
    let centre = mean(points.clone().map(|p| p.east)).zip(mean(points.clone().map(|p| p.north)));
    let Some((east, north)) = centre else { return Vec::new() };
    points.map(|p| Point { east: p.east - east, north: p.north - north }).collect()
}

fn per_axis(wander: &[Point]) -> Option<f64> {
    mean(wander.iter().flat_map(|p| [p.east * p.east, p.north * p.north])).map(libm::sqrt)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the figures are chosen to come out exactly")]
mod tests {
    use super::*;

    fn error(east: f64, north: f64) -> Error {
        Error { offset_m: Point { east, north }, velocity_mps: Point { east: north, north: east }, sigma_m: 6.0 }
    }

    #[test]
    fn figures_of_two_values_are_known() {
        // +-3 m on one axis, 0 on the other: mean square 4.5, fourth moment 40.5, kurtosis 2.
        let stretch: Vec<Error> = (0..40).map(|i| error(if i % 2 == 0 { 3.0 } else { -3.0 }, 0.0)).collect();
        let figures = figures("drawn", true, &[stretch], 0).unwrap();
        assert!((figures.sigma_m - 4.5_f64.sqrt()).abs() < 1e-9 && (figures.doppler_mps - 4.5_f64.sqrt()).abs() < 1e-9);
        assert!((figures.kurtosis - 2.0).abs() < 1e-9);
        assert!((figures.reported_over_true - 6.0 / 4.5_f64.sqrt()).abs() < 1e-9);
        // From 1 to -1 in a second: 1/e is met after (1 - 1/e) / 2.
        assert!((figures.lasts_s.unwrap() - 0.316).abs() < 0.001);
    }

    #[test]
    fn an_outlier_ends_a_stretch() {
        let mut stretch: Vec<Error> = (0..40).map(|i| error(if i % 2 == 0 { 3.0 } else { -3.0 }, 0.0)).collect();
        stretch[20] = error(0.0, 18.1);
        stretch[30] = error(0.0, 17.9);
        assert_eq!(without_outliers(&[stretch]).iter().map(Vec::len).collect::<Vec<_>>(), [20, 19]);
    }

    #[test]
    fn a_correlation_that_outlasts_the_stretch_is_not_guessed() {
        assert_eq!(figures("drawn", false, &[vec![error(2.0, 1.0); 50]], 0).unwrap().lasts_s, None);
    }

    #[test]
    fn the_time_constant_of_a_modelled_receiver_is_found_again() {
        let yard = modelled().remove(1);
        let simulated: Vec<Vec<Error>> = (0..40).flat_map(|seed| simulate(&yard, seed, false, &[4_000])).collect();
        let figures = figures("yard", false, &without_outliers(&simulated), 0).unwrap();
        // 6 m with 45 s, 4 m with 600 s, 1 m white: the sum is down to 1/e of 53 m2 after 93 s.
        assert!((figures.lasts_s.unwrap() - 93.0).abs() < 25.0, "{figures:?}");
        assert!((figures.doppler_mps - 0.24).abs() < 0.005 && figures.doppler_lasts_s.unwrap() < 1.0);
    }

    #[test]
    fn drift_is_about_the_mean_of_each_stop() {
        let at = |time, east| (time, Point { east, north: 0.0 });
        let stops = [
            vec![at(0, 0.0), at(10_000, 4.0), at(20_000, 4.0), at(30_000, 0.0)],
            vec![at(60_000, 100.0), at(90_000, 100.0)],
        ];
        let drift = drift("drawn", &stops).unwrap();
        assert_eq!((drift.stops, drift.seconds, drift.farthest_m, drift.repeated), (2, 60.0, 2.0, 0.5));
        // Four values of 2 m among twelve.
        assert!((drift.sigma_m - (16.0_f64 / 12.0).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn the_recordings_can_be_compared_where_they_are() {
        let Some(comparison) = compare().unwrap() else { return };
        assert_eq!(comparison.errors.len(), 8);
        assert_eq!(comparison.drifts.len(), 4);
        for figures in &comparison.errors {
            println!("{figures:?}");
        }
        for drift in &comparison.drifts {
            println!("{drift:?}");
        }
    }
}
