//! Whether new deliveries may be taken: closed while the dependencies serve, open while one is down.

use jiff::Timestamp;
use tokio::sync::watch;

/// A circuit breaker: the supervisor opens and closes it, sources obey it.
#[derive(Clone, Debug, Default)]
pub struct Breaker(watch::Sender<Option<Suspension>>);

/// An open breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// The dependency that is down: `object_store`, `database`.
    pub dependency: &'static str,
    /// What it said.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
}

// === impl Breaker ===

impl Breaker {
    /// Why no deliveries may be taken, or none when they may.
    pub fn suspension(&self) -> Option<Suspension> {
        self.0.borrow().clone()
    }

    /// Hears of every change.
    pub fn subscribe(&self) -> watch::Receiver<Option<Suspension>> {
        self.0.subscribe()
    }

    /// Says how it is now; who listens hears of it when that is news.
    pub(crate) fn show(&self, suspension: Option<Suspension>) {
        self.0.send_if_modified(|shown| {
            let news = *shown != suspension;
            *shown = suspension;
            news
        });
    }
}
