//! Who holds the receiver's cable while the shift runs?
//!
//! A thread that writes each epoch to the port when simulated time reaches it, keeps a copy of every byte, and lets a test pull
//! the cable and plug it in again. The truck does not wait for the agent: bytes that nobody reads are gone.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::SimClock;
use crate::pty::Port;
use crate::receiver::Epoch;

/// A shift under way.
#[derive(Debug)]
pub struct Cab {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    port: Mutex<Port>,
    over: AtomicBool,
    abandoned: AtomicBool,
    /// Milliseconds of the shift that were driven.
    driven_ms: AtomicU64,
}

impl Cab {
    /// Starts to drive. `copy` receives every byte that is written to the port, in order.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn drive(
        port: Port,
        epochs: impl AsRef<[Epoch]> + Send + 'static,
        clock: SimClock,
        copy: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            port: Mutex::new(port),
            over: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            driven_ms: AtomicU64::new(0),
        });
        let driver = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("cab".to_owned())
            .spawn(move || driver.write_epochs(epochs.as_ref(), clock, copy))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// True when the last epoch was written.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Acquire)
    }

    /// How far the shift has come, in its seconds.
    #[must_use]
    pub fn driven_s(&self) -> f64 {
        Duration::from_millis(self.shared.driven_ms.load(Ordering::Acquire)).as_secs_f64()
    }

    /// The port, to pull or plug the cable.
    pub fn port(&self) -> MutexGuard<'_, Port> {
        self.shared.port()
    }
}

impl Shared {
    fn port(&self) -> MutexGuard<'_, Port> {
        // A panic while the lock was held has failed the test already; the port itself is always in order.
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_epochs(&self, epochs: &[Epoch], clock: SimClock, mut copy: impl Write) {
        for epoch in epochs {
            // In short naps, so that an abandoned shift ends at once.
            while !clock.wait_for(epoch.at_s).is_zero() {
                if self.abandoned.load(Ordering::Acquire) {
                    return;
                }
                std::thread::sleep(clock.wait_for(epoch.at_s).min(Duration::from_millis(50)));
            }
            self.port().send(&epoch.bytes);
            // The copy is evidence for people; a full disk must not stop the truck.
            let _ = copy.write_all(&epoch.bytes);
            let driven = Duration::from_secs_f64(epoch.at_s).as_millis();
            self.driven_ms.store(u64::try_from(driven).unwrap_or(u64::MAX), Ordering::Release);
        }
        let _ = copy.flush();
        self.over.store(true, Ordering::Release);
    }
}

impl Drop for Cab {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
