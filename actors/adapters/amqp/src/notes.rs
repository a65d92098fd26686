//! The notes of this process about redelivered events, and what is still to be done about them. The database may be down
//! at the moment when a note is to be cleared or given back, and one that stays would count as a crash that there was
//! not: so it stays due until it is written, and goes before the next note.

use super::notes_health::NotesHealth;
use crate::{
    AmqpMetrics, AmqpStatus,
    metrics::{Statement, StatementLabel},
};
use futures_util::future::BoxFuture;
use millrace_engine::Fault;
use millrace_engine::crashes::{CrashNotes, Found};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex as Turn, oneshot},
    task::JoinHandle,
    time::{Instant, sleep},
};
use tracing::debug;

/// Pause before what could not be written is tried again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);
/// Settled events gather for so long, to be cleared by one statement; nothing waits for that.
const GATHER: Duration = Duration::from_millis(100);
/// What crashed processes left about stored events is removed no more often than this.
const TIDY: Duration = Duration::from_secs(60);

/// Shared by all sessions of the process; what is due ends with the process, because then the notes may be right.
#[derive(Clone, Debug)]
pub(super) struct Notes(Arc<State>);

#[derive(Debug)]
struct State {
    notes: Arc<dyn CrashNotes>,
    metrics: AmqpMetrics,
    health: NotesHealth,
    due: Mutex<BTreeMap<String, Due>>,
    /// One statement at a time, so that none overtakes another about the same event.
    turn: Turn<Option<Instant>>,
}

/// What is to become of our notes about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    GiveBack,
    /// Clears those of all others too.
    Clear,
}

// === impl Notes ===

impl Notes {
    pub(super) fn new(notes: Arc<dyn CrashNotes>, metrics: AmqpMetrics, status: AmqpStatus) -> Self {
        Self(Arc::new(State {
            health: NotesHealth::new(notes.clone(), metrics.clone(), status),
            notes,
            metrics,
            due: Mutex::default(),
            turn: Turn::new(None),
        }))
    }

    /// Marks a group of redelivered events. It is tried until it is written or nothing waits for it any more: without
    /// the note none may be worked on. It goes on by itself, so that it never holds its turn while it is not polled.
    pub(super) fn mark(&self, event_ids: Vec<String>) -> oneshot::Receiver<Vec<Found>> {
        let this = self.clone();
        let ids = event_ids.clone();
        let ask = move || {
            let (this, event_ids) = (this.clone(), ids.clone());
            Box::pin(async move { this.mark_once(event_ids).await }) as BoxFuture<'static, _>
        };
        self.keep_asking(event_ids, ask)
    }

    /// Notes likewise that a quarantined event is at hand alone.
    pub(super) fn attempt(&self, event_id: String) -> oneshot::Receiver<Option<Found>> {
        let this = self.clone();
        let id = event_id.clone();
        let ask = move || {
            this.0.count(Statement::Attempt);
            this.0.notes.attempt(id.clone())
        };
        self.keep_asking(vec![event_id], ask)
    }

    /// Asks which of these events are stored. Nothing is noted, so it takes no turn; where it fails the sender is gone.
    pub(super) fn look(&self, event_ids: Vec<String>) -> oneshot::Receiver<Vec<bool>> {
        self.0.metrics.ledger_questions.inc();
        let (answer, answered) = oneshot::channel();
        let looking = self.0.notes.stored(event_ids);
        tokio::spawn(async move {
            match looking.await {
                Ok(stored) => drop(answer.send(stored)),
                Err(fault) => debug!(error = %fault, "the ledger does not say which events are stored"),
            }
        });
        answered
    }

