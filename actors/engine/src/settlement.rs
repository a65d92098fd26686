//! What becomes of a delivery, and the handle that says so exactly once.

use super::Fault;
use tokio::sync::mpsc::UnboundedSender;

/// What the source is told about one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored: acknowledge it.
    Done,
    /// It can never succeed: keep it where people can look at it, then acknowledge it.
    DeadLetter {
        /// Stable code.
        reason: &'static str,
        /// What was wrong, for people.
        detail: String,
    },
    /// Try it again later.
    Retry {
        /// The stage that asks for it, as a metric label.
        stage: &'static str,
        /// Short name of the trouble.
        cause: &'static str,
        /// What was wrong, for people.
        detail: String,
        /// Whether the event pays for it with one of its attempts.
        charged: bool,
    },
}

/// A outcome on one delivery.
#[derive(Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The delivery, within its channel.
    pub tag: u64,
    /// What becomes of it.
    pub outcome: Outcome,
}

/// Where outcomes are posted. One acks for each broker channel: once the channel is gone its acks is
/// closed, so a late handle settles nothing and a stale tag never reaches a new channel.
pub type Acks = UnboundedSender<Settlement>;

/// The duty to settle one delivery. Dropped unsettled it means *retry*, never *done*.
#[derive(Debug)]
pub struct DeliveryHandle {
    tag: u64,
    acks: Option<Acks>,
}

// === impl DeliveryHandle ===

impl DeliveryHandle {
    /// The handle of delivery `tag`, settled through `acks`.
    pub fn new(tag: u64, acks: Acks) -> Self {
        Self {
            tag,
            acks: Some(acks),
        }
    }

    /// Settles the delivery.
    pub fn settle(mut self, outcome: Outcome) {
        self.post(outcome);
    }

    fn post(&mut self, outcome: Outcome) {
        if let Some(acks) = self.acks.take() {
            // Closed acks are a dead channel: the broker has taken the delivery back already.
            let _ = acks.send(Settlement {
                tag: self.tag,
                outcome,
            });
        }
    }
}

impl Drop for DeliveryHandle {
    fn drop(&mut self) {
        self.post(Outcome::Retry {
            stage: "none",
            cause: "dropped",
            detail: "the message was dropped before it was settled".to_owned(),
            charged: true,
        });
    }
}

// === impl Outcome ===

impl Outcome {
    /// The outcome that a failure of one event alone asks for.
    pub(crate) fn of(fault: Fault, stage: &'static str) -> Self {
        match fault {
            Fault::Poison { reason, detail } => Self::DeadLetter { reason, detail },
            Fault::Transient { cause, detail } => Self::Retry {
                stage,
                cause,
                detail,
                charged: true,
            },
            Fault::Deferred { cause, detail } => Self::Retry {
                stage,
                cause,
                detail,
                charged: false,
            },
            // Workers hold an event in an outage; only a source that fails on its own lets go of one.
            Fault::Outage { dependency, detail } => Self::Retry {
                stage,
                cause: dependency,
                detail,
                charged: false,
            },
        }
    }
}
