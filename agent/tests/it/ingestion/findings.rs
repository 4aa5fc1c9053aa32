//! What the receiver says of antenna and interference (R22), in sentences and in binary.

use super::wire::{Wire, line, receive, ubx};
use gatestamp::gnss::finding::{Antenna, Finding, Jamming, Spoofing};

fn found(bytes: impl AsRef<[u8]>) -> Vec<Finding> {
    receive(bytes).findings()
}

#[test]
fn r22_antenna_states_are_evidence_in_every_dialect() {
    let antenna = |state| vec![Finding::Antenna(state)];
    assert_eq!(found(line("GPTXT,01,01,02,ANTSTATUS=OPEN")), antenna(Antenna::Open));
    assert_eq!(found(line("GNTXT,01,01,02,ANTSTATUS=SHORT")), antenna(Antenna::Short));
    assert_eq!(found(line("GPTXT,01,01,01,ANTENNA OK")), antenna(Antenna::Connected));
    assert_eq!(found(line("PSTMANTENNASTATUS,1,0,1,1")), antenna(Antenna::Open));
    assert_eq!(found(line("PGTOP,11,2")), antenna(Antenna::Internal));
    assert_eq!(found(line("GPTXT,01,01,02,ANTSUPERV=AC SD OD PDoS ")), []);
}

#[test]
fn r22_jamming_and_spoofing_are_evidence() {
    assert_eq!(found(line("PMTKSPF,3")), [Finding::Jamming(Jamming::Critical)]);
    let security = ubx(0x27, 0x09, &[2, 0b10_1101, 0, 0]);
    assert_eq!(found(security), [Finding::Jamming(Jamming::Suspected), Finding::Spoofing(Spoofing::Suspected)]);
    let mut hardware = [0; 60];
    (hardware[20], hardware[22]) = (4, 0b1100);
    let expected = [Finding::Antenna(Antenna::Open), Finding::Jamming(Jamming::Critical)];
    assert_eq!(found(ubx(0x0a, 0x09, &hardware)), expected);
}

#[test]
fn r22_binary_alone_is_a_receiver_that_talks() {
    let mut wire = Wire::new();
    wire.at(0, ubx(0x27, 0x09, &[2, 1, 0, 0]));
    assert_eq!(wire.counts().sentences, 1);
    let mut broken = ubx(0x27, 0x09, &[2, 1, 0, 0]);
    broken[7] ^= 1;
    wire.at(0, broken);
    assert_eq!(wire.counts().sentences, 1);
}
