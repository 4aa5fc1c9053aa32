//! Every formula of the stamp against a number worked out by hand.

use super::*;
use crate::fences::FenceKey;

fn sample(time_s: f64, distance_m: f64, speed_mps: Option<f64>) -> Sample {
    let position = Position::from_degrees(0.0, 0.0).unwrap();
    Sample { time: UnixMillis(0) + Span::from_seconds(time_s), position, distance_m, sigma_m: 5.0, speed_mps }
}

/// `lo`, `at`, `hi` in milliseconds.
fn times(crossing: &Crossing) -> [i64; 3] {
    [crossing.lo.map_or(i64::MIN, |lo| lo.0), crossing.at.0, crossing.hi.0]
}

/// From 40 m before the boundary at 0 s to 80 m beyond it at 100 s.
fn gap(inwards: bool, v_before: Option<f64>, v_after: Option<f64>) -> Crossing {
    let sign = if inwards { 1.0 } else { -1.0 };
    Crossing::between(sample(0.0, 40.0 * sign, v_before), sample(100.0, -80.0 * sign, v_after), Break::Silence)
}

#[test]
fn between_near_samples_the_crossing_divides_the_time_as_the_boundary_divides_the_way() {
    let crossing = Crossing::between(sample(10.0, 30.0, None), sample(12.0, -10.0, None), Break::None);
    assert_eq!((times(&crossing), crossing.method), ([10_000, 11_500, 12_000], Method::Interpolated));
    let on_the_line = Crossing::between(sample(10.0, 0.0, None), sample(12.0, 0.0, None), Break::None);
    assert_eq!(times(&on_the_line), [10_000, 10_000, 12_000]);
    let late = Crossing::between(sample(10.0, -30.0, None), sample(12.0, 10.0, None), Break::None);
    assert_eq!(times(&late), [10_000, 11_500, 12_000]);
    let far = Crossing::between(sample(0.0, 100.0, None), sample(10.0, 50.0, None), Break::None);
    assert_eq!(times(&far), [0, 10_000, 10_000]);
}

#[test]
fn a_truck_that_stood_on_both_sides_of_a_gap_may_have_moved_at_any_time() {
    // 40 m and 80 m at 8 m/s are 5 s and 10 s.
    for speeds in [(Some(0.0), Some(0.9)), (None, None)] {
        let crossing = gap(true, speeds.0, speeds.1);
        assert_eq!((times(&crossing), crossing.method), ([5_000, 47_500, 90_000], Method::GapMean));
    }
}

#[test]
fn a_gap_is_counted_from_the_side_that_moved() {
    // Bounds at 1.5 x 10 m/s: 40 m are 2.667 s, 80 m 5.333 s. Forward 4 s; back 100 - 1.15 x 80 / 5 = 81.6 s.
    let cases = [
        (true, 10.0, 5.0, [2_667, 42_800, 94_667], Method::GapMean),
        (true, 10.0, 0.5, [2_667, 4_000, 94_667], Method::GapForward),
        (true, 10.0, 1.0, [2_667, 4_000, 94_667], Method::GapForward),
        (true, 3.0, 10.0, [2_667, 90_800, 94_667], Method::GapBack),
        (false, 10.0, 5.0, [2_667, 81_600, 94_667], Method::GapBack),
        (false, 1.0, 0.0, [5_000, 8_000, 90_000], Method::GapBack),
    ];
    for (inwards, before, after, expected, method) in cases {
        let crossing = gap(inwards, Some(before), Some(after));
        assert_eq!((times(&crossing), crossing.method), (expected, method), "{inwards} {before} {after}");
    }
}

#[test]
fn a_gap_that_ends_on_the_line_was_entered() {
    let crossing = Crossing::between(sample(0.0, 40.0, Some(10.0)), sample(100.0, 0.0, Some(0.5)), Break::Jump);
    assert_eq!((times(&crossing), crossing.method), ([2_667, 4_000, 100_000], Method::GapForward));
}

#[test]
fn nothing_lies_outside_the_gap() {
    let far = Crossing::between(sample(0.0, 400.0, Some(2.0)), sample(10.0, -400.0, Some(2.0)), Break::Silence);
    // 800 m in 10 s are 80 m/s, so 120 m/s at most: 400 m of them take 3.333 s.
    assert_eq!(times(&far), [0, 0, 6_667]);
    let backwards = Crossing::between(sample(10.0, 40.0, Some(2.0)), sample(0.0, -40.0, Some(2.0)), Break::Silence);
    assert_eq!(times(&backwards), [10_000, 10_000, 10_000]);
    let backwards = Crossing::between(sample(10.0, 40.0, None), sample(0.0, -40.0, None), Break::None);
    assert_eq!(backwards.at, UnixMillis(10_000));
}

#[test]
fn what_happened_while_the_device_was_off_has_the_whole_gap_as_interval() {
    let crossing = Crossing::between(sample(0.0, 40.0, Some(0.0)), sample(100.0, -80.0, Some(0.0)), Break::PowerCut);
    assert_eq!((times(&crossing), crossing.method), ([0, 47_500, 100_000], Method::PowerOff));
}

#[test]
fn from_standstill_it_takes_the_root_of_the_way() {
    // 0.8 and 2.5 sigma of 5 m at 0.7 m/s^2: sqrt(8 / 0.7) = 3.381 s and sqrt(25 / 0.7) = 5.976 s.
    let crossing = Crossing::set_off(UnixMillis(1_000), sample(0.0, -5.0, None), sample(9.0, 5.0, None));
    assert_eq!((times(&crossing), crossing.method), ([1_000, 4_381, 6_976], Method::Interpolated));
}

