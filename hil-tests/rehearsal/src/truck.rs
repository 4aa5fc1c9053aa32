//! One truck of the fleet, whatever it is made of.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hil_tests::installation::{Installation, TRUCK};
use hil_tests::link::Link;

use crate::drives::Drive;
use crate::inside::{self, Diary, Inside};
use crate::limits::{KEEP_ALIVE_S, PROCESSES_MAX};
use crate::outside::Outside;
use crate::plan::TruckFault;
use crate::tally::{Blow, Tally};

/// A truck.
#[derive(Debug)]
pub struct Truck {
    /// Its id in topics and events.
    pub id: String,
    /// Where its files lie.
    pub dir: PathBuf,
    /// What it drives.
    pub drive: Arc<Drive>,
    cab: inside::Cab,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Inside(Inside),
    Outside(Box<Outside>),
    Dead,
}

/// How many of a fleet are real processes.
#[must_use]
pub fn processes(trucks: usize) -> usize {
    PROCESSES_MAX.min(trucks.div_ceil(2))
}

/// The id of the truck of a number.
#[must_use]
pub fn id(number: usize) -> String {
    format!("t{number:04}")
}

impl Truck {
    /// Starts truck `number` below `fleet`, with its link. The first ones are processes of `binary`.
    ///
    /// # Errors
    /// When files cannot be written, or it cannot be started.
    pub fn start(
        number: usize,
        processes: usize,
        fleet: &Path,
        binary: &Path,
        drive: &Arc<Drive>,
        link: &Link,
        cab: &inside::Cab,
    ) -> io::Result<Self> {
        let id = id(number);
        let dir = fleet.join(&id);
        std::fs::create_dir_all(&dir)?;
        let cab = inside::Cab { epochs: Arc::clone(&drive.epochs), ..cab.clone() };
        let installation = Installation::write(binary.to_owned(), &dir, &drive.shift, link.port(), cab.speed)?;
        installation.configure(&format!("id = \"{TRUCK}\""), &format!("id = \"{id}\""))?;
        installation.configure("keep_alive_s = 60", &format!("keep_alive_s = {KEEP_ALIVE_S}"))?;
        let body = if number < processes {
            Body::Outside(Box::new(Outside::start(installation)?))
        } else {
            Body::Inside(Inside::start(&dir, cab.clone())?)
        };
        Ok(Self { id, dir, drive: Arc::clone(drive), cab, body })
    }

    /// The drive has begun: trucks of this process know it by their clock.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn drive_off(&mut self) -> io::Result<()> {
        match (&mut self.body, *self.cab.clock.borrow()) {
            (Body::Outside(outside), Some(clock)) => outside.drive(Arc::clone(&self.cab.epochs), clock),
            (Body::Outside(_) | Body::Inside(_) | Body::Dead, _) => Ok(()),
        }
    }

    /// Does a fault to it or its link.
    ///
    /// # Errors
    /// When it cannot be started again.
    pub fn suffer(&mut self, fault: TruckFault, link: &Link, tally: &Tally) -> io::Result<()> {
        match fault {
            TruckFault::Kill(dead_s) => match &mut self.body {
                Body::Inside(inside) => {
                    inside.kill(dead_s);
                    tally.count(Blow::InProcess);
                }
                Body::Outside(outside) => {
                    if outside.kill() {
                        tally.count(Blow::Process);
                    }
                }
                Body::Dead => {}
            },
            TruckFault::Start => {
                if let Body::Outside(outside) = &mut self.body {
                    outside.revive()?;
                }
            }
            TruckFault::Cut => {
                link.cut();
                tally.count(Blow::Cut);
            }
            TruckFault::Stall => {
                link.mute();
                tally.count(Blow::Stall);
            }
            TruckFault::Restore => link.restore(),
            TruckFault::Desert => {
                link.desert();
                tally.count(Blow::HalfOpen);
            }
            TruckFault::Jump(by_ms) => {
                if let Body::Inside(inside) = &self.body {
                    inside.jump(by_ms);
                    tally.count(Blow::ClockJump);
                }
            }
        }
        Ok(())
    }

    /// Kills it for good, and says what it went through since it was last started.
    pub fn put_down(&mut self) -> Diary {
        match std::mem::replace(&mut self.body, Body::Dead) {
            Body::Inside(mut inside) => inside.put_down(),
            Body::Outside(mut outside) => outside.put_down(),
            Body::Dead => Diary::default(),
        }
    }

    /// Starts one that was put down on what it kept, with a silent receiver.
    ///
    /// # Errors
    /// As [`Truck::start`].
    pub fn start_again(&mut self) -> io::Result<()> {
        self.body = Body::Inside(Inside::start(&self.dir, self.cab.clone())?);
        Ok(())
    }
}