    fn keep_asking<T: Send + 'static>(
        &self,
        event_ids: Vec<String>,
        ask: impl Fn() -> BoxFuture<'static, Result<T, Fault>> + Send + Sync + 'static,
    ) -> oneshot::Receiver<T> {
        let (mut answer, answered) = oneshot::channel();
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                let mut turn = this.0.turn.lock().await;
                if answer.is_closed() {
                    return;
                }
                let asked = async {
                    this.do_what_is_due(&mut turn).await?;
                    ask().await
                };
                match asked.await {
                    Ok(found) => {
                        // Within the turn: the next note may be about the same event.
                        if answer.send(found).is_err() {
                            drop(this.give_back(event_ids));
                        }
                        return;
                    }
                    Err(fault) => this.0.health.failed(&fault),
                }
                drop(turn);
                tokio::select! {
                    () = sleep(AGAIN) => {}
                    () = answer.closed() => {}
                }
            }
        });
        answered
    }

    /// One bad id must not hold the rest of its group: where the database refuses a group, each is asked about by
    /// itself, and one that it refuses goes without a note, to be refused by the writer.
    async fn mark_once(&self, event_ids: Vec<String>) -> Result<Vec<Found>, Fault> {
        self.0.count(Statement::Mark);
        match self.0.notes.mark(event_ids.clone()).await {
            Err(Fault::Poison { detail, .. }) => debug!(detail, "a group of notes is refused"),
            answer => return answer,
        }
        let mut found = Vec::with_capacity(event_ids.len());
        for event_id in event_ids {
            self.0.count(Statement::Mark);
            match self.0.notes.mark(vec![event_id]).await {
                Ok(one) => found.extend(one),
                Err(Fault::Poison { .. }) => found.push(Found::default()),
                Err(fault) => return Err(fault),
            }
        }
        Ok(found)
    }

    /// Forgets all about an event that is settled, soon.
    pub(super) fn clear(&self, event_id: String) {
        let is_first = {
            let mut due = self.due();
            let is_first = due.is_empty();
            due.insert(event_id, Due::Clear);
            is_first
        };
        if is_first {
            let this = self.clone();
            tokio::spawn(async move {
                sleep(GATHER).await;
                this.keep_paying().await;
            });
        }
    }

    /// Takes our notes about these events back, as soon as that can be written; the task ends when it is.
    pub(super) fn give_back(&self, event_ids: impl IntoIterator<Item = String>) -> JoinHandle<()> {
        let mut due = self.due();
        for event_id in event_ids {
            due.entry(event_id).or_insert(Due::GiveBack);
        }
        drop(due);
        tokio::spawn(self.clone().keep_paying())
    }

    async fn keep_paying(self) {
        loop {
            let mut turn = self.0.turn.lock().await;
            if self.due().is_empty() {
                return;
            }
            let done = self.do_what_is_due(&mut turn).await;
            drop(turn);
            if let Err(fault) = done {
                self.0.health.failed(&fault);
                sleep(AGAIN).await;
            }
        }
    }

    async fn do_what_is_due(&self, tidied: &mut Option<Instant>) -> Result<(), Fault> {
        let due = self.due().clone();
        let of = |what: Due| -> Vec<String> {
            let those = due.iter().filter(|(_, due)| **due == what);
            those.map(|(event_id, _)| event_id.clone()).collect()
        };
        let (back, clear) = (of(Due::GiveBack), of(Due::Clear));
        if !back.is_empty() {
            self.0.count(Statement::GiveBack);
            self.0.notes.give_back(back).await?;
        }
        if !clear.is_empty() {
            self.0.count(Statement::Clear);
            self.0.notes.clear(clear).await?;
            if tidied.is_none_or(|then| then.elapsed() >= TIDY) {
                self.0.notes.tidy().await?;
                *tidied = Some(Instant::now());
            }
        }
        // What has changed meanwhile stays due.
        self.due()
            .retain(|event_id, left| due.get(event_id) != Some(left));
        Ok(())
    }

    fn due(&self) -> MutexGuard<'_, BTreeMap<String, Due>> {
        // Nothing panics while holding the lock.
        self.0.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn count(&self, statement: Statement) {
        let label = StatementLabel { statement };
        self.metrics.quarantine_statements.get_or_create(&label).inc();
    }
}

#[cfg(test)]
#[path = "notes_tests.rs"]
mod tests;
