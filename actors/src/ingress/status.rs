//! Whether deliveries can flow, for health checks.

use jiff::Timestamp;
use tokio::sync::watch;

/// The ingress as seen from outside; shared with whoever asks.
#[derive(Clone, Debug)]
pub struct IngressStatus(watch::Sender<Consuming>);

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
        Self(watch::Sender::new(Consuming {
            yes: false,
            since: Timestamp::now(),
            why,
        }))
    }
}

impl IngressStatus {
    /// The state now.
    pub fn get(&self) -> Consuming {
        self.0.borrow().clone()
    }

    pub(super) fn set(&self, yes: bool, why: impl Into<String>) {
        let why = why.into();
        self.0.send_if_modified(|state| {
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
