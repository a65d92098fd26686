//! A message on its way through the stages.

use super::{DeliveryHandle, Outcome};
use std::sync::Arc;
use tracing::Span;

/// One delivery: its current form, the event that it is about, and the handle that settles it.
#[must_use = "dropping an envelope sends its delivery back"]
#[derive(Debug)]
pub struct Envelope<T> {
    /// What the next stage works on.
    pub body: T,
    /// Names the delivery for people: the event's id.
    pub subject: Arc<str>,
    /// The span that every log line about this delivery belongs to.
    pub span: Span,
    /// An attempt at it failed before: it runs alone, and in one member of a pool only.
    pub(crate) retried: bool,
    /// Outages that it met in this stage.
    pub(crate) outages: Outages,
    handle: DeliveryHandle,
}

/// The outages that a message met in one stage.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outages {
    pub(crate) count: u32,
    /// What the stage had passed on when the message met the first.
    pub(crate) passed_before: u64,
}

// === impl Envelope ===

impl<T> Envelope<T> {
    /// A fresh delivery.
    pub fn new(body: T, subject: impl Into<Arc<str>>, span: Span, handle: DeliveryHandle) -> Self {
        Self {
            body,
            subject: subject.into(),
            span,
            retried: false,
            outages: Outages::default(),
            handle,
        }
    }

    /// Says whether an attempt at it failed before, in whatever process.
    pub fn retried(self, retried: bool) -> Self {
        Self { retried, ..self }
    }

    /// The same delivery in its next form.
    pub fn map<U>(self, body: U) -> Envelope<U> {
        self.open().1.with(body)
    }

    /// The body, and the delivery without it.
    pub(crate) fn open(self) -> (T, Envelope<()>) {
        let rest = Envelope {
            body: (),
            subject: self.subject,
            span: self.span,
            retried: self.retried,
            outages: Outages::default(),
            handle: self.handle,
        };
        (self.body, rest)
    }

    /// Several messages made of one delivery, which is settled when all of them are: see [`DeliveryHandle::split`].
    pub fn split<U>(self, bodies: Vec<U>) -> impl Iterator<Item = Envelope<U>> {
        let handles = self.handle.split(bodies.len());
        let (subject, span, retried) = (self.subject, self.span, self.retried);
        bodies.into_iter().zip(handles).map(move |(body, handle)| {
            Envelope::new(body, subject.clone(), span.clone(), handle).retried(retried)
        })
    }

    /// Ends the delivery.
    pub fn settle(self, outcome: Outcome) {
        self.handle.settle(outcome);
    }
}

impl Envelope<()> {
    fn with<T>(self, body: T) -> Envelope<T> {
        Envelope {
            body,
            subject: self.subject,
            span: self.span,
            retried: self.retried,
            outages: self.outages,
            handle: self.handle,
        }
    }
}

impl<T: Send + 'static> actix::Message for Envelope<T> {
    type Result = ();
}
