//! What recordings say about the error models: tables, and where the models were wrong.

use super::table::{Table, seconds};
use crate::noise::recorded::{self, Comparison, Drift, Figures};
use std::fmt::Write as _;

/// The section's text.
pub(super) fn section() -> String {
    match recorded::compare() {
        Ok(Some(comparison)) => text(&comparison),
        Ok(None) => format!("The recordings were not at hand (`{}` was not set).\n\n", recorded::FOLDER),
        Err(why) => format!("The recordings could not be read: {why}\n\n"),
    }
}

fn text(comparison: &Comparison) -> String {
    let mut out = String::new();
    let lever = comparison.lever_m;
    let side = if lever.north < 0.0 { "right" } else { "left" };
    let along = if lever.east < 0.0 { "behind" } else { "before" };
    let _ = write!(
        out,
        "One drive has a reference: google-mtv-2020, {:.0} min in Mountain View, u-blox ZED-F9K beside a NovAtel SPAN. The receiver's \
         reference point is {:.2} m {along} and {:.2} m to the {side} of the other's, in the car's own axes; that is the mounting and \
         was taken out (it is nearly all of the 0.5 m between the two tracks). What is left is an RTK receiver with wheel ticks, \
         far better than a truck's: the size of its error says nothing about trucks, its shape in time does a little. The modelled \
         receivers stand beside it over stretches just as long; their outliers, which are a process of their own, are left out.\n\n",
        comparison.seconds / 60.0,
        lever.east.abs(),
        lever.north.abs()
    );
    out.push_str(&errors(&comparison.errors));
    out.push_str(&verdicts(&comparison.errors));
    out.push_str(
        "Without a reference, only the drift about the mean of a stop can be told. Beside it what the modelled receivers do in stops \
         just as long.\n\n",
    );
    out.push_str(&drifts(&comparison.drifts));
    out.push_str(
        "Receivers hold their position when they believe to stand: most of the fixes in a stop repeat the one before. That makes \
         parked trucks easier than the models have them, and the moment of driving off harder, because the position stays behind. \
         No recording here is long enough to show drift over hours, none was made in a yard, and none in a truck.\n\n",
    );
    out
}

fn errors(all: &[Figures]) -> String {
    let header = [
        "receiver",
        "state",
        "fixes",
        "position, m per axis",
        "correlated for, s",
        "kurtosis",
        "Doppler, m/s per axis",
        "correlated for, s",
        "reported / true",
    ];
    let mut table = Table::new(2, &header);
    for figures in all {
        table.row(vec![
            named(figures),
            (if figures.moving { "moving" } else { "standing" }).to_owned(),
            super::table::thousands(f64::from(u32::try_from(figures.fixes).unwrap_or(u32::MAX))),
            format!("{:.2}", figures.sigma_m),
            lasting(figures.lasts_s),
            format!("{:.1}", figures.kurtosis),
            format!("{:.3}", figures.doppler_mps),
            lasting(figures.doppler_lasts_s),
            format!("{:.1}", figures.reported_over_true),
        ]);
    }
    table.markdown()
}

fn named(figures: &Figures) -> String {
    if is_recorded(figures) { format!("**{}** (recorded)", figures.name) } else { figures.name.to_owned() }
}

fn is_recorded(figures: &Figures) -> bool {
    figures.name == "mtv"
}

fn lasting(value: Option<f64>) -> String {
    value.map_or("longer than seen".to_owned(), |_| seconds(value))
}

fn spoken(value: Option<f64>) -> String {
    value.map_or("longer than seen".to_owned(), |_| format!("{} s", seconds(value)))
}

