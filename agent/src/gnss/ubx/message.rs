//! What the UBX messages say, in the words of the sentences: a [`Report`] of an instant, or findings about antenna and jamming.

use super::super::finding::{Antenna, Finding, Jamming, Spoofing};
use super::super::sentence::{RawDate, Report, Said, TimeOfDay, Type, Validity};
use super::Kind;
use super::frame::Message;
use geofence::Position;

/// `hAcc` is the radius of both axes together; a sigma is that of one axis.
const AXES: f64 = core::f64::consts::SQRT_2;

/// Reads a message whose checksum is good, and hands what it says to `each`. `None`: it says nothing that may be.
pub(in super::super) fn read(message: &Message<'_>, mut each: impl FnMut(Said)) -> Option<()> {
    let payload = Payload(message.payload);
    match message.kind {
        Kind::NavPvt => each(Said::Report(nav_pvt(&payload)?)),
        Kind::MonHw => {
            if let Some(antenna) = antenna(payload.u8(20)?) {
                each(Said::Finding(Finding::Antenna(antenna)));
            }
            if let Some(jamming) = jamming((payload.u8(22)? >> 2) & 3) {
                each(Said::Finding(Finding::Jamming(jamming)));
            }
        }
        Kind::MonRf => mon_rf(&payload, each)?,
        Kind::SecSig => sec_sig(&payload, each)?,
    }
    Some(())
}

/// Little-endian fields at their offsets.
struct Payload<'a>(&'a [u8]);

impl Payload<'_> {
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.get(offset..offset + N)?.try_into().ok()
    }

    fn u8(&self, offset: usize) -> Option<u8> {
        self.at::<1>(offset).map(|[byte]| byte)
    }

    fn u16(&self, offset: usize) -> Option<u16> {
        self.at(offset).map(u16::from_le_bytes)
    }

    fn u32(&self, offset: usize) -> Option<u32> {
        self.at(offset).map(u32::from_le_bytes)
    }

    fn i32(&self, offset: usize) -> Option<i32> {
        self.at(offset).map(i32::from_le_bytes)
    }
}

fn nav_pvt(payload: &Payload<'_>) -> Option<Report> {
    let known = payload.u8(11)?;
    let (day_known, time_known) = (known & 1 != 0, known & 2 != 0);
    // Bit 0 of flags: the fix is within the limits of the receiver; bit 0 of flags3: longitude and latitude mean nothing.
    let usable = payload.u8(21)? & 1 != 0 && payload.u8(78)? & 1 == 0;
    let validity = match payload.u8(20)? {
        2..=4 if usable => Validity::Valid,
        1 if usable => Validity::DeadReckoning,
        0..=5 => Validity::Void,
        _ => return None,
    };
    let time = if time_known { Some(time_of_day(payload)?) } else { None };
    let position = match validity {
        Validity::Valid | Validity::DeadReckoning => {
            Some(Position::from_degrees(f64::from(payload.i32(28)?) / 1e7, f64::from(payload.i32(24)?) / 1e7)?)
        }
        Validity::Void | Validity::NotMeasured => None,
    };
    let milli = |value: u32| f64::from(value) / 1_000.0;
    let speed = payload.i32(60)?;
    Some(Report {
        time: time.map(|(time, _)| time),
        leap_second: time.is_some_and(|(_, leap)| leap),
        date: if day_known { Some(date(payload)?) } else { None },
        validity: Some(validity),
        position,
        speed_mps: (speed >= 0).then(|| f64::from(speed) / 1_000.0),
        speed_sigma_mps: Some(milli(payload.u32(68)?)),
        track_deg: Some(f64::from(payload.i32(64)?) / 1e5).filter(|deg| (0.0..=360.0).contains(deg)),
        sats: payload.u8(23).map(u32::from),
        sigma_m: Some(milli(payload.u32(40)?) / AXES).filter(|sigma| *sigma > 0.0),
        three_d: Some(payload.u8(20)? != 2),
        utc_resolved: Some(known & 4 != 0),
        ..Report::new(Type::NavPvt)
    })
}

