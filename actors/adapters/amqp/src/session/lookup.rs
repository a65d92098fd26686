//! How a session asks the ledger about events before they go into the pipeline: what it has is acknowledged without a fetch.
//!
//! Any event may come twice, published again or not known to be redelivered, so all are asked about, many at a time.
//! An answer only spares work, for the writer finds out anyway: one that is late is not waited for, and until it comes
//! nothing else is asked.

use super::{Session, redelivered::Waiting};
use crate::Events;
use millrace_engine::{Fault, Outcome, Settlement};
use std::{mem, time::Duration};
use tokio::{
    sync::oneshot::{Receiver, error::TryRecvError},
    time::{Instant, sleep_until},
};

/// How long events wait for an answer.
const PATIENCE: Duration = Duration::from_millis(200);
/// After a question that failed none is asked for so long.
const REST: Duration = Duration::from_secs(5);

/// Events that have not gone in yet, and what is asked about them.
pub(super) struct Lookup<M> {
    /// Waiting for the next question.
    gathering: Vec<Waiting<M>>,
    asked: Option<Asked<M>>,
    /// A question whose answer comes too late.
    overdue: Option<Receiver<Vec<bool>>>,
    rests_until: Option<Instant>,
}

struct Asked<M> {
    events: Vec<Waiting<M>>,
    answer: Receiver<Vec<bool>>,
    late_at: Instant,
}

/// The events of a question, each with whether it is known to be stored.
pub(super) type Looked<M> = Vec<(Waiting<M>, bool)>;

// === impl Lookup ===

impl<M> Default for Lookup<M> {
    fn default() -> Self {
        Self {
            gathering: Vec::new(),
            asked: None,
            overdue: None,
            rests_until: None,
        }
    }
}

impl<M> Lookup<M> {
    pub(super) fn gather(&mut self, waiting: Waiting<M>) {
        self.gathering.push(waiting);
    }

    /// Those that the next question is about, as soon as one may be asked.
    fn next(&mut self) -> Vec<Waiting<M>> {
        match self.asked {
            Some(_) => Vec::new(),
            None => mem::take(&mut self.gathering),
        }
    }

    /// Whether a question would be answered soon.
    fn may_ask(&mut self, now: Instant) -> bool {
        match self.overdue.as_mut().map(Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return false,
            Some(Err(TryRecvError::Closed)) => self.rests_until = Some(now + REST),
            Some(Ok(_)) | None => {}
        }
        self.overdue = None;
        self.rests_until.is_none_or(|until| now >= until)
    }

    fn ask(&mut self, events: Vec<Waiting<M>>, answer: Receiver<Vec<bool>>, now: Instant) {
        self.asked = Some(Asked {
            events,
            answer,
            late_at: now + PATIENCE,
        });
    }

    /// Waits until the events of a question may go on; for ever where nothing is asked.
    pub(super) async fn answered(&mut self) -> Looked<M> {
        let Some(asked) = &mut self.asked else {
            return std::future::pending().await;
        };
        let answer = tokio::select! {
            answer = &mut asked.answer => Some(answer),
            () = sleep_until(asked.late_at) => None,
        };
        let Some(Asked {
            events,
            answer: receiver,
            ..
        }) = self.asked.take()
        else {
            return Vec::new();
        };
        let stored = match answer {
            Some(Ok(stored)) => stored,
            Some(Err(_)) => {
                self.rests_until = Some(Instant::now() + REST);
                Vec::new()
            }
            None => {
                self.overdue = Some(receiver);
                Vec::new()
            }
        };
        let stored = stored.into_iter().chain(std::iter::repeat(false));
        events.into_iter().zip(stored).collect()
    }
}

// === impl Session ===

impl<E: Events> Session<'_, E> {
    /// One question about all that gathered while the one before it was answered.
    pub(super) fn look_up(&mut self) {
        let events = self.lookup.next();
        if events.is_empty() {
            return;
        }
        let now = Instant::now();
        if !self.lookup.may_ask(now) {
            for waiting in events {
                self.quarantine.queue(waiting.tag, waiting);
            }
            return;
        }
        let ids = events.iter().map(|waiting| waiting.event_id.clone()).collect();
        let answer = self.shared.notes.look(ids);
        self.lookup.ask(events, answer, now);
    }

    /// Lets in what the ledger does not have.
    pub(super) async fn looked_up(&mut self, looked: Looked<E::Message>) -> Result<(), Fault> {
        for (waiting, stored) in looked {
            let tag = waiting.tag;
            if !stored {
                self.quarantine.queue(tag, waiting);
                continue;
            }
            self.was_stored(tag);
            let outcome = Outcome::Done;
            self.settle(Settlement { tag, outcome }).await?;
        }
        Ok(())
    }

    /// Counts an event that goes no further because it is stored, and says so.
    pub(super) fn was_stored(&self, tag: u64) {
        let Some(delivery) = self.in_flight.get(&tag) else {
            return;
        };
        let events = &self.shared.events;
        delivery.span.in_scope(|| events.was_stored(delivery.label));
        self.shared.metrics.fetches_spared.inc();
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
