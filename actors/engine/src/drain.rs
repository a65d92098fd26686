//! The order to stop taking new work and finish what is in flight.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};
use tokio_util::sync::CancellationToken;

/// Given once, heard by every source; it cannot be taken back.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    ordered: CancellationToken,
    shortened: CancellationToken,
    gave_up: Arc<AtomicBool>,
}

// === impl Drain ===

impl Drain {
    /// Gives the order: an operator wants it.
    pub fn order(&self) {
        self.ordered.cancel();
    }

    /// Gives the order because an actor cannot go on: what is in flight may be what broke it.
    pub fn give_up(&self) {
        self.gave_up.store(true, SeqCst);
        self.ordered.cancel();
    }

    /// Whether the order was given.
    pub fn is_ordered(&self) -> bool {
        self.ordered.is_cancelled()
    }

    /// Whether an actor gave up, before an operator's order or after it.
    pub fn gave_up(&self) -> bool {
        self.gave_up.load(SeqCst)
    }

    /// Ends an ordered drain early: what is unfinished cannot be finished now and is left unacknowledged.
    pub fn shorten(&self) {
        self.shortened.cancel();
    }

    /// Waits for the order.
    pub async fn ordered(&self) {
        self.ordered.cancelled().await;
    }

    /// Waits until a drain is to end early.
    pub async fn shortened(&self) {
        self.shortened.cancelled().await;
    }
}
