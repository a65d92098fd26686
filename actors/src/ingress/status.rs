//! Whether deliveries can flow, for health checks.

use jiff::Timestamp;
use tokio::{sync::watch, time::Instant};

/// The ingress as seen from outside; shared with whoever asks.
#[derive(Clone, Debug)]
pub struct IngressStatus {
    consuming: watch::Sender<Consuming>,
    progress: watch::Sender<Progress>,
}

/// Whether the line moves.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Deliveries not settled yet.
    pub in_flight: usize,
    /// When a delivery was last settled, or when the first of these arrived.
    pub moved_at: Instant,
}

/// The state of consumption, since when, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consuming {
    /// Deliveries flow.
    pub yes: bool,
    /// Since when it is so.
    pub since: Timestamp,
    /// Why not.
    pub why: String,
}

// === impl IngressStatus ===

impl Default for IngressStatus {
    fn default() -> Self {
        let why = "not connected yet".to_owned();
        let consuming = Consuming {
            yes: false,
            since: Timestamp::now(),
            why,
        };
        let progress = Progress {
            in_flight: 0,
            moved_at: Instant::now(),
        };
        Self {
            consuming: watch::Sender::new(consuming),
            progress: watch::Sender::new(progress),
        }
    }
}

impl IngressStatus {
    /// Whether deliveries flow now.
    pub fn consuming(&self) -> Consuming {
        self.consuming.borrow().clone()
    }

    /// How the line moves now.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Notes how many deliveries are open after one came or went.
    pub(super) fn moved(&self, in_flight: usize) {
        self.progress.send_modify(|progress| {
            // One more on top of others is no sign that any of them moves.
            if in_flight <= progress.in_flight || progress.in_flight == 0 {
                progress.moved_at = Instant::now();
            }
            progress.in_flight = in_flight;
        });
    }

    pub(super) fn set(&self, yes: bool, why: impl Into<String>) {
        let why = why.into();
        self.consuming.send_if_modified(|state| {
            let turned = state.yes != yes;
            if turned {
                state.since = Timestamp::now();
            }
            state.yes = yes;
            state.why = why;
            turned
        });
    }
}
