//! Which stages cannot work because a dependency is down. The breaker is open while there is any.

use super::{ActorId, Breaker, Suspension};
use jiff::Timestamp;
use std::collections::BTreeMap;
use tokio::time::Instant;
use tracing::{error, info};

/// The supervisor's side of a [`Breaker`]: a part for each stage.
pub(crate) struct Circuits {
    /// The open ones.
    open: BTreeMap<&'static str, Circuit>,
    breaker: Breaker,
}

struct Circuit {
    opened: Instant,
    why: Suspension,
}

// === impl Circuits ===

impl Circuits {
    pub(crate) fn new(breaker: Breaker) -> Self {
        Self {
            open: BTreeMap::new(),
            breaker,
        }
    }

    /// Opens the part of an actor's stage, unless it is open.
    pub(crate) fn open(&mut self, of: ActorId, dependency: &'static str, detail: &str) {
        let stage = of.stage;
        if self.open.contains_key(stage) {
            return;
        }
        error!(
            pipeline = of.pipeline,
            breaker.room = stage,
            breaker.dependency = dependency,
            breaker.detail = detail,
            "{dependency} is down for stage {stage}: taking no deliveries until it serves again"
        );
        let circuit = Circuit {
            opened: Instant::now(),
            why: Suspension {
                dependency,
                detail: detail.to_owned(),
                since: Timestamp::now(),
            },
        };
        self.open.insert(stage, circuit);
        self.show();
    }

    /// Closes the part of an actor's stage, unless it is closed.
    pub(crate) fn close(&mut self, of: ActorId) {
        let stage = of.stage;
        let Some(Circuit { opened, why }) = self.open.remove(stage) else {
            return;
        };
        info!(
            pipeline = of.pipeline,
            breaker.room = stage,
            breaker.dependency = why.dependency,
            breaker.open_seconds = opened.elapsed().as_secs_f64(),
            "{} serves stage {stage} again",
            why.dependency
        );
        self.show();
    }

    /// Of several parts the one that has been open for longest tells why.
    fn show(&self) {
        let longest = self.open.values().min_by_key(|circuit| circuit.opened);
        self.breaker.show(longest.map(|circuit| circuit.why.clone()));
    }
}
