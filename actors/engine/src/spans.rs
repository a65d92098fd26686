//! The spans of one run of an actor's work.

use super::{ActorId, Cause, Envelope, Fault};
use crate::trace::{self, Kind};
use tracing::Span;

/// One run as it stands in traces: a span below each event's own, and where it serves several events, one
/// more that is linked to all of them, because work that is done once has its place in no single trace.
pub(crate) struct RunSpans {
    /// Where the work runs, and where its lines are logged.
    pub(crate) work: Span,
    /// The event's own span, where the run serves only one.
    pub(crate) only: Span,
    each: Vec<Span>,
}

// === impl RunSpans ===

impl RunSpans {
    pub(crate) fn begin<T>(verb: &str, kind: Kind, actor: ActorId, batch: &[Envelope<T>]) -> Self {
        if let [mail] = batch {
            let work = trace::work(&mail.span, verb, kind, actor);
            return Self {
                only: mail.span.clone(),
                each: vec![work.clone()],
                work,
            };
        }
        let work = trace::shared_work(&format!("{verb} batch"), kind, actor, batch.len());
        let one = |mail: &Envelope<T>| {
            let span = trace::child(&mail.span, verb, kind);
            trace::link(&span, &work);
            span
        };
        Self {
            each: batch.iter().map(one).collect(),
            only: Span::none(),
            work,
        }
    }

    /// Notes how the run ended. It is over when this is dropped.
    pub(crate) fn end<O>(&self, ended: &Result<Result<O, Fault>, Cause>) {
        let (kind, detail) = match ended {
            Ok(Ok(_)) => return,
            Ok(Err(fault)) => (fault.kind(), fault.to_string()),
            Err(cause) => (cause.label(), cause.to_string()),
        };
        trace::fail(&self.work, kind, &detail);
        for span in &self.each {
            trace::fail(span, kind, &detail);
        }
    }
}
