//! What is the matter with the receiver? One named state, why, and what a technician in the cab does about it.
//!
//! The source knows whether a port is there and at which speed it listens; the ledger knows what came out of it. The one that is nearer
//! to the wire is told: nobody looks for an antenna fault while the cable is out.

use super::source::Trouble;
use crate::gnss::coverage::Cause;
use crate::time::Mono;
use geofence::Span;

/// What the border knows of the source.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Why it gives nothing, where it is gone.
    pub(super) trouble: Option<Trouble>,
    /// Line speed at which it listens, bit/s, where there is one.
    pub(super) speed: Option<u32>,
    /// Other speeds are being tried, or were in vain: none is proven since.
    pub(super) scanning: bool,
    /// Other programs that have the port open too.
    pub(super) shared_with: Vec<String>,
    /// AT commands of another program in the stream.
    pub(super) commands: u64,
    /// Open, or tried at least once.
    pub(super) tried: bool,
    /// When bytes came last, or it was opened.
    pub(super) heard: Mono,
}

/// Without bytes for so long, what is missing are bytes and not good fixes. The ledger is not sure of it before the slowest receiver
/// would have spoken again.
const QUIET_AFTER: Span = Span::seconds(3);

/// A state with its explanation, as `health` and `status` tell it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Diagnosis {
    pub(super) state: &'static str,
    pub(super) why: Option<String>,
    pub(super) remedy: Option<&'static str>,
}

impl Diagnosis {
    fn new(state: &'static str, why: impl Into<String>, remedy: &'static str) -> Self {
        Self { state, why: Some(why.into()), remedy: Some(remedy) }
    }

    fn fine(state: &'static str) -> Self {
        Self { state, why: None, remedy: None }
    }
}

/// The receiver's state from both sides, at `at`.
pub(super) fn diagnose(view: &View, cause: Cause, at: Mono) -> Diagnosis {
    let cause = if cause == Cause::Unknown && at - view.heard > QUIET_AFTER { Cause::SerialSilent } else { cause };
    if let Some(trouble) = &view.trouble {
        return Diagnosis::new(trouble.kind.word(), trouble.why.clone(), trouble.kind.remedy());
    }
    if !view.tried {
        return Diagnosis::fine("starting");
    }
    let speed = view.speed.map_or_else(String::new, |speed| format!(" at {speed} bit/s"));
    // Whoever says nothing any more has no wrong speed, whatever was heard before.
    if view.scanning && cause != Cause::SerialSilent {
        return Diagnosis::new(
            "wrong_speed",
            format!("bytes came, and no sentence with a good checksum among them; now listening{speed}"),
            "wait half a minute: the usual speeds are tried, once a minute, and the one that is found is kept. If none is: the \
             receiver must be set to NMEA output, and RX, TX and ground must be connected well",
        );
    }
    let mut told = received(cause).unwrap_or_else(|| receiving(view));
    if !view.shared_with.is_empty() {
        // Two readers of one port take bytes from each other, whatever came of it just now.
        let shared = format!("the port is open in {} too", view.shared_with.join(", "));
        told.why = Some(told.why.map_or_else(|| shared.clone(), |why| format!("{why}; {shared}")));
        told.remedy = told.remedy.or(Some(
            "stop the other program, or keep it off the port for good (the packaged udev rule does, for ModemManager and getty)",
        ));
    }
    told
}

fn receiving(view: &View) -> Diagnosis {
    if view.commands == 0 {
        return Diagnosis::fine("receiving");
    }
    Diagnosis::new(
        "foreign_commands",
        format!("{} AT commands of another program came back from the receiver", view.commands),
        "keep ModemManager off the port (the packaged udev rule does; ls -l /dev/gnss), or remove it",
    )
}

