//! The tail of the line: several batches, one transaction.

use super::{
    blame::Blame,
    database::{Database, Lease},
    evidence::{Culprit, Evidence},
    probe,
    statements::{BYTES_A_STATEMENT, Statements, reached},
};
use crate::{
    faults::Point,
    messages::ParsedBatch,
    supervision::{Fault, Load, Sink},
    trace::{self, Kind},
    writer::{WriterMetrics, outcome::Outcome},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// Stores parsed batches. Cheap to clone; each clone takes one connection while it writes.
#[derive(Clone)]
pub struct Writer {
    database: Database,
    metrics: WriterMetrics,
    statements: Arc<Statements>,
    /// What all writers of the process have seen.
    evidence: Evidence,
}

/// Tries for a transaction that collided with another before it is asked who is to blame.
const COLLISIONS: u32 = 4;

// === impl Writer ===

impl Writer {
    /// A writer into `database`.
    pub fn new(database: Database, metrics: WriterMetrics) -> Self {
        let statements = Arc::new(Statements::new(database.limits().statement));
        Self {
            database,
            metrics,
            statements,
            evidence: Evidence::default(),
        }
    }

    async fn write_once<'a>(&self, batches: &[&'a ParsedBatch]) -> Result<Outcome<'a>, Blame> {
        let lease = self.database.lease().await?;
        // The server bounds each statement, and this bounds a server that is not there any more.
        let patience = self.database.limits().statement * 2 + self.database.limits().connect;
        let writing = async {
            let patience = self.statements.patience(batches);
            let outcome = self.statements.fill(&lease, batches, patience).await?;
            lease.batch_execute("COMMIT").await?;
            Ok(outcome)
        };
        let Ok(written) = timeout(patience, writing).await else {
            self.database.cancel(lease).await;
            let detail = format!("a transaction took longer than {patience:?}");
            return Err(Blame::slow(detail));
        };
        match written {
            Ok(outcome) => {
                reached(Point::WriteCommitted, batches);
                // The buffers of a connection grow to the largest statement and never shrink; no budget counts them.
                if batches.iter().map(|batch| batch.bytes).sum::<usize>() <= BYTES_A_STATEMENT {
                    lease.give_back();
                }
                Ok(outcome)
            }
            Err(error) => {
                self.statements.learn(&error);
                Err(self.abandon(lease, error.into()).await)
            }
        }
    }

    /// Ends a failed transaction. Whether a COMMIT without an answer took effect need not be known:
    /// the event comes again, and the ledger knows.
    async fn abandon(&self, lease: Lease, blame: Blame) -> Blame {
        if blame.leaves_connection_usable() {
            let rollback = lease.batch_execute("ROLLBACK");
            if let Ok(Ok(())) = timeout(self.database.limits().connect, rollback).await {
                lease.give_back();
            }
        }
        match blame {
            Blame::Fault(Fault::Outage { detail, .. }) => Blame::Fault(self.database.outage(detail)),
            blame => blame,
        }
    }

    /// Tries again what collided.
    async fn write_patiently<'a>(&self, batches: &[&'a ParsedBatch]) -> Result<Outcome<'a>, Fault> {
        let mut collisions = 0;
        loop {
            match self.write_once(batches).await {
                Ok(outcome) => return Ok(outcome),
                Err(Blame::Fault(fault)) => return Err(fault),
                Err(Blame::Collision(detail)) if collisions + 1 < COLLISIONS => {
                    collisions += 1;
                    tracing::debug!(collisions, detail, "transaction collided, trying again");
                    sleep(pause_after(collisions)).await;
                }
                Err(Blame::Collision(detail)) => {
                    let detail = format!("gave up after {COLLISIONS} tries: {detail}");
                    return Err(self.ask(batches, "write_collides", detail).await);
                }
                Err(Blame::Doubt { cause, detail }) => return Err(self.ask(batches, cause, detail).await),
            }
        }
    }

    /// Asks the database before it is blamed: where it takes another write, it is this one.
    async fn ask(&self, batches: &[&ParsedBatch], cause: &'static str, detail: String) -> Fault {
        if let Err(why) = probe::writes(&self.database, &self.statements).await {
            return self
                .database
                .outage(format!("{detail}; asked for another write, it says: {why}"));
        }
        // Of several it may be any one: each is tried alone.
        let [batch] = batches else {
            return Fault::transient(cause, detail);
        };
        match self.evidence.doubt(&batch.event.event_id) {
            Culprit::Event => Fault::transient(cause, detail),
            Culprit::Database => {
                let detail = format!("{detail}; it is the same with every other event of late");
                self.database.outage(detail)
            }
            Culprit::StillDatabase => Fault::not_yet(cause, detail),
        }
    }
}

impl Sink for Writer {
    type In = ParsedBatch;

    const VERB: &'static str = "write";
    const KIND: Kind = Kind::Client;

    fn load(input: &ParsedBatch) -> Load {
        Load {
            rows: input.items.row_count(),
            bytes: input.bytes,
        }
    }

    async fn write(&mut self, batches: &[&ParsedBatch]) -> Result<(), Fault> {
        let started = Instant::now();
        self.database.note_place();
        trace::note("millrace.events", trace::count(batches.len()));
        let written = self.write_patiently(batches).await;
        self.metrics.pool_size(self.database.pool_status().size);
        let outcome = written?;
        self.evidence.stored(batches.len());
        trace::note(
            "millrace.rows",
            i64::try_from(outcome.row_count()).unwrap_or(i64::MAX),
        );
        self.metrics
            .count(&outcome, started.elapsed(), Instant::now().into_std());
        outcome.log();
        Ok(())
    }
}

/// Some tens of milliseconds, doubling, of which half is chance: who collided once should not
/// come back together.
fn pause_after(collisions: u32) -> Duration {
    let longest = 20 << collisions.min(6);
    Duration::from_millis(rand::random_range(longest / 2..=longest))
}
