//! One word for whether a stamp can be relied on: that the crossing happened, and when.

use geofence::Span;

/// A delay of 15 minutes becomes a disruption: a stamp that is not known to within that says little about a load, however sure the
/// crossing is. A third of it leaves room for what else is uncertain.
const HIGH: (f64, Span) = (0.999, Span::seconds(300));
const MEDIUM: (f64, Span) = (0.95, Span::seconds(900));

/// `high`, `medium` or `low`. `probability`: that the crossing happened, 0 to 1; `within`: the width of the interval that the truth lies
/// in at 95 %, `None` where it has no earlier end.
#[must_use]
pub fn confidence(probability: f64, within: Option<Span>) -> &'static str {
    let reaches = |(least, widest): (f64, Span)| probability >= least && within.is_some_and(|within| within <= widest);
    if reaches(HIGH) {
        "high"
    } else if reaches(MEDIUM) {
        "medium"
    } else {
        "low"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_of_whether_and_when_decides() {
        let minutes = |count: i64| Some(Span::seconds(count * 60));
        assert_eq!(confidence(1.0, minutes(1)), "high");
        assert_eq!(confidence(0.99, minutes(1)), "medium");
        assert_eq!(confidence(0.5, minutes(1)), "low");
        assert_eq!(confidence(1.0, minutes(6)), "medium");
        assert_eq!(confidence(1.0, minutes(30)), "low");
        assert_eq!(confidence(1.0, None), "low", "no earlier end");
        assert_eq!(confidence(f64::NAN, minutes(1)), "low");
    }
}