/// Rounded to hundredths of a second as in this receiver's own sentences, so that both name one instant.
fn time_of_day(payload: &Payload<'_>) -> Option<(TimeOfDay, bool)> {
    let (hours, minutes, seconds) = (payload.u8(8)?, payload.u8(9)?, payload.u8(10)?);
    let nanoseconds = i64::from(payload.i32(16)?);
    let hundredths = (nanoseconds + 5_000_000).div_euclid(10_000_000);
    // More than a second to and fro is no fraction of a second.
    if hundredths.abs() >= 100 {
        return None;
    }
    let (time, leap) = TimeOfDay::new(hours.into(), minutes.into(), seconds.into(), 0)?;
    // Before midnight of a day that is said to have begun: its date would be the wrong one.
    let time = time.0 + hundredths * 10;
    (time >= 0).then_some((TimeOfDay(time), leap))
}

fn date(payload: &Payload<'_>) -> Option<RawDate> {
    Some(RawDate {
        year: i16::try_from(payload.u16(4)?).ok()?,
        month: i8::try_from(payload.u8(6)?).ok()?,
        day: i8::try_from(payload.u8(7)?).ok()?,
    })
}

fn mon_rf(payload: &Payload<'_>, mut each: impl FnMut(Said)) -> Option<()> {
    let (mut worst_antenna, mut worst_jamming) = (None, None);
    for block in 0..usize::from(payload.u8(1)?) {
        let at = 4 + block * 24;
        worst_antenna = worst_antenna.max(antenna(payload.u8(at + 2)?));
        worst_jamming = worst_jamming.max(jamming(payload.u8(at + 1)? & 3));
    }
    if let Some(antenna) = worst_antenna {
        each(Said::Finding(Finding::Antenna(antenna)));
    }
    if let Some(jamming) = worst_jamming {
        each(Said::Finding(Finding::Jamming(jamming)));
    }
    Some(())
}

fn sec_sig(payload: &Payload<'_>, mut each: impl FnMut(Said)) -> Option<()> {
    // Version 1 keeps both flags apart, later ones have them in one byte; an unknown version is not guessed at.
    let (jam, spoof) = match payload.u8(0)? {
        1 => (payload.u8(4)?, payload.u8(8)?),
        2 | 3 => (payload.u8(1)?, payload.u8(1)? >> 3),
        _ => return None,
    };
    if jam & 1 != 0
        && let Some(jamming) = jamming((jam >> 1) & 3)
    {
        each(Said::Finding(Finding::Jamming(jamming)));
    }
    if spoof & 1 != 0 {
        match (spoof >> 1) & 3 {
            1 => each(Said::Finding(Finding::Spoofing(Spoofing::None))),
            2 | 3 => each(Said::Finding(Finding::Spoofing(Spoofing::Suspected))),
            _ => {}
        }
    }
    Some(())
}

/// 0 is starting, 1 is not supervised: both say nothing.
fn antenna(status: u8) -> Option<Antenna> {
    match status {
        2 => Some(Antenna::Connected),
        3 => Some(Antenna::Short),
        4 => Some(Antenna::Open),
        _ => None,
    }
}