/// What came out of an open source at the right speed; `None`: fixes.
fn received(cause: Cause) -> Option<Diagnosis> {
    let (state, why, remedy) = match cause {
        Cause::Covered => return None,
        Cause::DeadReckoning => (
            "dead_reckoning",
            "the receiver hears too little, and reckons its position on from the last one",
            "nothing, in a tunnel or under a roof; under open sky check the antenna, its cable and its place",
        ),
        Cause::SerialSilent => (
            "no_data",
            "the source is open, and no bytes come",
            "check the receiver's power, and that its TX goes to our RX; silence has nothing to do with the speed",
        ),
        Cause::ChecksumStorm => (
            "checksum_storm",
            "bytes come, and no sentence with a good checksum among them",
            "check RX, TX and ground of the receiver and the length of its cable, and that it is set to NMEA output; other speeds \
             are tried once a minute",
        ),
        Cause::ReceiverFrozen => (
            "receiver_frozen",
            "sentences come, and their time stands still",
            "switch the receiver's power off and on again; if it comes back, replace the receiver",
        ),
        Cause::AntennaOpen => {
            ("antenna_open", "the receiver says that no antenna is connected", "check the antenna's plug and cable")
        }
        Cause::AntennaShort => (
            "antenna_short",
            "the receiver says that its antenna is shorted",
            "check the antenna's cable for crushed places, then replace the antenna",
        ),
        Cause::JammingSuspected => (
            "jamming_suspected",
            "the receiver reports interference",
            "look for a jammer, a dash camera or a charger near the antenna, and switch it off",
        ),
        Cause::Acquiring => (
            "acquiring",
            "the receiver talks, and has had no fix since it was switched on",
            "wait under open sky: seconds to a minute, 15 minutes after months without power; then check the antenna",
        ),
        Cause::TunnelOrIndoor => (
            "no_fix",
            "the receiver talks, and says that it has no fix",
            "nothing, in a tunnel or under a roof; under open sky check the antenna, its cable and its place",
        ),
        Cause::Privacy => ("private", "the driver's private mode is on", "nothing: it ends by itself or by the driver"),
        Cause::AgentDown | Cause::PowerOff => return Some(Diagnosis::fine("starting")),
        Cause::Unknown => (
            "no_usable_fix",
            "the receiver sends positions that are not used",
            "see `not used` for the reasons and their counts; a recording of some minutes tells more (gatestamp replay)",
        ),
    };
    Some(Diagnosis::new(state, why, remedy))
}

#[cfg(test)]
mod tests {
    use super::super::source::Kind;
    use super::*;

    const NOW: Mono = Mono(100_000);

    fn view() -> View {
        View { tried: true, speed: Some(9_600), heard: NOW, ..View::default() }
    }

    #[test]
    fn a_receiver_that_falls_silent_is_not_told_to_send_what_cannot_be_used() {
        let after = |seconds: i64| diagnose(&view(), Cause::Unknown, NOW.plus(Span::seconds(seconds))).state;
        assert_eq!(
            [0, 2, 3, 4, 8].map(after),
            ["no_usable_fix", "no_usable_fix", "no_usable_fix", "no_data", "no_data"]
        );
        let told = diagnose(&view(), Cause::TunnelOrIndoor, NOW.plus(Span::seconds(8)));
        assert_eq!(told.state, "no_fix", "what the receiver said last counts until the ledger knows better");
    }

    #[test]
    fn what_is_nearer_to_the_wire_is_told_first() {
        let mut view = view();
        view.shared_with = vec!["ModemManager (pid 812)".to_owned()];
        let told = diagnose(&view, Cause::TunnelOrIndoor, NOW);
        assert_eq!((told.state, told.why.is_some_and(|why| why.contains("pid 812"))), ("no_fix", true));
        let told = diagnose(&view, Cause::Covered, NOW);
        assert_eq!((told.state, told.remedy.is_some()), ("receiving", true));
        view.scanning = true;
        assert_eq!(diagnose(&view, Cause::ChecksumStorm, NOW).state, "wrong_speed");
        assert_eq!(
            diagnose(&view, Cause::SerialSilent, NOW).state,
            "no_data",
            "the scan found nothing, then it fell silent"
        );
        view.trouble = Some(Trouble::new(Kind::Busy, "in use by gpsd (pid 9)"));
        let told = diagnose(&view, Cause::ChecksumStorm, NOW);
        assert_eq!((told.state, told.why.as_deref()), ("opened_by_another_program", Some("in use by gpsd (pid 9)")));
    }

    #[test]
    fn every_cause_but_coverage_says_what_to_do_or_that_it_passes() {
        for cause in Cause::ALL {
            let told = diagnose(&view(), cause, NOW);
            assert_eq!(told.why.is_some(), told.remedy.is_some());
            let passes = matches!(cause, Cause::Covered | Cause::AgentDown | Cause::PowerOff);
            assert_eq!(told.remedy.is_none(), passes, "{cause:?}");
        }
        assert_eq!(diagnose(&view(), Cause::Covered, NOW), Diagnosis::fine("receiving"));
    }

    #[test]
    fn commands_of_another_program_are_told_while_all_else_is_well() {
        let told = diagnose(&View { commands: 3, ..view() }, Cause::Covered, NOW);
        assert_eq!(told.state, "foreign_commands");
    }
}
