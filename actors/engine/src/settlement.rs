//! What becomes of a delivery, and the handle that says so exactly once.

use super::{Cause, Fault, split::Split};
use std::sync::Arc;
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
        /// Whether the event is charged one of its attempts for it.
        charged: bool,
    },
}

/// The outcome of one delivery.
#[derive(Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The delivery, within its channel.
    pub tag: u64,
    /// What becomes of it.
    pub outcome: Outcome,
}

/// Where outcomes are posted. One such channel for each of the broker's: once that is gone this one is
/// closed, so a late handle settles nothing and a stale tag never reaches a new channel.
pub type Acks = UnboundedSender<Settlement>;

/// The duty to settle one delivery. Dropped unsettled it means *retry*, never *done*.
#[derive(Debug)]
pub struct DeliveryHandle {
    /// None once it is settled.
    to: Option<To>,
}

/// Where a handle posts its outcome.
#[derive(Debug)]
enum To {
    /// To the source.
    Source { tag: u64, acks: Acks },
    /// To the handle that it is a part of.
    Whole(Arc<Split>),
}

// === impl DeliveryHandle ===

impl DeliveryHandle {
    /// The handle of delivery `tag`, settled through `acks`.
    pub fn new(tag: u64, acks: Acks) -> Self {
        Self {
            to: Some(To::Source { tag, acks }),
        }
    }

    /// Settles the delivery.
    pub fn settle(mut self, outcome: Outcome) {
        self.post(outcome);
    }

    /// A handle for each of so many parts of the delivery. It is settled once, when all parts are, with the worst of
    /// their outcomes: a dead letter is worse than a charged retry, that is worse than a free one, and *done* is the
    /// best. Of equally bad ones the first to arrive is kept, with its detail. Without parts it is done.
    pub fn split(self, parts: usize) -> Vec<Self> {
        if parts == 0 {
            self.settle(Outcome::Done);
            return Vec::new();
        }
        if parts == 1 {
            return vec![self];
        }
        let whole = Arc::new(Split::new(self));
        let part = |whole| Self {
            to: Some(To::Whole(whole)),
        };
        std::iter::repeat_n(whole, parts).map(part).collect()
    }

    fn post(&mut self, outcome: Outcome) {
        match self.to.take() {
            // Closed acks are a dead channel: the broker has taken the delivery back already.
            Some(To::Source { tag, acks }) => drop(acks.send(Settlement { tag, outcome })),
            Some(To::Whole(whole)) => whole.note(outcome),
            None => {}
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
    /// How bad it is among others of one delivery.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Retry { charged: false, .. } => 1,
            Self::Retry { charged: true, .. } => 2,
            Self::DeadLetter { .. } => 3,
        }
    }

    /// The outcome of an event that the work of a stage has crashed at.
    pub(crate) fn of_crash(cause: &Cause, stage: &'static str) -> Self {
        Self::Retry {
            stage,
            cause: cause.label(),
            detail: cause.to_string(),
            charged: true,
        }
    }

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
