//! What becomes of an atlas whose bytes are not what was written: refused by name, or answered without a panic.

use crate::scene::{Rng, Scene, moved};
use geofence::{Atlas, AtlasBuilder, AtlasError, FenceKey, Fences};

/// The header's length, and its version and checksum as they stand in it.
const HEADER: usize = 320;

fn small() -> Scene {
    Scene::random(1, 5, (40.0, -100.0), 3_000.0, (60.0, 800.0))
}

/// The first thing that is wrong with a file.
fn fault(bytes: &[u8]) -> Option<AtlasError> {
    Atlas::open(bytes).and_then(|atlas| atlas.verify()).err()
}

/// Makes the checksum of a header right.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&bytes[..HEADER - 4]);
    bytes[HEADER - 4..HEADER].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn an_undamaged_file_has_no_fault_and_an_empty_set_is_one() {
    assert_eq!(fault(&small().bytes), None);
    let empty = AtlasBuilder::new(9).finish().unwrap();
    assert_eq!(fault(&empty), None);
    let atlas = Atlas::open(&empty).unwrap();
    assert!(atlas.is_empty() && atlas.revision() == 9 && atlas.find(FenceKey(0)).is_none());
    ask(&atlas);
}

#[test]
fn any_truncation_is_named() {
    let bytes = small().bytes;
    for length in 0..bytes.len() {
        match fault(&bytes[..length]) {
            Some(AtlasError::Length { is, should }) => assert!(is == length as u64 && is < should),
            other => panic!("{length} bytes: {other:?}"),
        }
    }
    let longer = [&bytes[..], &[0]].concat();
    let (is, should) = (longer.len() as u64, bytes.len() as u64);
    assert_eq!(fault(&longer), Some(AtlasError::Length { is, should }));
}

#[test]
fn any_flipped_bit_is_named() {
    let bytes = small().bytes;
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let expected = match (bit / 8, fault(&damaged)) {
            (0..8, found) => found == Some(AtlasError::NotAnAtlas),
            // A damaged length of the header is a checksum in the wrong place, or beyond the end.
            (12..16, found) => matches!(found, Some(AtlasError::HeaderChecksum | AtlasError::Length { .. })),
            (8..HEADER, found) => found == Some(AtlasError::HeaderChecksum),
            (at, found) => found == Some(AtlasError::Block(0)) && at < bytes.len(),
        };
        assert!(expected, "bit {bit}: {:?}", fault(&damaged));
    }
}

#[test]
fn the_damaged_block_is_named() {
    let scene = Scene::random(2, 900, (40.0, -100.0), 30_000.0, (60.0, 200.0));
    let atlas = scene.atlas();
    assert!(atlas.blocks() > 1 && atlas.verify() == Ok(()));
    let mut damaged = scene.bytes.clone();
    damaged[HEADER + 65_536 + 17] ^= 4;
    assert_eq!(fault(&damaged), Some(AtlasError::Block(1)));
    assert_eq!(Atlas::open(&damaged).unwrap().verify_block(0), Ok(()));
    assert_eq!(atlas.verify_block(atlas.blocks()), Err(AtlasError::Block(atlas.blocks())));
}

#[test]
fn a_version_from_the_future_and_other_files_are_refused_by_name() {
    for version in [0_u32, 2, 3, 77, u32::MAX] {
        let mut newer = small().bytes;
        newer[8..12].copy_from_slice(&version.to_le_bytes());
        assert_eq!(fault(&sealed(newer)), Some(AtlasError::Version { is: version, known: 1 }));
    }
    assert_eq!(fault(b"{\"type\":\"FeatureCollection\"}"), Some(AtlasError::NotAnAtlas));
    let text = [
        (AtlasError::Length { is: 3, should: 9 }, "truncated: 3 bytes of 9"),
        (AtlasError::Version { is: 2, known: 1 }, "version 2 of the format; this program reads up to 1"),
        (AtlasError::Block(4), "damaged: the checksum of block 4 is wrong"),
    ];
    text.into_iter().for_each(|(error, text)| assert_eq!(error.to_string(), text));
}

#[test]
fn sections_that_lie_wrong_are_refused_or_do_no_harm() {
    let (scene, mut rng) = (small(), Rng(3));
    let mut refused = 0;
    for _ in 0..4_000 {
        let mut bytes = scene.bytes.clone();
        for _ in 0..=rng.below(2) {
            // Counts, sections and levels; whole numbers, since single bits of a begin rarely point into the file.
            let at = 32 + 4 * usize::try_from(rng.below(58)).unwrap();
            let number = match rng.below(3) {
                0 => u32::try_from(rng.below(bytes.len() as u64)).unwrap(),
                1 => u32::try_from(64 * rng.below(1 + bytes.len() as u64 / 64)).unwrap(),
                _ => u32::MAX,
            };
            bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        match Atlas::open(&sealed(bytes.clone())) {
            Ok(atlas) => ask(&atlas),
            Err(AtlasError::Section(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn no_damage_makes_a_query_panic() {
    for (seed, count, spread_m) in [(4, 5, 3_000.0), (5, 120, 500.0)] {
        let (scene, mut rng) = (Scene::random(seed, count, (40.0, -100.0), spread_m, (30.0, 900.0)), Rng(seed));
        for _ in 0..1_500 {
            let mut bytes = scene.bytes.clone();
            for _ in 0..=rng.below(8) {
                let at = HEADER + usize::try_from(rng.below((bytes.len() - HEADER) as u64)).unwrap();
                let value = [0, 0xff, 0x7f, 0x80, rng.next().to_le_bytes()[0]];
                bytes[at] = value[usize::try_from(rng.below(5)).unwrap()];
            }
            ask(&Atlas::open(&bytes).unwrap());
        }
    }
}

/// Every question, at places that reach most of a file.
fn ask(atlas: &Atlas<'_>) {
    let (mut asked, mut rng) = (0_usize, Rng(6));
    for _ in 0..3 {
        let place = moved(40.0, -100.0, rng.between(-3_000.0, 3_000.0), rng.between(-3_000.0, 3_000.0));
        atlas.containing(place, &mut |index| asked = asked.wrapping_add(index));
        for metres in [0.0, 500.0, f64::INFINITY, f64::NAN, -1.0] {
            atlas.around(place, metres, &mut |index| asked = asked.wrapping_add(index));
        }
        let clearance_m = atlas.clearance_m(place);
        assert!((0.0..=5_000.0).contains(&clearance_m), "{clearance_m}");
        for index in 0..atlas.len().min(9) {
            let _ = (atlas.signed_distance_m(index, place), atlas.depth_m(index), atlas.owner(index), atlas.key(index));
        }
    }
}
