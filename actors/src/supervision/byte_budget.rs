//! A bound on the bytes of objects in flight.

use super::busy::excused;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};

/// Bytes that may be in flight at once. Waiters are served in order.
#[derive(Debug)]
pub struct ByteBudget {
    limit: u64,
    used: watch::Sender<u64>,
    turn: Mutex<()>,
}

/// A share of a [`ByteBudget`]; given back when the last clone is dropped.
///
/// It is shared because an object and the rows made from it overlap in memory for a moment.
#[derive(Clone, Debug)]
pub struct Reservation(Arc<Share>);

#[derive(Debug)]
struct Share {
    budget: Arc<ByteBudget>,
    bytes: std::sync::atomic::AtomicU64,
}

// === impl ByteBudget ===

impl ByteBudget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: watch::Sender::new(0),
            turn: Mutex::new(()),
        })
    }

    /// The bound, in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes in flight now.
    pub fn used(&self) -> u64 {
        *self.used.borrow()
    }

    /// Takes a share at once, where it fits.
    pub fn try_reserve(self: &Arc<Self>, bytes: u64) -> Option<Reservation> {
        let _turn = self.turn.try_lock().ok()?;
        let taken = self.used.send_if_modified(|used| {
            let fits = self.fits(*used, bytes);
            if fits {
                *used += bytes;
            }
            fits
        });
        taken.then(|| self.share(bytes))
    }

    /// Waits until `bytes` fit. What is larger than the whole budget goes alone. A run of a room's work
    /// that waits here does not hang.
    pub async fn reserve(self: &Arc<Self>, bytes: u64) -> Reservation {
        excused(self.granted(bytes)).await
    }

    async fn granted(self: &Arc<Self>, bytes: u64) -> Reservation {
        let _turn = self.turn.lock().await;
        let mut used = self.used.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = used.wait_for(|used| self.fits(*used, bytes)).await;
        self.used.send_modify(|used| *used += bytes);
        self.share(bytes)
    }

    fn fits(&self, used: u64, bytes: u64) -> bool {
        used == 0 || used.saturating_add(bytes) <= self.limit
    }

    fn share(self: &Arc<Self>, bytes: u64) -> Reservation {
        Reservation(Arc::new(Share {
            budget: self.clone(),
            bytes: bytes.into(),
        }))
    }
}

// === impl Reservation ===

impl Reservation {
    /// Adds bytes that are in memory already, without waiting: whoever waited here while holding a
    /// share could wait for itself. The next [`ByteBudget::reserve`] waits for the difference.
    pub fn grow(&self, bytes: u64) {
        self.0
            .bytes
            .fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        self.0.budget.used.send_modify(|used| *used += bytes);
    }

    /// Gives back a part, for example when the compressed bytes are gone.
    pub fn shrink(&self, bytes: u64) {
        let mut freed = 0;
        let _ = self.0.bytes.fetch_update(
            std::sync::atomic::Ordering::Relaxed,
            std::sync::atomic::Ordering::Relaxed,
            |held| {
                freed = bytes.min(held);
                Some(held - freed)
            },
        );
        self.0.budget.used.send_modify(|used| *used -= freed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        self.budget.used.send_modify(|used| *used -= bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_waiter_gets_its_turn_when_a_share_is_dropped() {
        let budget = ByteBudget::new(100);
        let first = budget.reserve(80).await;
        assert!(budget.try_reserve(30).is_none());
        let waiter = tokio::spawn({
            let budget = budget.clone();
            async move { budget.reserve(30).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        assert!(budget.try_reserve(1).is_none(), "nobody overtakes a waiter");
        drop(first);
        let second = waiter.await.unwrap();
        assert_eq!(budget.used(), 30);
        drop(second);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_larger_than_the_budget_goes_alone() {
        let budget = ByteBudget::new(10);
        let huge = budget.reserve(1_000).await;
        assert!(budget.try_reserve(1).is_none());
        huge.shrink(995);
        assert!(budget.try_reserve(5).is_some());
        huge.grow(1);
        assert_eq!(budget.used(), 6);
        huge.shrink(1_000);
        assert_eq!(budget.used(), 0);
    }
}
