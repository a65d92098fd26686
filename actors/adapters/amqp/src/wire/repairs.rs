//! What was repaired on the way in, told to the session beside the delivery: a header could be forged.

use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What was done to one delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repair {
    /// The flags and properties as they came; none where only its address was repaired.
    pub(crate) raw: Bytes,
    /// What of them could not be read.
    pub(crate) lost: Option<String>,
}

/// The repairs of deliveries that the session has not seen yet, by delivery tag: one channel of a connection
/// consumes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repairs(Arc<Mutex<HashMap<u64, Repair>>>);

// === impl Repairs ===

impl Repairs {
    /// Notes a repair, before the delivery goes on. A later one of the same delivery says more.
    pub(super) fn note(&self, tag: u64, repair: Repair) {
        self.lock().insert(tag, repair);
    }

    /// What was done to this delivery. It is told once.
    pub(crate) fn take(&self, tag: u64) -> Option<Repair> {
        self.lock().remove(&tag)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Repair>> {
        // Nothing panics while holding the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
