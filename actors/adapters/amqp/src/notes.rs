//! The notes of this process about redelivered events, and what it owes them. The database may be down at the moment
//! when a note is to be cleared or given back, and one that stays would be a death that nobody died: so that is owed
//! until it is written, and goes before the next note.

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
/// Settled events gather for so long, to be cleared by one statement; nobody waits for that.
const GATHER: Duration = Duration::from_millis(100);
/// What dead processes left about stored events is removed no more often than this.
const TIDY: Duration = Duration::from_secs(60);

/// Shared by all sessions of the process; with the process the debts end, because then the notes may be deserved.
#[derive(Clone, Debug)]
pub(super) struct Notes(Arc<State>);

#[derive(Debug)]
struct State {
    notes: Arc<dyn CrashNotes>,
    metrics: AmqpMetrics,
    health: NotesHealth,
    owed: Mutex<BTreeMap<String, Debt>>,
    /// One statement at a time, so that none overtakes another about the same event.
    turn: Turn<Option<Instant>>,
}

/// What is to become of our notes about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Debt {
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
            owed: Mutex::default(),
            turn: Turn::new(None),
        }))
    }

    /// Marks a group of redelivered events. It is tried until it is written or nobody waits for it any more: without
    /// the note none may be worked on. It goes on by itself, so that it never holds its turn while nobody looks.
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
                    this.pay_in_turn(&mut turn).await?;
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
            let mut owed = self.owed();
            let is_first = owed.is_empty();
            owed.insert(event_id, Debt::Clear);
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
        let mut owed = self.owed();
        for event_id in event_ids {
            owed.entry(event_id).or_insert(Debt::GiveBack);
        }
        drop(owed);
        tokio::spawn(self.clone().keep_paying())
    }

    async fn keep_paying(self) {
        loop {
            let mut turn = self.0.turn.lock().await;
            if self.owed().is_empty() {
                return;
            }
            let paid = self.pay_in_turn(&mut turn).await;
            drop(turn);
            if let Err(fault) = paid {
                self.0.health.failed(&fault);
                sleep(AGAIN).await;
            }
        }
    }

    async fn pay_in_turn(&self, tidied: &mut Option<Instant>) -> Result<(), Fault> {
        let owed = self.owed().clone();
        let of = |debt: Debt| -> Vec<String> {
            let those = owed.iter().filter(|(_, owed)| **owed == debt);
            those.map(|(event_id, _)| event_id.clone()).collect()
        };
        let (back, clear) = (of(Debt::GiveBack), of(Debt::Clear));
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
        // What has become another debt meanwhile is still to be paid.
        self.owed()
            .retain(|event_id, debt| owed.get(event_id) != Some(debt));
        Ok(())
    }

    fn owed(&self) -> MutexGuard<'_, BTreeMap<String, Debt>> {
        // Nothing panics while holding the lock.
        self.0.owed.lock().unwrap_or_else(PoisonError::into_inner)
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
