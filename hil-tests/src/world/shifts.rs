//! What does the truck do today?
//!
//! The two stories of the rig: a day with everything a dispatcher asks about, and errands, the same short round over and over, for
//! tests that need many crossings in little time.

use super::Shift;
use super::facility::{Facility, Zone};
use super::fence::Polygon;
use super::ground::{Metres, Origin};
use super::random::Random;
use super::route::{Path, Sky, Waypoint, via};

const ROAD_MPS: f64 = 22.0;
const TOWN_MPS: f64 = 13.0;
const YARD_MPS: f64 = 4.0;

/// Where the world lies: flat country east of Berlin.
fn origin() -> Origin {
    Origin::new(52.4361, 13.7512)
}

fn depot() -> Facility {
    Facility::new("depot", "Depot Erkner", Polygon::rectangle(-90.0, -60.0, 120.0, 60.0))
}

/// The warehouse's gate is its south fence; trucks queue on the lane before it and leave by the north. The queue's fence reaches
/// some metres through the gate, as fences that belong together are drawn.
fn warehouse() -> Facility {
    let corners = [(8_900.0, 1_600.0), (9_160.0, 1_600.0), (9_160.0, 1_860.0), (9_000.0, 1_860.0), (8_900.0, 1_760.0)];
    let site = Polygon { corners: corners.map(|(east, north)| Metres::new(east, north)).to_vec() };
    Facility::new("warehouse", "Warehouse Freienbrink", site)
        .with(Zone::Queue, Polygon::rectangle(8_986.0, 1_470.0, 9_014.0, 1_612.0))
        .with(Zone::Dock, Polygon::rectangle(9_075.0, 1_705.0, 9_145.0, 1_805.0))
}

fn cross_dock() -> Facility {
    let corners = [
        (3_380.0, 6_110.0),
        (3_380.0, 6_340.0),
        (3_200.0, 6_400.0),
        (3_050.0, 6_320.0),
        (3_050.0, 6_140.0),
        (3_200.0, 6_070.0),
    ];
    let site = Polygon { corners: corners.map(|(east, north)| Metres::new(east, north)).to_vec() };
    Facility::new("cross-dock", "Cross-dock Strausberg", site)
}

/// A customer beside the road that is not visited today; its fence begins `gap_m` north of the lane.
fn roadside(gap_m: f64) -> Facility {
    Facility::new("roadside", "Roadside Customer", Polygon::rectangle(3_000.0, gap_m, 3_180.0, gap_m + 110.0))
}

impl Shift {
    /// A shift of about two hours: out of the depot, past a customer, a queue before the warehouse, its dock, a tunnel, the
    /// cross-dock behind it, and home.
    #[must_use]
    pub fn day(seed: u64) -> Self {
        let mut random = Random::stream(seed, "day");
        let facilities = vec![depot(), warehouse(), cross_dock(), roadside(random.uniform(15.0, 30.0))];
        let mut route = to_the_queue(&mut random);
        route.extend(through_the_warehouse(&mut random));
        route.extend(through_the_tunnel_and_home(&mut random));
        Self::new(seed, origin(), facilities, Path::drive(&route))
    }

    /// A day of 24 hours: four legs of two and a half hours between the depot and a warehouse 198 km away, half an hour at each end, and
    /// the night at the depot.
    #[must_use]
    pub fn haul(seed: u64) -> Self {
        let mut random = Random::stream(seed, "haul");
        let far = Facility::new("far", "Far Warehouse", Polygon::rectangle(197_900.0, -80.0, 198_120.0, 80.0))
            .with(Zone::Dock, Polygon::rectangle(198_020.0, -40.0, 198_100.0, 40.0));
        let mut route = vec![via(-30.0, 0.0, YARD_MPS).stop(600.0)];
        for leg in 0..4 {
            let (gate, inside, stand) =
                if leg % 2 == 0 { (197_700.0, 197_950.0, 198_060.0) } else { (300.0, 60.0, -30.0) };
            let stay_s = if leg == 3 { 44_000.0 } else { random.uniform(1_700.0, 1_900.0) };
            route.extend([via(gate, 0.0, ROAD_MPS), via(inside, 0.0, 6.0), via(stand, 0.0, YARD_MPS).stop(stay_s)]);
        }
        Self::new(seed, origin(), vec![depot(), far], Path::drive(&route))
    }