/// Where the models differ from what was recorded, in words made of the figures.
fn verdicts(all: &[Figures]) -> String {
    let find = |name: &str, moving: bool| all.iter().find(|figures| figures.name == name && figures.moving == moving);
    let parts = (find("mtv", false), find("mtv", true), find("yard", false), find("yard", true));
    let (Some(stood), Some(moved), Some(yard_stood), Some(yard_moved)) = parts else { return String::new() };
    let mut out = String::from("Where the models were wrong, as far as one drive can tell:\n\n");
    let _ = writeln!(
        out,
        "- **Tails.** Recorded kurtosis {:.0} standing and {:.0} moving; the models are all but normal ({:.1}, where 3 is normal). A sum of many heavy-tailed steps is nearly normal again, \
         so the `-tails` models have tails in their steps only.",
        stood.kurtosis, moved.kurtosis, yard_stood.kurtosis
    );
    let _ = writeln!(
        out,
        "- **Doppler knows a standstill.** Recorded {:.3} m/s standing, {:.3} m/s moving (in part the reference: its positions are \
         differenced over two seconds); the models have {:.2} m/s in both. Recorded errors last {} on the move, modelled ones {}.",
        stood.doppler_mps,
        moved.doppler_mps,
        yard_stood.doppler_mps,
        spoken(moved.doppler_lasts_s),
        spoken(yard_moved.doppler_lasts_s)
    );
    let _ = writeln!(
        out,
        "- **Memory.** Position errors last {} standing and {} moving; in the yard model {} and {}.",
        spoken(stood.lasts_s),
        spoken(moved.lasts_s),
        spoken(yard_stood.lasts_s),
        spoken(yard_moved.lasts_s)
    );
    let _ = writeln!(
        out,
        "- **Reported accuracy.** There is no GST in the recording; HDOP times 5 m is {:.0} to {:.0} times what the receiver's error was. \
         The models report 0.5 to 1.1 of the truth, or 0.3 to 1.5 (`-hdop`): a receiver with corrections is far outside of both.\n",
        stood.reported_over_true.min(moved.reported_over_true),
        stood.reported_over_true.max(moved.reported_over_true)
    );
    out
}

fn drifts(all: &[Drift]) -> String {
    let models: Vec<String> =
        all.first().map_or_else(Vec::new, |d| d.modelled.iter().map(|(name, _)| format!("{name}, m")).collect());
    let mut header = vec!["recording", "stops", "seconds", "drift, m per axis", "farthest, m", "repeated, %"];
    header.extend(models.iter().map(String::as_str));
    let mut table = Table::new(1, &header);
    for drift in all {
        let mut row = vec![
            drift.name.to_owned(),
            drift.stops.to_string(),
            format!("{:.0}", drift.seconds),
            format!("{:.2}", drift.sigma_m),
            format!("{:.1}", drift.farthest_m),
            format!("{:.0}", 100.0 * drift.repeated),
        ];
        row.extend(drift.modelled.iter().map(|(_, sigma_m)| format!("{sigma_m:.1}")));
        table.row(row);
    }
    table.markdown()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Point;

    fn figures(name: &'static str, moving: bool) -> Figures {
        Figures {
            name,
            moving,
            fixes: 1_200,
            outliers: 0,
            sigma_m: 0.5,
            lasts_s: (!moving).then_some(42.0),
            kurtosis: 4.0,
            doppler_mps: 0.02,
            doppler_lasts_s: Some(1.0),
            reported_over_true: 8.0,
        }
    }

    #[test]
    fn the_section_says_what_was_found_and_what_was_not() {
        let errors = ["mtv", "yard"].into_iter().flat_map(|name| [figures(name, false), figures(name, true)]);
        let lever_m = Point { east: -0.5, north: 0.1 };
        let text = text(&Comparison { errors: errors.collect(), drifts: Vec::new(), lever_m, seconds: 1_740.0 });
        assert!(text.contains("29 min") && text.contains("0.50 m behind and 0.10 m to the left"));
        assert!(
            text.contains(
                "| **mtv** (recorded) | moving | 1,200 | 0.50 | longer than seen | 4.0 | 0.020 | 1.0 | 8.0 |"
            )
        );
        assert!(text.contains("errors last 42.0 s standing and longer than seen moving"));
    }
}
