//! How a session works on suspects: one at a time, each behind a durable strike. See `isolation`.

use super::{isolation::Turn, link::lost, session::Session};
use crate::{
    domain::Reason,
    faults::{self, Point},
    messages::BatchRef,
    strikes::Strike,
    supervision::{Envelope, Fault, Intake, Receipt, Settlement, Verdict},
};
use std::time::Duration;
use tokio::{sync::oneshot, time::timeout};
use tracing::{Span, debug, info};

/// An event may be at hand alone, and the process die, so many times. With the first death, when it was
/// one of many, that makes three deliveries. One would be too few: a process may be killed for other
/// reasons, and whatever was at hand then is innocent.
const STRIKES: u32 = 2;

/// How long the end of a session waits for the acquittal of a suspect to be written.
const LAST_ACQUITTAL: Duration = Duration::from_secs(1);

/// An event that waits for its turn.
pub(super) struct Waiting {
    pub(super) tag: u64,
    pub(super) span: Span,
    pub(super) batch: BatchRef,
}

/// A suspect and its strike on the way to the book.
pub(super) struct Striking {
    suspect: Waiting,
    strikes: oneshot::Receiver<Strike>,
}

/// Waits for the strike to be durable; for ever where there is none. None when it never will be.
pub(super) async fn struck(striking: &mut Option<Striking>) -> Option<Strike> {
    match striking {
        Some(striking) => (&mut striking.strikes).await.ok(),
        None => std::future::pending().await,
    }
}

// === impl Session ===

impl Session<'_> {
    /// Lets events into the line as far as the isolation of suspects allows.
    pub(super) fn let_in(&mut self, intake: &Intake<BatchRef>) {
        while let Some(turn) = self.isolation.next() {
            match turn {
                Turn::Together(waiting) => self.forward(waiting, intake),
                Turn::Alone(suspect) => {
                    self.shared.metrics.suspects.inc();
                    let event_id = suspect.batch.event.event_id.clone();
                    let strikes = self.shared.acquittals.strike(event_id, suspect.span.clone());
                    self.striking = Some(Striking { suspect, strikes });
                }
            }
        }
    }

    /// Sends a struck suspect on its way, or to the dead letters when it has killed too often.
    pub(super) async fn judge(
        &mut self,
        strike: Option<Strike>,
        intake: &Intake<BatchRef>,
    ) -> Result<(), Fault> {
        let Strike { strikes, stored } = strike.ok_or_else(|| lost("a suspect could not be struck"))?;
        let Some(Striking { suspect, .. }) = self.striking.take() else {
            return Ok(());
        };
        let event_id = &suspect.batch.event.event_id;
        faults::reached(Point::Struck, event_id);
        if strikes <= STRIKES {
            debug!(parent: &suspect.span, strikes, "redelivered event is worked on alone");
            self.forward(suspect, intake);
            return Ok(());
        }
        let tag = suspect.tag;
        let verdict = if stored {
            info!(parent: &suspect.span, strikes, "the process died with this event at hand, after its batch was stored");
            Verdict::Done
        } else {
            Verdict::DeadLetter {
                reason: Reason::KilledWorker.code(),
                detail: format!("the process died {STRIKES} times while it worked on this event alone"),
            }
        };
        self.leave_line(tag);
        self.settle(Settlement { tag, verdict }).await
    }

    /// Makes room for the next one, and takes the strike of a suspect back.
    pub(super) fn leave_line(&mut self, tag: u64) {
        if self.isolation.left(tag)
            && let Some(event_id) = self.event_id(tag)
        {
            self.shared.acquittals.acquit(event_id);
        }
    }

    /// A suspect that is held in an outage is not being worked on: a death now would not be its doing.
    pub(super) fn acquit_while_waiting(&self) {
        if let Some(event_id) = self.isolation.alone().and_then(|tag| self.event_id(tag)) {
            self.shared.acquittals.acquit(event_id);
        }
    }

    /// The session ends and the process lives: what it had in hand has killed nobody. Only when an actor
    /// gave up, that may be the suspect's doing, and its strike stays.
    pub(super) async fn release(&mut self, intake: &Intake<BatchRef>) {
        self.striking = None;
        let in_flight = self.in_flight.values();
        self.shared
            .innocents
            .remember(in_flight.filter_map(|delivery| delivery.event_id.clone()));
        let alone = self.isolation.alone().and_then(|tag| self.event_id(tag));
        if let Some(event_id) = alone.filter(|_| !intake.drain.gave_up()) {
            let acquitted = self.shared.acquittals.acquit(event_id);
            // Not for longer: at the end of a drain the process is to leave.
            let _ = timeout(LAST_ACQUITTAL, acquitted).await;
        }
    }

    fn forward(&self, waiting: Waiting, intake: &Intake<BatchRef>) {
        let Waiting { tag, span, batch } = waiting;
        let subject = batch.event.event_id.clone();
        let receipt = Receipt::new(tag, self.desk.clone());
        let retried = batch.event.delivery.attempt > 1;
        intake
            .out
            .post(Envelope::new(batch, subject, span, receipt).retried(retried));
    }

    fn event_id(&self, tag: u64) -> Option<String> {
        self.in_flight.get(&tag)?.event_id.clone()
    }
}