    /// `rounds` times from the depot to a shop 1.3 km away and back, about eleven minutes each.
    #[must_use]
    pub fn errands(seed: u64, rounds: u32) -> Self {
        let mut random = Random::stream(seed, "errands");
        let shop = Facility::new("shop", "Corner Shop", Polygon::rectangle(1_250.0, 240.0, 1_420.0, 380.0))
            .with(Zone::Dock, Polygon::rectangle(1_320.0, 290.0, 1_400.0, 360.0));
        let mut route = vec![via(-20.0, 0.0, YARD_MPS).stop(110.0)];
        for _ in 0..rounds {
            route.extend([
                via(160.0, 0.0, YARD_MPS),
                via(1_290.0, 0.0, TOWN_MPS),
                via(1_290.0, 320.0, 8.0),
                via(1_360.0, 325.0, YARD_MPS).stop(random.uniform(140.0, 160.0)),
                via(1_290.0, 330.0, YARD_MPS),
                via(1_290.0, 480.0, YARD_MPS),
                via(-150.0, 480.0, TOWN_MPS),
                via(-150.0, 0.0, TOWN_MPS),
                via(-20.0, 0.0, 6.0).stop(random.uniform(110.0, 130.0)),
            ]);
        }
        Self::new(seed, origin(), vec![depot(), shop], Path::drive(&route))
    }
}

fn to_the_queue(random: &mut Random) -> Vec<Waypoint> {
    let before_gate_m = random.uniform(10.0, 25.0);
    vec![
        via(-30.0, random.uniform(-15.0, 15.0), YARD_MPS).stop(random.uniform(280.0, 340.0)),
        via(60.0, 0.0, YARD_MPS),
        via(180.0, 0.0, YARD_MPS),
        via(9_000.0, 0.0, ROAD_MPS),
        via(9_000.0, 1_400.0, TOWN_MPS),
        via(9_000.0, 1_600.0 - before_gate_m, 6.0).stop(random.uniform(700.0, 760.0)),
    ]
}

fn through_the_warehouse(random: &mut Random) -> Vec<Waypoint> {
    vec![
        via(9_000.0, 1_630.0, YARD_MPS).stop(random.uniform(40.0, 70.0)),
        via(9_000.0, 1_680.0, YARD_MPS),
        via(9_060.0, 1_755.0, YARD_MPS).under(Sky::Yard),
        via(9_110.0, 1_755.0, 2.0).under(Sky::Yard).stop(random.uniform(2_300.0, 2_500.0)),
        via(9_060.0, 1_760.0, 3.0).under(Sky::Yard),
        via(9_040.0, 1_830.0, YARD_MPS),
        via(9_040.0, 1_920.0, YARD_MPS),
    ]
}

fn through_the_tunnel_and_home(random: &mut Random) -> Vec<Waypoint> {
    vec![
        via(9_040.0, 2_600.0, TOWN_MPS),
        via(5_000.0, 5_000.0, ROAD_MPS),
        via(4_200.0, 5_600.0, ROAD_MPS).under(Sky::Tunnel),
        via(3_480.0, 6_140.0, 16.0),
        via(3_400.0, 6_200.0, 8.0),
        via(3_340.0, 6_220.0, YARD_MPS),
        via(3_150.0, 6_230.0, YARD_MPS).under(Sky::Yard).stop(random.uniform(1_900.0, 2_100.0)),
        via(3_080.0, 6_230.0, 3.0).under(Sky::Yard),
        via(2_950.0, 6_230.0, YARD_MPS),
        via(-1_000.0, 3_000.0, ROAD_MPS),
        via(-1_000.0, 0.0, ROAD_MPS),
        via(-200.0, 0.0, TOWN_MPS),
        via(-30.0, random.uniform(-10.0, 10.0), 6.0).stop(random.uniform(480.0, 540.0)),
    ]
}