/// 0 is unknown or switched off.
fn jamming(state: u8) -> Option<Jamming> {
    match state {
        1 => Some(Jamming::None),
        2 => Some(Jamming::Suspected),
        3 => Some(Jamming::Critical),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: Kind, payload: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        let _ = read(&Message { kind, payload }, |what| said.push(what));
        said
    }

    fn pvt() -> [u8; 92] {
        let mut payload = [0; 92];
        payload[4..6].copy_from_slice(&2026_u16.to_le_bytes());
        payload[6..12].copy_from_slice(&[11, 22, 14, 36, 1, 0b111]);
        payload[16..20].copy_from_slice(&(-300_000_i32).to_le_bytes());
        payload[20..24].copy_from_slice(&[3, 1, 0, 14]);
        payload[24..28].copy_from_slice(&115_000_000_i32.to_le_bytes());
        payload[28..32].copy_from_slice(&481_000_000_i32.to_le_bytes());
        payload[40..44].copy_from_slice(&1_414_u32.to_le_bytes());
        payload[60..64].copy_from_slice(&22_222_i32.to_le_bytes());
        payload[64..68].copy_from_slice(&9_000_000_i32.to_le_bytes());
        payload[68..72].copy_from_slice(&150_u32.to_le_bytes());
        payload
    }

    fn report(payload: &[u8]) -> Report {
        match said(Kind::NavPvt, payload).as_slice() {
            [Said::Report(report)] => *report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nav_pvt_gives_position_speed_and_their_accuracy() {
        let report = report(&pvt());
        assert_eq!(report.time, Some(TimeOfDay(52_561_000)));
        assert_eq!(report.date, Some(RawDate { year: 2026, month: 11, day: 22 }));
        assert_eq!(report.position, Position::from_degrees(48.1, 11.5));
        assert!((report.sigma_m.unwrap() - 1.0).abs() < 1e-3);
        assert_eq!((report.speed_mps, report.speed_sigma_mps), (Some(22.222), Some(0.15)));
        assert_eq!((report.track_deg, report.sats), (Some(90.0), Some(14)));
    }

    #[test]
    fn a_fix_out_of_limits_or_without_place_is_void_and_dead_reckoning_is_said() {
        let with = |offset: usize, byte: u8| {
            let mut payload = pvt();
            payload[offset] = byte;
            let report = report(&payload);
            (report.validity, report.position.is_some())
        };
        assert_eq!(with(21, 0), (Some(Validity::Void), false));
        assert_eq!(with(78, 1), (Some(Validity::Void), false));
        assert_eq!(with(20, 5), (Some(Validity::Void), false));
        assert_eq!(with(20, 1), (Some(Validity::DeadReckoning), true));
        assert_eq!(with(20, 4), (Some(Validity::Valid), true));
    }

    #[test]
    fn an_impossible_place_or_time_is_refused() {
        let mut payload = pvt();
        payload[28..32].copy_from_slice(&990_000_000_i32.to_le_bytes());
        assert!(said(Kind::NavPvt, &payload).is_empty());
        let mut payload = pvt();
        payload[8] = 25;
        assert!(said(Kind::NavPvt, &payload).is_empty());
    }

    #[test]
    fn antenna_and_jamming_of_all_radios_are_told_by_the_worst() {
        let mut payload = [0; 52];
        payload[1] = 2;
        (payload[5], payload[6]) = (1, 2);
        (payload[29], payload[30]) = (3, 4);
        let expected =
            [Said::Finding(Finding::Antenna(Antenna::Open)), Said::Finding(Finding::Jamming(Jamming::Critical))];
        assert_eq!(said(Kind::MonRf, &payload), expected);
        let mut payload = [0; 60];
        (payload[20], payload[22]) = (3, 0b1000);
        let expected =
            [Said::Finding(Finding::Antenna(Antenna::Short)), Said::Finding(Finding::Jamming(Jamming::Suspected))];
        assert_eq!(said(Kind::MonHw, &payload), expected);
    }

    #[test]
    fn both_forms_of_the_signal_security_message_are_read_and_a_future_one_is_not() {
        let expected = [
            Said::Finding(Finding::Jamming(Jamming::Suspected)),
            Said::Finding(Finding::Spoofing(Spoofing::Suspected)),
        ];
        assert_eq!(said(Kind::SecSig, &[1, 0, 0, 0, 0b101, 0, 0, 0, 0b101, 0, 0, 0]), expected);
        assert_eq!(said(Kind::SecSig, &[2, 0b10_1101, 0, 0]), expected);
        assert_eq!(said(Kind::SecSig, &[9, 0b10_1101, 0, 0]), []);
    }
}
