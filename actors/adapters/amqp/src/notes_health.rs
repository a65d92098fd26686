//! Whether the notes about redelivered events can be written. Nothing else would show that they cannot: a right that
//! is missing on one table stops no writer, and the redelivered events only wait.

use super::notes::AGAIN;
use crate::{AmqpMetrics, AmqpStatus};
use millrace_engine::Fault;
use millrace_engine::crashes::CrashNotes;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};
use tokio::time::{Instant, sleep};
use tracing::{debug, error, info};

/// Shared by all that write notes.
#[derive(Clone, Debug)]
pub(super) struct NotesHealth(Arc<State>);

#[derive(Debug)]
struct State {
    notes: Arc<dyn CrashNotes>,
    metrics: AmqpMetrics,
    status: AmqpStatus,
    failing: AtomicBool,
}

// === impl NotesHealth ===

impl NotesHealth {
    pub(super) fn new(notes: Arc<dyn CrashNotes>, metrics: AmqpMetrics, status: AmqpStatus) -> Self {
        Self(Arc::new(State {
            notes,
            metrics,
            status,
            failing: AtomicBool::new(false),
        }))
    }

    /// A note could not be written. Told once, at either end; it is over when all kinds of notes can be written.
    pub(super) fn failed(&self, fault: &Fault) {
        self.0.metrics.quarantine_errors.inc();
        if self.0.failing.swap(true, SeqCst) {
            debug!(error = %fault, "the notes about redelivered events still cannot be written");
            return;
        }
        error!(
            error = %fault,
            "the notes about redelivered events cannot be written; such events wait until they can: \
             `millrace check` says whether a migration or a grant is missing"
        );
        let why = format!("the notes about redelivered events cannot be written (table suspects): {fault}");
        self.0.status.notes_fail(Some(why));
        tokio::spawn(self.clone().watch());
    }

    async fn watch(self) {
        let began = Instant::now();
        loop {
            sleep(AGAIN).await;
            match self.try_all().await {
                Ok(()) => break,
                Err(fault) => {
                    debug!(error = %fault, "the notes about redelivered events still cannot be written")
                }
            }
        }
        self.0.failing.store(false, SeqCst);
        self.0.status.notes_fail(None);
        info!(
            failed_seconds = began.elapsed().as_secs_f64(),
            "the notes about redelivered events can be written again"
        );
    }

    /// Without any event: the database looks at the table and at our rights all the same.
    async fn try_all(&self) -> Result<(), Fault> {
        let notes = &self.0.notes;
        notes.mark(Vec::new()).await?;
        notes.attempt(String::new()).await?;
        notes.give_back(Vec::new()).await?;
        notes.clear(Vec::new()).await
    }
}
