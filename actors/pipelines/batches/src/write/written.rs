//! What a committed transaction did.

use crate::messages::ParsedBatch;
use millrace_postgres::TableRows;

/// What a committed transaction did.
#[derive(Debug)]
pub(super) struct Written<'a> {
    /// Batches whose rows it holds.
    pub(super) stored: Vec<&'a ParsedBatch>,
    /// Batches whose event had been stored before.
    pub(super) repeated: Vec<&'a ParsedBatch>,
    /// Rows that are new or changed, by table.
    pub(super) rows: Vec<TableRows>,
}

// === impl Written ===

impl Written<'_> {
    /// Rows that are new or changed, in all tables.
    pub(super) fn row_count(&self) -> u64 {
        self.rows.iter().map(|written| written.rows).sum()
    }

    /// One line an event, and for those who want it one for each item that is no post.
    pub(super) fn log(&self) {
        for batch in &self.stored {
            log_items(batch);
            let (event, items) = (&batch.event, &batch.items);
            tracing::info!(
                event_id = event.event_id,
                job_id = event.job_id,
                project_id = event.project_id(),
                platform = %event.platform,
                items = items.item_count(),
                success = items.posts.len(),
                errors = items.errors.len(),
                rejected = items.rejected.len(),
                rows = items.row_count(),
                fate = "stored",
                "stored batch"
            );
        }
        for batch in &self.repeated {
            let event = &batch.event;
            tracing::info!(
                event_id = event.event_id,
                job_id = event.job_id,
                project_id = event.project_id(),
                "batch was stored before, nothing changed"
            );
        }
    }
}

fn log_items(batch: &ParsedBatch) {
    let (event_id, job_id) = (&batch.event.event_id, &batch.event.job_id);
    for error in &batch.items.errors {
        tracing::debug!(
            event_id,
            job_id,
            content_id = error.content_id,
            error_code = error.error_code.as_str(),
            error_message = error.error_message,
            "the crawler could not get this item"
        );
    }
    for item in &batch.items.rejected {
        let reason = item.reason.code();
        tracing::debug!(
            event_id,
            job_id,
            item_index = item.item_index,
            reason,
            detail = item.detail,
            "item rejected"
        );
    }
    for item in &batch.items.curtailed {
        let reason = item.reason.code();
        tracing::debug!(
            event_id,
            job_id,
            item_index = item.item_index,
            reason,
            detail = item.detail,
            "item stored, but not all of its comments"
        );
    }
}
