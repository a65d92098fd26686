//! What becomes of an event whose copy goes to another queue. It is told when it is true: the broker has
//! confirmed the copy. Until then the delivery is held.

use crate::Ending;
use std::time::Duration;
use tracing::{Span, debug, error, warn};

/// What a confirmed copy makes true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is in the dead-letter queue.
    DeadLettered { reason: &'static str, detail: String },
    /// It comes back after the delay.
    Retried {
        stage: &'static str,
        cause: &'static str,
        detail: String,
        attempts: u32,
        delay: Duration,
    },
    /// It is quarantined, and comes back after the delay.
    Quarantined { attempts: u32, delay: Duration },
    /// It is at the end of its queue, which may soon have given up on it.
    Renewed { deliveries: u32 },
    /// It is a dead letter that its queue does not take: it comes back after the delay, to be tried again.
    PutOff {
        reason: &'static str,
        detail: String,
        waits_for: String,
        delay: Duration,
    },
}

// === impl Fate ===

impl Fate {
    /// How it counts.
    pub(super) fn ending(&self) -> Ending {
        match self {
            Self::DeadLettered { reason, .. } => Ending::DeadLettered(reason),
            Self::Retried { stage, .. } => Ending::Retried(stage),
            Self::Quarantined { .. } => Ending::Retried("quarantine"),
            Self::Renewed { .. } => Ending::Renewed,
            Self::PutOff { .. } => Ending::PutOff,
        }
    }

    /// Says it in the log, at its `attempts`-th attempt.
    pub(super) fn tell(&self, span: &Span, attempt: u32) {
        match self {
            Self::DeadLettered { reason, detail } => {
                error!(parent: span, reason, detail, attempts = attempt, fate = "dead_lettered", "event cannot be stored");
            }
            Self::Retried {
                cause,
                detail,
                attempts,
                delay,
                ..
            } => {
                let delay_ms = millis(*delay);
                warn!(parent: span, cause, detail, attempts, delay_ms, fate = "retried", "event will be tried again");
            }
            Self::Quarantined { delay, .. } => {
                let delay_ms = millis(*delay);
                debug!(parent: span, delay_ms, fate = "retried", "quarantined event waits in the retry queue");
            }
            Self::Renewed { deliveries } => {
                warn!(
                    parent: span, deliveries, cause = "delivery_limit", fate = "retried",
                    "its queue took this message back so often that it may soon give up on it; a copy takes its place"
                );
            }
            Self::PutOff {
                reason,
                detail,
                waits_for,
                delay,
            } => {
                let delay_ms = millis(*delay);
                warn!(
                    parent: span, reason, detail, waits_for, delay_ms, fate = "held",
                    "event cannot be stored; it waits in the retry queue until its dead-letter queue takes it"
                );
            }
        }
    }
}

fn millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}
