//! From the source's thread to the daemon's: bounded, and never a wait for bytes, since those that come meanwhile would be stamped late.

use super::SourceEvent;
use crate::time::Mono;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// Nobody listens any more.
pub(super) struct Stopping;

/// The sending end.
#[derive(Debug)]
pub(super) struct Feed {
    to: Sender<SourceEvent>,
    /// The newest read that found no room, and how many have not been told yet.
    dropped: Option<(Mono, u64)>,
}

impl Feed {
    pub(super) fn new(to: Sender<SourceEvent>) -> Self {
        Self { to, dropped: None }
    }

    /// Hands on what happened. Bytes that find no room are dropped, and counted before anything that comes after them; what a
    /// source says beside them is rare and waits.
    pub(super) async fn say(&mut self, event: SourceEvent) -> Result<(), Stopping> {
        let SourceEvent::Bytes(at, _) = event else {
            if let Some((at, reads)) = self.dropped.take() {
                self.to.send(SourceEvent::Dropped(at, reads)).await.map_err(|_| Stopping)?;
            }
            return self.to.send(event).await.map_err(|_| Stopping);
        };
        if let Some((since, reads)) = self.dropped
            && self.is_handed_on(SourceEvent::Dropped(since, reads))?
        {
            self.dropped = None;
        }
        if self.dropped.is_some() || !self.is_handed_on(event)? {
            self.dropped = Some((at, self.dropped.map_or(1, |(_, reads)| reads.saturating_add(1))));
        }
        Ok(())
    }

    fn is_handed_on(&self, event: SourceEvent) -> Result<bool, Stopping> {
        match self.to.try_send(event) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(_)) => Ok(false),
            Err(TrySendError::Closed(_)) => Err(Stopping),
        }
    }
}
