//! How do the broker, the link and dispatch run beside a test that is plain sequential code?
//!
//! Each gets a thread with its own single-threaded runtime and a stop signal. Dropping the handle stops and joins it, so that no
//! test leaves a listener behind.

use std::future::Future;
use std::io;
use std::thread::JoinHandle;

use tokio::sync::watch;

/// A thread with a runtime of its own, ended by dropping this handle.
#[derive(Debug)]
pub struct Background {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Resolves when the owner of the [`Background`] wants it to end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits for the wish to stop.
    pub async fn wished(&mut self) {
        // An error means that the sender is gone, which is the same wish.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

impl Background {
    /// Runs `work` on a new thread until it returns or the handle is dropped; `work` is dropped at its next await point then.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub fn spawn<F, W>(name: &str, work: F) -> io::Result<Self>
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output = ()>,
    {
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut stop = Stop(stopped);
            runtime.block_on(async {
                tokio::select! {
                    () = stop.wished() => {}
                    () = work() => {}
                }
            });
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            // A panic over there has been printed already; a second one here would hide it.
            let _ = thread.join();
        }
    }
}