#[test]
fn a_decision_widens_the_bounds_to_the_sure_moments_and_ends_them_itself() {
    let crossing = Crossing::between(sample(10.0, 10.0, None), sample(12.0, -10.0, None), Break::None);
    let decided = |before: i64, after: i64, at: i64| {
        times(&crossing.decided(UnixMillis(before), UnixMillis(after), UnixMillis(at)))
    };
    assert_eq!(decided(8_000, 14_000, 15_000), [8_000, 11_000, 14_000]);
    assert_eq!(decided(10_500, 11_500, 15_000), [10_000, 11_000, 12_000]);
    assert_eq!(decided(8_000, 14_000, 13_000), [8_000, 11_000, 13_000]);
    assert_eq!(decided(8_000, 14_000, 10_400), [8_000, 10_400, 10_400]);
    let first = Crossing::first_inside(sample(5.0, -3.0, None));
    assert_eq!(first.decided(UnixMillis(0), UnixMillis(5_000), UnixMillis(9_000)).lo, None);
}

#[test]
fn the_probability_is_that_of_the_normal_law_with_the_survey_in_it() {
    // A sigma of sqrt(24) with 1 m of survey is 5 m.
    let sigma = 24.0_f64.sqrt();
    for (distance_m, expected) in [(0.0, 0.5), (-5.0, 0.841_345), (5.0, 0.158_655), (-10.0, 0.977_250)] {
        assert!((probability_inside(distance_m, sigma) - expected).abs() < 1e-6, "{distance_m}");
    }
}

#[test]
fn what_the_filter_left_and_what_is_common_add_as_squares() {
    assert!((sigma_m(9.0, 8.0) - 5.0).abs() < 1e-12);
}

#[test]
fn the_best_that_a_narrow_fence_can_give_is_that_of_a_strip() {
    // 1.3 x 10 m is one sigma of 13 m: 68.3 %.
    assert!((inside_at_best(10.0, 168.0_f64.sqrt()) - 0.682_689).abs() < 1e-6);
}

/// All that lies within `half_m` of a line through 0, 0 in this direction.
struct Strip {
    half_m: f64,
    normal: [f64; 2],
}

impl Fences for Strip {
    fn len(&self) -> usize {
        1
    }
    fn key(&self, _: usize) -> Option<FenceKey> {
        Some(FenceKey(1))
    }
    fn find(&self, _: FenceKey) -> Option<usize> {
        Some(0)
    }
    fn signed_distance_m(&self, _: usize, position: Position) -> Option<f64> {
        let scale = Scale::between(0, 0);
        let (east_e7, north_e7) = position.offset_e7(Position::from_degrees(0.0, 0.0).unwrap());
        #[expect(clippy::cast_precision_loss, reason = "below 2^33")]
        let (east_m, north_m) = (east_e7 as f64 * scale.east_m, north_e7 as f64 * scale.north_m);
        Some((east_m * self.normal[0] + north_m * self.normal[1]).abs() - self.half_m)
    }
    fn depth_m(&self, _: usize) -> Option<f64> {
        Some(self.half_m)
    }
    fn around(&self, _: Position, _: f64, _: &mut dyn FnMut(usize)) {}
    fn clearance_m(&self, _: Position) -> f64 {
        0.0
    }
    fn revision(&self) -> u64 {
        1
    }
}

#[test]
fn in_a_narrow_place_the_probability_is_that_of_both_boundaries() {
    let normal_law = |z: f64| 0.5 * libm::erfc(-z / core::f64::consts::SQRT_2);
    for degrees in [0.0_f64, 30.0, 45.0, 90.0, 135.0] {
        let normal = [degrees.to_radians().cos(), degrees.to_radians().sin()];
        // The eight points are too kind where the fence is far narrower than the error.
        let cases = [(10.0, 0.0, 0.035), (10.0, 8.0, 0.035), (15.0, 20.0, 0.035), (30.0, 0.0, 0.035), (4.0, 0.0, 0.09)];
        for (half_m, off_m, within) in cases {
            let sigma_m = 10.0;
            let strip = Strip { half_m, normal };
            let position = crate::geodesy::Position::from_degrees(0.0, 0.0).unwrap();
            let scale = Scale::between(0, 0);
            let position = position.moved_e7(off_m * normal[0] / scale.east_m, off_m * normal[1] / scale.north_m);
            let distance_m = strip.signed_distance_m(0, position).unwrap();
            let at = Sample { time: UnixMillis(0), position, distance_m, sigma_m, speed_mps: None };
            let exact = normal_law((half_m - off_m) / sigma_m) - normal_law((-half_m - off_m) / sigma_m);
            let found = inside(&strip, 0, &at).unwrap();
            assert!((found - exact).abs() < within, "{degrees} {half_m} {off_m}: {found} for {exact}");
        }
    }
}

#[test]
fn a_wide_fence_and_a_far_truck_need_one_distance_only() {
    let strip = Strip { half_m: 100.0, normal: [1.0, 0.0] };
    let at = Sample { distance_m: -8.0, sigma_m: 20.0, ..sample(0.0, 0.0, None) };
    assert_eq!(inside(&strip, 0, &at), Some(probability_inside(-8.0, 20.0)));
    let far = Sample { distance_m: 90.0, sigma_m: 30.0, ..at };
    assert_eq!(inside(&strip, 0, &far), Some(probability_inside(90.0, 30.0)));
    // Within three sigmas of a narrow one both boundaries are asked.
    let strip = Strip { half_m: 10.0, normal: [1.0, 0.0] };
    let near = Sample { distance_m: 20.0, sigma_m: 10.0, ..at };
    assert_ne!(inside(&strip, 0, &near), Some(probability_inside(20.0, 10.0)));
}
