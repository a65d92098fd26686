//! A delivery of which several messages were made.

use super::{DeliveryHandle, Outcome};
use std::sync::{Mutex, PoisonError};

/// What the parts of a delivery share. It is dropped with the last part, and settles the whole then.
#[derive(Debug)]
pub(crate) struct Split {
    /// The worst outcome of a part so far.
    worst: Mutex<Outcome>,
    /// None once it is settled.
    whole: Option<DeliveryHandle>,
}

// === impl Split ===

impl Split {
    pub(crate) fn new(whole: DeliveryHandle) -> Self {
        Self {
            worst: Mutex::new(Outcome::Done),
            whole: Some(whole),
        }
    }

    /// A part is settled.
    pub(crate) fn note(&self, outcome: Outcome) {
        // Nothing panics while holding the lock.
        let mut worst = self.worst.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome.rank() > worst.rank() {
            *worst = outcome;
        }
    }
}

impl Drop for Split {
    fn drop(&mut self) {
        let worst = self.worst.get_mut().unwrap_or_else(PoisonError::into_inner);
        let worst = std::mem::replace(worst, Outcome::Done);
        if let Some(whole) = self.whole.take() {
            whole.settle(worst);
        }
    }
}
