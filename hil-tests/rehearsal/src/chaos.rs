//! Who carries the plan out?
//!
//! Two threads: one does to trucks and links what is planned for them, one to dispatch's side, where a database takes a second to come
//! back and no truck should be spared for that.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hil_tests::clock::SimClock;
use hil_tests::link::Link;

use crate::plan::{Plan, TruckFault, WorldFault};
use crate::tally::Tally;
use crate::truck::Truck;
use crate::world::World;

/// A thread looks this often whether it should end.
const NAP: Duration = Duration::from_millis(50);

/// The plan being carried out. Trucks and world come back at its end.
#[derive(Debug)]
pub struct Chaos {
    trucks: JoinHandle<(Vec<Truck>, io::Result<()>)>,
    world: JoinHandle<(World, io::Result<()>)>,
    abandoned: Arc<AtomicBool>,
}

impl Chaos {
    /// Begins.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn begin(
        plan: Plan,
        clock: SimClock,
        mut trucks: Vec<Truck>,
        mut world: World,
        links: &Arc<Vec<Link>>,
        tally: &Arc<Tally>,
    ) -> io::Result<Self> {
        let abandoned = Arc::new(AtomicBool::new(false));
        let (links, at_links, at_world) = (Arc::clone(links), Arc::clone(tally), Arc::clone(tally));
        let (stop, stop_too) = (Arc::clone(&abandoned), Arc::clone(&abandoned));
        let Plan { trucks: for_trucks, world: for_world } = plan;
        let trucks = std::thread::Builder::new().name("chaos".to_owned()).spawn(move || {
            let done = on_trucks(&for_trucks, clock, &mut trucks, &links, &at_links, &stop);
            (trucks, done)
        })?;
        let world = std::thread::Builder::new().name("chaos-world".to_owned()).spawn(move || {
            let done = on_world(&for_world, clock, &mut world, &at_world, &stop_too);
            (world, done)
        })?;
        Ok(Self { trucks, world, abandoned })
    }

    /// True when everything that was planned has happened.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.trucks.is_finished() && self.world.is_finished()
    }

    /// Waits for the end of both.
    ///
    /// # Errors
    /// When something that was killed did not come back.
    pub fn end(self) -> io::Result<(Vec<Truck>, World)> {
        let panicked = |_| io::Error::other("the chaos panicked: its message stands above");
        let (trucks, done) = self.trucks.join().map_err(panicked)?;
        if done.is_err() {
            self.abandoned.store(true, Ordering::Release);
        }
        let (world, also_done) = self.world.join().map_err(panicked)?;
        done.and(also_done).map(|()| (trucks, world))
    }
}

fn on_trucks(
    plan: &[(f64, usize, TruckFault)],
    clock: SimClock,
    trucks: &mut [Truck],
    links: &[Link],
    tally: &Tally,
    abandoned: &AtomicBool,
) -> io::Result<()> {
    for (at_s, number, fault) in plan {
        if !wait(clock, *at_s, abandoned) {
            return Ok(());
        }
        if let (Some(truck), Some(link)) = (trucks.get_mut(*number), links.get(*number)) {
            truck.suffer(*fault, link, tally)?;
        }
    }
    Ok(())
}

fn on_world(
    plan: &[(f64, WorldFault)],
    clock: SimClock,
    world: &mut World,
    tally: &Tally,
    abandoned: &AtomicBool,
) -> io::Result<()> {
    for (at_s, fault) in plan {
        if !wait(clock, *at_s, abandoned) {
            return Ok(());
        }
        world.suffer(*fault, tally)?;
    }
    Ok(())
}

/// Waits until the drive has come to a second; false if nobody wants it any more.
fn wait(clock: SimClock, at_s: f64, abandoned: &AtomicBool) -> bool {
    loop {
        if abandoned.load(Ordering::Acquire) {
            return false;
        }
        let left = clock.wait_for(at_s);
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(NAP));
    }
}
