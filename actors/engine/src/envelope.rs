//! A message on its way through the rooms.

use super::{Receipt, Verdict};
use std::sync::Arc;
use tracing::Span;

/// One delivery: its current form, whom it is about, and the receipt that settles it.
#[must_use = "dropping an envelope sends its delivery back"]
#[derive(Debug)]
pub struct Envelope<T> {
    /// What the next room works on.
    pub body: T,
    /// Names the delivery for people: the event's id.
    pub subject: Arc<str>,
    /// The span that every log line about this delivery belongs to.
    pub span: Span,
    /// An attempt at it failed before: it runs alone, and in one member of a pool only.
    pub(crate) retried: bool,
    /// Outages that it met in this room.
    pub(crate) outages: Outages,
    receipt: Receipt,
}

/// The outages that a message met in one room.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outages {
    pub(crate) count: u32,
    /// What the room had passed on when the message met the first.
    pub(crate) passed_before: u64,
}

// === impl Envelope ===

impl<T> Envelope<T> {
    /// A fresh delivery.
    pub fn new(body: T, subject: impl Into<Arc<str>>, span: Span, receipt: Receipt) -> Self {
        Self {
            body,
            subject: subject.into(),
            span,
            retried: false,
            outages: Outages::default(),
            receipt,
        }
    }

    /// Says whether an attempt at it failed before, in whatever process.
    pub fn retried(self, retried: bool) -> Self {
        Self { retried, ..self }
    }

    /// The same delivery in its next form.
    pub fn map<U>(self, body: U) -> Envelope<U> {
        Envelope {
            body,
            subject: self.subject,
            span: self.span,
            retried: self.retried,
            outages: Outages::default(),
            receipt: self.receipt,
        }
    }

    /// Ends the delivery.
    pub fn settle(self, verdict: Verdict) {
        self.receipt.settle(verdict);
    }
}

impl<T: Send + 'static> actix::Message for Envelope<T> {
    type Result = ();
}
