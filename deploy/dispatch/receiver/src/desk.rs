//! Where do commits happen? On a thread of their own, so that a slow disk stops the ledger and not the connection's keep-alive.
//!
//! One job at a time; who waits for it does nothing else with the ledger, so nothing queues up here.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::ledger::Ledger;
use crate::store::{self, Place, StoreError};

type Job = Box<dyn FnOnce(&mut Ledger) + Send>;

/// The ledger's thread. Dropping it closes the database when the last job is done.
#[derive(Debug)]
pub struct Desk {
    jobs: mpsc::SyncSender<Job>,
    thread: JoinHandle<()>,
}

impl Desk {
    /// Opens the database there.
    ///
    /// # Errors
    /// When the thread cannot be made, or the database cannot be opened.
    pub async fn open(place: Place) -> Result<Self, StoreError> {
        let (jobs, todo) = mpsc::sync_channel::<Job>(1);
        let (opened, outcome) = oneshot::channel();
        let work = move || match store::open(&place) {
            Err(fault) => drop(opened.send(Err(fault))),
            Ok(store) => {
                let mut ledger = Ledger::new(store);
                drop(opened.send(Ok(())));
                while let Ok(job) = todo.recv() {
                    job(&mut ledger);
                }
            }
        };
        let thread = std::thread::Builder::new().name("ledger".to_owned());
        let failed = |fault: io::Error| StoreError::Failed(format!("no thread for the ledger: {fault}"));
        let thread = thread.spawn(work).map_err(failed)?;
        outcome.await.map_err(|_| ended())??;
        Ok(Self { jobs, thread })
    }

    /// Closes the database, and returns when it is closed: only then can the same file be locked again.
    pub async fn close(self) {
        let Self { jobs, thread } = self;
        drop(jobs);
        // Fails when the ledger panicked: it is gone then, and its lock with it.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }

    /// Does `work` with the ledger and gives back what came of it.
    ///
    /// # Errors
    /// As `work`, and when the thread is gone.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        // Who asked may be gone; the work is done all the same.
        let job: Job = Box::new(move |ledger| drop(answer.send(work(ledger))));
        self.jobs.try_send(job).map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

fn ended() -> StoreError {
    StoreError::Failed("the ledger's thread has ended".to_owned())
}
