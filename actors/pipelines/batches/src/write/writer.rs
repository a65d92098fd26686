//! The tail of the pipeline: several batches, one transaction.

use super::{WriterMetrics, statements::Statements};
use crate::messages::ParsedBatch;
use millrace_engine::trace::{self, Kind};
use millrace_engine::{Fault, Load, Sink};
use millrace_postgres::{Database, Transactions};
use tokio::time::Instant;

/// Stores parsed batches. Cheap to clone; each clone takes one connection while it writes.
#[derive(Clone)]
pub struct Writer {
    transactions: Transactions<Statements>,
    metrics: WriterMetrics,
}

// === impl Writer ===

impl Writer {
    /// A writer into `database`.
    pub fn new(database: Database, metrics: WriterMetrics) -> Self {
        Self {
            transactions: Transactions::new(database, Statements::default()),
            metrics,
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
        let database = self.transactions.database();
        database.note_place();
        trace::note("millrace.events", trace::count(batches.len()));
        let written = self.transactions.write(batches).await;
        self.metrics.pool_size(database.pool_status().size);
        let outcome = written?;
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
