//! Which parts stand on the stage, and how do they leave it?

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::keep::Place;
use super::narrator::Narrator;
use crate::broker::Broker;
use crate::cab::Cab;
use crate::clock::{SimClock, await_condition};
use crate::dispatch::{Dispatch, Received};
use crate::event::Event;
use crate::gateway::Gateway;
use crate::installation::Installation;
use crate::journal;
use crate::link::Link;
use crate::receiver::{self, Setup};
use crate::verdict::Landed;
use crate::world::Shift;

/// How long dispatch may take for the rest, once the truck stands.
const REST_PATIENCE: Duration = Duration::from_secs(10);

/// The running parts. They are dropped in this order: first who speaks, then who listens.
pub(super) struct Stage {
    pub(super) clock: SimClock,
    cab: Cab,
    gateway: Option<Gateway>,
    installation: Installation,
    dispatch: Dispatch,
    link: Link,
    _broker: Broker,
    names: BTreeMap<&'static str, &'static str>,
    landed: Vec<Landed>,
    faults: Vec<String>,
}

/// What is left when the stage is empty.
pub(super) struct Curtain {
    pub(super) landed: Vec<Landed>,
    pub(super) received: Vec<Received>,
    pub(super) copies: u64,
    pub(super) conflicting: u64,
    pub(super) faults: Vec<String>,
}

impl Stage {
    /// Starts every part; the shift begins when this returns.
    pub(super) fn set(
        binary: PathBuf,
        place: &Place,
        shift: &Shift,
        start_utc_ms: i64,
        scale: u32,
    ) -> io::Result<Self> {
        let broker = Broker::start()?;
        let link = Link::to(broker.port())?;
        let installation = Installation::write(binary, place.dir(), shift, link.port(), scale)?;
        let mut options = installation.dispatch(broker.port());
        options.database = place.dispatch_database();
        let dispatch = Dispatch::start(options)?;
        let mut port = installation.port();
        port.plug()?;
        // Long enough that the agent has opened the port before the first position, at any scale.
        let setup = Setup { cold_start_s: 30.0, ..Setup::default() };
        let epochs = receiver::listen(shift, start_utc_ms, setup);
        let gateway = installation.start()?;
        let clock = SimClock::start(start_utc_ms, scale);
        let cab = Cab::drive(port, epochs, clock, place.drive_file()?)?;
        let names = shift.facilities.iter().map(|facility| (facility.id, facility.name)).collect();
        let (landed, faults) = (Vec::new(), Vec::new());
        Ok(Self {
            clock,
            cab,
            gateway: Some(gateway),
            installation,
            dispatch,
            link,
            _broker: broker,
            names,
            landed,
            faults,
        })
    }

    pub(super) fn is_over(&self) -> bool {
        self.cab.is_over()
    }

    pub(super) fn driven_s(&self) -> f64 {
        self.cab.driven_s()
    }

    /// An agent that ends before its time ends the demo, with its own last words.
    pub(super) fn check_agent(&mut self) -> io::Result<()> {
        let Some(status) = self.gateway.as_mut().and_then(Gateway::ended) else { return Ok(()) };
        let log = std::fs::read_to_string(self.installation.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(8)..).unwrap_or_default().join("\n");
        Err(io::Error::other(format!("the agent died ({status}); it said last:\n{last}")))
    }

    pub(super) fn switch_link(&mut self, down: bool, narrator: &mut Narrator<'_>) -> io::Result<()> {
        let time = narrator.clock.time(self.clock.seconds());
        if down {
            self.link.cut();
            return narrator.say(&format!("{time}  --- link down ---"));
        }
        let waiting = journal::highest(&self.installation.state()).saturating_sub(self.dispatch.thru());
        self.link.restore();
        narrator.say(&format!("{time}  --- link back, {waiting} events arrive late ---"))
    }

    /// Tells what landed since the last look.
    pub(super) fn tell_news(&mut self, narrator: &mut Narrator<'_>) -> io::Result<()> {
        for received in self.dispatch.received_from(self.landed.len() + self.faults.len()) {
            match Event::parse(&received.body) {
                Ok(event) => {
                    let landed = Landed::new(self.clock, received.at, event);
                    let name = |id: &str| self.names.get(id).map_or_else(|| id.to_owned(), |name| (*name).to_owned());
                    narrator.event(&landed, &name)?;
                    self.landed.push(landed);
                }
                Err(fault) => self.faults.push(fault),
            }
        }
        Ok(())
    }

    /// The truck stands in its depot: dispatch gets the rest, the agent is stopped as systemd would.
    pub(super) fn end(mut self, narrator: &mut Narrator<'_>) -> io::Result<Curtain> {
        let state = self.installation.state();
        await_condition(REST_PATIENCE, || self.dispatch.thru() >= journal::highest(&state));
        if let Some(gateway) = self.gateway.take() {
            let status = gateway.terminate()?;
            if !status.success() {
                self.faults.push(format!("the agent ended with {status} after SIGTERM"));
            }
        }
        // Its last words may still be on their way; what it could not send, it sends when it starts again.
        await_condition(Duration::from_secs(2), || self.dispatch.thru() >= journal::highest(&state));
        self.tell_news(narrator)?;
        let waiting = journal::highest(&state).saturating_sub(self.dispatch.thru());
        if waiting > 0 {
            narrator.say(&format!("what the truck said last ({waiting}) waits in its journal for its next start"))?;
        }
        self.faults.extend(self.dispatch.faults());
        Ok(Curtain {
            received: self.dispatch.received_from(0),
            copies: self.dispatch.copies(),
            conflicting: self.dispatch.conflicting(),
            landed: self.landed,
            faults: self.faults,
        })
    }
}
