//! A bound on the bytes of objects in flight.
//!
//! A batch weighs twice: first as an object (packed), then as what comes out of it (opened). Packed
//! bytes get half of the budget, so that there is always room to open something; who would open
//! a batch waits until it fits, or until nothing else is open. What is open needs nothing more and will
//! be settled, so no message waits for ever, and the budget is exceeded only by a batch that is larger than
//! half of it, and by one at a time.

use super::watchdog::excused;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Mutex as Turn, watch};

/// Bytes that may be in flight at once. Waiters are served in order.
#[derive(Debug)]
pub struct ByteBudget {
    limit: u64,
    used: watch::Sender<Used>,
    packing: Turn<()>,
    opening: Turn<()>,
}

/// A share of a [`ByteBudget`]; given back when the last clone is dropped.
///
/// It is shared because an object and the rows made from it overlap in memory for a moment.
#[derive(Clone, Debug)]
pub struct Reservation(Arc<Share>);

#[derive(Clone, Copy, Debug, Default)]
struct Used {
    packed: u64,
    opened: u64,
    /// Batches that are open.
    open: usize,
}

#[derive(Debug)]
struct Share {
    budget: Arc<ByteBudget>,
    held: Mutex<Used>,
}

// === impl ByteBudget ===

impl ByteBudget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: watch::Sender::default(),
            packing: Turn::default(),
            opening: Turn::default(),
        })
    }

    /// The bound, in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes in flight now.
    pub fn used(&self) -> u64 {
        self.used.borrow().total()
    }

    /// Takes a share for an object at once, where it fits.
    pub fn try_reserve(self: &Arc<Self>, bytes: u64) -> Option<Reservation> {
        let _turn = self.packing.try_lock().ok()?;
        let taken = self.used.send_if_modified(|used| {
            let fits = self.fits_packed(used, bytes);
            if fits {
                used.packed += bytes;
            }
            fits
        });
        taken.then(|| self.share(bytes))
    }

    /// Waits until an object of `bytes` fits. What is larger than the whole budget goes alone. A run of
    /// a stage's work that waits here does not hang.
    pub async fn reserve(self: &Arc<Self>, bytes: u64) -> Reservation {
        excused(self.packed(bytes)).await
    }

    async fn packed(self: &Arc<Self>, bytes: u64) -> Reservation {
        let _turn = self.packing.lock().await;
        self.wait_until(|used| self.fits_packed(used, bytes)).await;
        self.used.send_modify(|used| used.packed += bytes);
        self.share(bytes)
    }

    async fn opened(&self, bytes: u64) {
        let _turn = self.opening.lock().await;
        self.wait_until(|used| used.open == 0 || used.total() + bytes <= self.limit)
            .await;
        self.used.send_modify(|used| {
            used.opened += bytes;
            used.open += 1;
        });
    }

    async fn wait_until(&self, fits: impl Fn(&Used) -> bool) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.used.subscribe().wait_for(|used| fits(used)).await;
    }

    fn fits_packed(&self, used: &Used, bytes: u64) -> bool {
        let fits = used.total().saturating_add(bytes) <= self.limit;
        let leaves_half = used.packed.saturating_add(bytes) <= self.limit / 2;
        used.total() == 0 || fits && (leaves_half || used.packed == 0)
    }

    fn share(self: &Arc<Self>, packed: u64) -> Reservation {
        let held = Used {
            packed,
            ..Used::default()
        };
        Reservation(Arc::new(Share {
            budget: self.clone(),
            held: Mutex::new(held),
        }))
    }
}

// === impl Reservation ===

impl Reservation {
    /// Waits until `bytes` more fit that come out of the object. To be called before they are made, and
    /// once for a share.
    pub async fn open(&self, bytes: u64) {
        excused(self.0.budget.opened(bytes)).await;
        let mut held = self.0.held();
        held.opened += bytes;
        held.open += 1;
    }

    /// What came out weighs more than the `reserved` part of it that was counted: from now on others wait for all of
    /// it. The stage that has made it does not wait, as that would free nothing. Returns what is counted now.
    pub fn grow_opened(&self, reserved: u64, weight: u64) -> u64 {
        let more = weight.saturating_sub(reserved);
        let mut held = self.0.held();
        held.opened += more;
        self.0.budget.used.send_modify(|used| used.opened += more);
        reserved + more
    }

    /// Gives back a part of what came out, for example when the JSON is gone and its rows remain.
    pub fn shrink_opened(&self, bytes: u64) {
        let mut held = self.0.held();
        let freed = bytes.min(held.opened);
        held.opened -= freed;
        self.0.budget.used.send_modify(|used| used.opened -= freed);
    }

    /// Gives back a part of the object's own bytes.
    pub fn shrink(&self, bytes: u64) {
        let mut held = self.0.held();
        let freed = bytes.min(held.packed);
        held.packed -= freed;
        self.0.budget.used.send_modify(|used| used.packed -= freed);
    }
}

// === impl Used ===

impl Used {
    fn total(&self) -> u64 {
        self.packed.saturating_add(self.opened)
    }
}

// === impl Share ===

impl Share {
    fn held(&self) -> MutexGuard<'_, Used> {
        // Nothing panics while holding the lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let held = *self.held();
        self.budget.used.send_modify(|used| {
            used.packed -= held.packed;
            used.opened -= held.opened;
            used.open -= held.open;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test(start_paused = true)]
    async fn a_waiter_gets_its_turn_when_a_share_is_dropped() {
        let budget = ByteBudget::new(100);
        let first = budget.reserve(40).await;
        assert!(budget.try_reserve(30).is_none());
        let waiter = tokio::spawn({
            let budget = budget.clone();
            async move { budget.reserve(30).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        assert!(budget.try_reserve(1).is_none(), "none overtakes a waiter");
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
        assert!(
            budget.try_reserve(5).is_none(),
            "half of it is for what comes out"
        );
        huge.open(2_000).await;
        assert_eq!(budget.used(), 2_005);
        huge.shrink_opened(1_999);
        huge.shrink(1_000);
        assert_eq!(budget.used(), 1);
        drop(huge);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn objects_leave_room_to_open_one_of_them() {
        let budget = ByteBudget::new(100);
        let objects: Vec<_> = std::iter::from_fn(|| budget.try_reserve(10)).collect();
        assert_eq!(objects.len(), 5);
        objects[0].open(45).await;
        assert!(objects[1].open(10).now_or_never().is_none(), "it does not fit");
        let mut objects = objects.into_iter();
        drop(objects.next());
        let second = objects.next().unwrap();
        second.open(10).await;
        assert_eq!(budget.used(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn only_one_batch_at_a_time_may_be_larger_than_what_is_left() {
        let budget = ByteBudget::new(100);
        let (one, two) = (budget.reserve(10).await, budget.reserve(10).await);
        one.open(500).await;
        assert!(two.open(500).now_or_never().is_none());
        drop(one);
        two.open(500).await;
        assert_eq!(budget.used(), 510);
    }
}
