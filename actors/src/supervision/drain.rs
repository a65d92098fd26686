//! The order to stop taking new work and finish what is in flight.

use tokio_util::sync::CancellationToken;

/// Given once, heard by every source; it cannot be taken back.
#[derive(Clone, Debug, Default)]
pub struct Drain(CancellationToken);

// === impl Drain ===

impl Drain {
    /// Gives the order.
    pub fn order(&self) {
        self.0.cancel();
    }

    /// Whether the order was given.
    pub fn is_ordered(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits for the order.
    pub async fn ordered(&self) {
        self.0.cancelled().await;
    }
}
