//! A truck that is a process: the real binary on a pseudo-terminal, killed by kill -9.

use std::io;
use std::sync::Arc;

use hil_tests::cab::Cab;
use hil_tests::clock::SimClock;
use hil_tests::gateway::Gateway;
use hil_tests::installation::Installation;
use hil_tests::pty::Port;
use hil_tests::receiver::Epoch;

use crate::inside::Diary;

/// Its process and its cable.
#[derive(Debug)]
pub struct Outside {
    installation: Installation,
    gateway: Option<Gateway>,
    /// Before the drive begins.
    port: Option<Port>,
    cab: Option<Cab>,
    clock: Option<SimClock>,
    killed_s: f64,
    diary: Diary,
}

impl Outside {
    /// Starts it, with the cable plugged in.
    ///
    /// # Errors
    /// When there is no terminal or no process to be had.
    pub fn start(installation: Installation) -> io::Result<Self> {
        let mut port = installation.port();
        port.plug()?;
        let gateway = Some(installation.start()?);
        let diary = Diary::default();
        Ok(Self { installation, gateway, port: Some(port), cab: None, clock: None, killed_s: 0.0, diary })
    }

    /// The drive begins.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn drive(&mut self, epochs: Arc<[Epoch]>, clock: SimClock) -> io::Result<()> {
        if let Some(port) = self.port.take() {
            self.cab = Some(Cab::drive(port, epochs, clock, io::sink())?);
            self.clock = Some(clock);
        }
        Ok(())
    }

    /// kill -9. False if it was dead already.
    pub fn kill(&mut self) -> bool {
        let Some(mut gateway) = self.gateway.take() else { return false };
        if let Some(status) = gateway.ended() {
            self.diary.faults.push(format!(
                "it ended with {status} although nobody had told it to: see {}",
                self.installation.log().display()
            ));
        }
        gateway.kill();
        if let Some(cab) = &self.cab {
            cab.port().forget_last_reader();
        }
        self.killed_s = self.clock.map_or(0.0, |clock| clock.seconds());
        true
    }

    /// Starts it again, if it is dead.
    ///
    /// # Errors
    /// When there is no process to be had.
    pub fn revive(&mut self) -> io::Result<()> {
        if self.gateway.is_none() {
            self.gateway = Some(self.installation.start()?);
            if let Some(clock) = self.clock {
                self.diary.dead.push((self.killed_s, clock.seconds()));
            }
        }
        Ok(())
    }

    /// Kills it for good.
    pub fn put_down(&mut self) -> Diary {
        self.kill();
        std::mem::take(&mut self.diary)
    }
}
