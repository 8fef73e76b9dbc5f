//! The opening of a reading, which may wait long, by a run that may be given up meanwhile.
//!
//! Owns the slot that is waited for, and that it goes with the run: else it would be made when what it
//! waits for ends. It must not know what is read nor what for.

use crate::feed::{FeedConfig, FeedError, PreparedReading, Reading, ReadingSlot};

/// The slot that is waited for, while one is.
#[derive(Debug, Default)]
pub(crate) struct Opening(Option<ReadingSlot>);

impl Opening {
    /// Opens a reading. Whoever gives it up, or gets an error, has to [`Opening::abandon`] it.
    pub(crate) async fn open(&mut self, feed: &FeedConfig) -> Result<Reading, FeedError> {
        let prepared = PreparedReading::new(feed).await?;
        self.0 = Some(prepared.slot());
        let reading = prepared.open().await?;
        self.0 = None;
        Ok(reading)
    }

    /// Has the slot gone that is still waited for, if one is.
    pub(crate) async fn abandon(&mut self) {
        if let Some(slot) = self.0.take()
            && let Err(error) = slot.abandon().await
        {
            // A temporary slot: it goes when what it waits for ends.
            tracing::warn!(%error, "a slot that was waited for may stay for a while");
        }
    }
}
