//! What must hold for every drive, however it was drawn.

use crate::drawn::{OneFence, advance, seconds};
use geofence::{Fix, Kind, Mode, Position, Tracker, UnixMillis};
use proptest::prelude::*;

/// Any drawing that makes sense to draw.
fn drawing() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            4 => Just(">>>>>>>>"), 4 => Just("<<<<<<<<"), 4 => Just("ssssssss"), 1 => Just("?????"), 1 => Just("---------------"),
            1 => Just("~~~~"), 1 => Just("!"), 1 => Just("|"), 1 => Just("??????????????"), 1 => Just("^^^^^^^^^^^^"),
            1 => Just("========"), 1 => Just("00000000"), 1 => Just("))))))))))))"), 1 => Just("::::::::"), 1 => Just("fffffffffffff"),
        ],
        1..14,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_restart_at_any_fix_leaves_no_seam(drawing in drawing(), cut in 0usize..120) {
        let fence = OneFence::new();
        let (mut whole, mut cut_once) = (Tracker::default(), Tracker::default());
        for (number, second) in seconds(&drawing).into_iter().enumerate() {
            if number == cut {
                let kept = serde_json::to_string(&cut_once).unwrap();
                cut_once = serde_json::from_str(&kept).unwrap();
            }
            prop_assert_eq!(advance(&mut whole, &fence, second), advance(&mut cut_once, &fence, second));
        }
        prop_assert_eq!(whole, cut_once);
    }

    #[test]
    fn entries_and_exits_alternate_and_every_time_is_in_order(drawing in drawing()) {
        let (fence, mut tracker) = (OneFence::new(), Tracker::default());
        let mut inside = false;
        for second in seconds(&drawing) {
            for transition in advance(&mut tracker, &fence, second) {
                prop_assert_eq!(transition.kind, if inside { Kind::Left } else { Kind::Entered });
                inside = !inside;
                let crossing = transition.crossing;
                prop_assert!(crossing.lo.is_none_or(|lo| lo <= crossing.at));
                prop_assert!(crossing.at <= crossing.hi && crossing.hi <= transition.decided_at);
            }
        }
    }

    #[test]
    fn the_short_cut_through_empty_country_changes_nothing(drawing in drawing()) {
        let (near, far) = (OneFence::new(), OneFence { tells_clearance: false, ..OneFence::new() });
        let (mut short, mut long) = (Tracker::default(), Tracker::default());
        for second in seconds(&drawing) {
            prop_assert_eq!(advance(&mut short, &near, second), advance(&mut long, &far, second));
        }
        prop_assert_eq!(short.near(), long.near());
    }

    #[test]
    fn a_state_of_another_version_is_refused(version in any::<u16>().prop_filter("another", |version| *version != 2)) {
        let kept = serde_json::to_string(&Tracker::default()).unwrap();
        let other = kept.replacen("\"version\":2", &format!("\"version\":{version}"), 1);
        prop_assert!(serde_json::from_str::<Tracker>(&kept).is_ok());
        prop_assert!(serde_json::from_str::<Tracker>(&other).unwrap_err().to_string().contains("version"));
    }

    #[test]
    fn no_input_panics(
        fixes in proptest::collection::vec(
            (any::<i64>(), any::<i32>(), any::<i32>(), any::<f64>(), any::<Option<f64>>(), 0u8..3), 0..40,
        ),
    ) {
        let (fence, mut tracker) = (OneFence::new(), Tracker::default());
        for (time, lat, lon, sigma_m, speed_mps, mode) in fixes {
            let position = Position::from_degrees(f64::from(lat) / 2.4e7, f64::from(lon) / 1.2e7);
            let mode = [Mode::ThreeD, Mode::TwoD, Mode::DeadReckoning][usize::from(mode)];
            let Some(position) = position else { continue };
            let fix = Fix { time: UnixMillis(time), position, mode, sigma_m, speed_mps, track_deg: None };
            let _ = tracker.step(&fence, &fix);
        }
    }
}
