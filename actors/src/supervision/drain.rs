//! The order to stop taking new work and finish what is in flight.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};
use tokio_util::sync::CancellationToken;

/// Given once, heard by every source; it cannot be taken back.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    order: CancellationToken,
    gave_up: Arc<AtomicBool>,
}

// === impl Drain ===

impl Drain {
    /// Gives the order.
    pub fn order(&self) {
        self.order.cancel();
    }

    /// Gives the order because an actor failed too often.
    pub fn give_up(&self) {
        self.gave_up.store(true, SeqCst);
        self.order.cancel();
    }

    /// Whether the order was given.
    pub fn is_ordered(&self) -> bool {
        self.order.is_cancelled()
    }

    /// Whether an actor failed too often, whoever gave the order first.
    pub fn gave_up(&self) -> bool {
        self.gave_up.load(SeqCst)
    }

    /// Waits for the order.
    pub async fn ordered(&self) {
        self.order.cancelled().await;
    }
}
