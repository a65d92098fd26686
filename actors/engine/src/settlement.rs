//! What becomes of a delivery, and the receipt that says so exactly once.

use super::Fault;
use tokio::sync::mpsc::UnboundedSender;

/// What the source is told about one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
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
        /// The room that asks for it, as a metric label.
        room: &'static str,
        /// Short name of the trouble.
        cause: &'static str,
        /// What was wrong, for people.
        detail: String,
        /// Whether the event pays for it with one of its attempts.
        charged: bool,
    },
}

/// A verdict on one delivery.
#[derive(Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The delivery, within its channel.
    pub tag: u64,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// Where verdicts are posted. One desk for each broker channel: once the channel is gone its desk is
/// closed, so a late receipt settles nothing and a stale tag never reaches a new channel.
pub type Desk = UnboundedSender<Settlement>;

/// The duty to settle one delivery. Dropped unsettled it means *retry*, never *done*.
#[derive(Debug)]
pub struct Receipt {
    tag: u64,
    desk: Option<Desk>,
}

// === impl Receipt ===

impl Receipt {
    /// The receipt of delivery `tag`, settled at `desk`.
    pub fn new(tag: u64, desk: Desk) -> Self {
        Self {
            tag,
            desk: Some(desk),
        }
    }

    /// Settles the delivery.
    pub fn settle(mut self, verdict: Verdict) {
        self.post(verdict);
    }

    fn post(&mut self, verdict: Verdict) {
        if let Some(desk) = self.desk.take() {
            // A closed desk is a dead channel: the broker has taken the delivery back already.
            let _ = desk.send(Settlement {
                tag: self.tag,
                verdict,
            });
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.post(Verdict::Retry {
            room: "none",
            cause: "dropped",
            detail: "the message was dropped before it was settled".to_owned(),
            charged: true,
        });
    }
}

// === impl Verdict ===

impl Verdict {
    /// The verdict that a failure of one event alone asks for.
    pub(crate) fn of(fault: Fault, room: &'static str) -> Self {
        match fault {
            Fault::Poison { reason, detail } => Self::DeadLetter { reason, detail },
            Fault::Transient { cause, detail } => Self::Retry {
                room,
                cause,
                detail,
                charged: true,
            },
            Fault::NotYet { cause, detail } => Self::Retry {
                room,
                cause,
                detail,
                charged: false,
            },
            // Workers hold an event in an outage; only a source that fails on its own lets go of one.
            Fault::Outage { dependency, detail } => Self::Retry {
                room,
                cause: dependency,
                detail,
                charged: false,
            },
        }
    }
}
