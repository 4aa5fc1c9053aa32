//! A truck in this process: the daemon's own loop, on a thread and a runtime of its own, as in a gateway.
//!
//! Killed, its runtime is dropped with everything in it, as it is; nothing is flushed that was not. What it keeps is what lies in its
//! folder. SQLite closes its file when it is dropped, which a killed process does not: the processes are there for that.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use gatestamp::config;
use gatestamp::io::clock::{Clock, wall_clock};
use gatestamp::io::run::rehearse;
use hil_tests::clock::SimClock;
use hil_tests::receiver::Epoch;
use rustix::process::nice;
use tokio::sync::mpsc::{Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::sync::watch;

use crate::tally::Tally;

/// Epochs that wait while the agent writes to its disk: the 4 KiB of a UART and the kernel's buffer hold about as many.
const EPOCHS_MAX: usize = 8;
/// An agent that ended by itself is started again after this, as systemd would.
const RESTART: Duration = Duration::from_millis(100);
/// A thousand trucks have a thousand gateways in life: here they must not keep broker, receivers and database from theirs.
const NICENESS: i32 = 10;
/// Faults that are kept in words.
const FAULTS_MAX: usize = 5;

/// A truck's thread.
#[derive(Debug)]
pub struct Inside {
    orders: UnboundedSender<Order>,
    thread: Option<JoinHandle<Diary>>,
    ahead: &'static AtomicI64,
}

/// What the truck went through.
#[derive(Debug, Default)]
pub struct Diary {
    /// When it was dead: seconds of the drive.
    pub dead: Vec<(f64, f64)>,
    /// What it ended of, where nobody had killed it.
    pub faults: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum Order {
    /// Die, and live again after so many seconds of the drive.
    Kill(f64),
    /// Die.
    End,
}

/// What a truck needs beside its configuration.
#[derive(Debug, Clone)]
pub struct Cab {
    /// What the receiver says.
    pub epochs: Arc<[Epoch]>,
    /// The drive's time, once it has begun.
    pub clock: watch::Receiver<Option<SimClock>>,
    /// How many times faster than life.
    pub speed: u32,
    /// Who counts.
    pub tally: Arc<Tally>,
}

impl Inside {
    /// Starts the truck whose configuration is `gatestamp.toml` in `dir`.
    ///
    /// # Errors
    /// When the configuration is not accepted, or no thread can be had.
    pub fn start(dir: &Path, cab: Cab) -> std::io::Result<Self> {
        let file = dir.join("gatestamp.toml");
        let text = std::fs::read_to_string(&file)?;
        let mut config = config::read(&file.display().to_string(), &text).map_err(|faults| {
            std::io::Error::other(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        config.facilities = dir.join(&config.facilities);
        config.state_dir = dir.join(&config.state_dir);
        let (orders, taken) = unbounded_channel();
        // Eight bytes a truck, for as long as the process lives, like the clock that they stand for. Right at first.
        let ahead: &'static AtomicI64 = Box::leak(Box::default());
        let clock = Clock::simulated(cab.speed, ahead);
        ahead.store(wall_clock().0 - (clock.now() - gatestamp::time::Mono(0)).0, Ordering::Relaxed);
        let thread = std::thread::Builder::new().name("truck".to_owned());
        let thread = thread.spawn(move || lives(&config, clock, &cab, taken))?;
        Ok(Self { orders, thread: Some(thread), ahead })
    }

    /// Kills it; it lives again after so many seconds of the drive.
    pub fn kill(&self, dead_s: f64) {
        // Fails only if it has ended already.
        let _ = self.orders.send(Order::Kill(dead_s));
    }

    /// Sets its system clock forward, or back.
    pub fn jump(&self, by_ms: i64) {
        self.ahead.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Kills it for good.
    pub fn put_down(&mut self) -> Diary {
        let _ = self.orders.send(Order::End);
        let panicked = |_| Diary { faults: vec!["its thread panicked".to_owned()], ..Diary::default() };
        self.thread.take().map_or_else(Diary::default, |thread| thread.join().unwrap_or_else(panicked))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.put_down();
    }
}

/// One life after the other.
fn lives(config: &config::Config, clock: Clock, cab: &Cab, mut orders: UnboundedReceiver<Order>) -> Diary {
    let mut diary = Diary::default();
    // On Linux that of the thread alone. If it is not allowed, dispatch only shares as it can.
    let _ = nice(NICENESS);
    loop {
        let order = match life(config, clock, cab, &mut orders) {
            Ok(order) => order,
            Err(why) => {
                if diary.faults.len() < FAULTS_MAX {
                    diary.faults.push(why);
                }
                std::thread::sleep(RESTART);
                continue;
            }
        };
        let Order::Kill(dead_s) = order else { return diary };
        std::thread::sleep(Duration::from_secs_f64(dead_s / f64::from(cab.speed)));
        if let Some(drive) = *cab.clock.borrow() {
            diary.dead.push((drive.seconds() - dead_s, drive.seconds()));
        }
    }
}

/// Until it is killed; an error is how it ended by itself.
fn life(
    config: &config::Config,
    clock: Clock,
    cab: &Cab,
    orders: &mut UnboundedReceiver<Order>,
) -> Result<Order, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|fault| format!("no runtime: {fault}"))?;
    runtime.block_on(async {
        let (to_agent, receiver) = channel(EPOCHS_MAX);
        let agent = rehearse(config.clone(), clock, receiver, std::future::pending());
        tokio::select! {
            order = orders.recv() => Ok(order.unwrap_or(Order::End)),
            ended = agent => Err(match ended {
                Ok(()) => "it ended although nobody had told it to".to_owned(),
                Err(error) => error.to_string(),
            }),
            () = speak(cab, &to_agent) => Err("its receiver ended".to_owned()),
        }
    })
}

/// The receiver: goes on with the drive whether anybody listens or not. Stays silent after its last word.
async fn speak(cab: &Cab, to: &Sender<Vec<u8>>) {
    let mut begun = cab.clock.clone();
    let Ok(Some(clock)) = begun.wait_for(Option::is_some).await.map(|clock| *clock) else { return };
    let passed = cab.epochs.partition_point(|epoch| epoch.at_s < clock.seconds());
    for epoch in cab.epochs.iter().skip(passed) {
        tokio::time::sleep(clock.wait_for(epoch.at_s)).await;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not below zero, and less than a day"
        )]
        cab.tally.behind(((clock.seconds() - epoch.at_s).max(0.0) * 1_000.0) as u64);
        // A port that nobody reads drops what comes.
        let _ = to.try_send(epoch.bytes.clone());
    }
    std::future::pending().await
}
