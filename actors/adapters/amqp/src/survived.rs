//! Events that this very process had at hand, among others and without a note, when a session ended. It is alive, so none
//! of them has crashed it: when they come again no process has crashed, and no note is needed.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Events remembered before all are forgotten: to note one too many costs only time.
const MOST: usize = 10_000;

/// The ids of such events; shared by all sessions of the process.
#[derive(Clone, Debug, Default)]
pub(super) struct Survived(Arc<Mutex<HashSet<String>>>);

// === impl Survived ===

impl Survived {
    /// Remembers the events of the session that ends now. Those of earlier ones stay: sessions may end
    /// before anything comes again.
    pub(super) fn remember(&self, event_ids: impl Iterator<Item = String>) {
        let mut known = self.lock();
        // What another replica got instead would stay for ever.
        if known.len() > MOST {
            known.clear();
        }
        known.extend(event_ids);
    }

    /// Whether this redelivered event is one of them. It is asked once: from here on it is like any other.
    pub(super) fn take(&self, event_id: &str) -> bool {
        self.lock().remove(event_id)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        // Nothing panics while holding the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
