//! The types of events that this release makes.

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The truck arrived at a facility.
    VisitArrived,
    /// It departed.
    VisitDeparted,
    /// It only drove through.
    VisitPassed,
    /// It entered or left a zone, or stood still for the first time.
    VisitPhase,
    /// The facilities changed around the truck.
    VisitRebased,
    /// No fix for some time.
    GnssLost,
    /// Fixes are back.
    GnssRestored,
    /// The agent started.
    DeviceStarted,
    /// The agent was told to stop.
    DeviceStopped,
    /// Something about the device that dispatch should know.
    DeviceHealth,
    /// Private time began or ended.
    DeviceMode,
    /// Events that dispatch will never get.
    DeviceLost,
}

/// Whether the event with these bytes is about a visit.
#[must_use]
pub fn is_about_a_visit(body: &[u8]) -> bool {
    // The type stands before everything that a person wrote, and names of fleets and trucks have no quotes: `Envelope`.
    const TYPE: &[u8] = b"\"type\":\"com.gatestamp.visit.";
    body.windows(TYPE.len()).take(512).any(|window| window == TYPE)
}

impl Kind {
    /// Somebody at dispatch waits for it: it is sent before what is only of record.
    #[must_use]
    pub const fn is_urgent(self) -> bool {
        match self {
            Self::VisitArrived | Self::VisitDeparted | Self::VisitPassed | Self::VisitPhase | Self::DeviceLost => true,
            Self::VisitRebased
            | Self::GnssLost
            | Self::GnssRestored
            | Self::DeviceStarted
            | Self::DeviceStopped
            | Self::DeviceHealth
            | Self::DeviceMode => false,
        }
    }

    /// The same of the event with this `type`; of one that another release made, no.
    #[must_use]
    pub fn is_urgent_name(name: &str) -> bool {
        let urgent = [Self::VisitArrived, Self::VisitDeparted, Self::VisitPassed, Self::VisitPhase, Self::DeviceLost];
        urgent.iter().any(|kind| kind.name() == name)
    }

    /// The `type` of the CloudEvent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VisitArrived => "com.gatestamp.visit.arrived",
            Self::VisitDeparted => "com.gatestamp.visit.departed",
            Self::VisitPassed => "com.gatestamp.visit.passed",
            Self::VisitPhase => "com.gatestamp.visit.phase",
            Self::VisitRebased => "com.gatestamp.visit.rebased",
            Self::GnssLost => "com.gatestamp.gnss.lost",
            Self::GnssRestored => "com.gatestamp.gnss.restored",
            Self::DeviceStarted => "com.gatestamp.device.started",
            Self::DeviceStopped => "com.gatestamp.device.stopped",
            Self::DeviceHealth => "com.gatestamp.device.health",
            Self::DeviceMode => "com.gatestamp.device.mode",
            Self::DeviceLost => "com.gatestamp.device.lost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_is_told_from_everything_else_by_its_type_alone() {
        let body = |kind: Kind, rest: &str| {
            format!(r#"{{"specversion":"1.0","id":"a-1","source":"/fleets/a","type":"{}"{rest}}}"#, kind.name())
                .into_bytes()
        };
        assert!(is_about_a_visit(&body(Kind::VisitArrived, "")) && is_about_a_visit(&body(Kind::VisitRebased, "")));
        assert!(!is_about_a_visit(&body(Kind::DeviceHealth, r#","subject":"com.gatestamp.visit.arrived""#)));
        assert!(!is_about_a_visit(b"") && !is_about_a_visit(b"\"type\":\"com.gate"));
    }
}
