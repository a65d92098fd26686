//! The table of the projection, as rows that are due.

use super::QueuedEvent;
use millrace_engine::Backoff;
use millrace_postgres::{DueTable, Fate};
use std::time::Duration;
use tracing::info_span;

/// What is to be put into the recent store. It is tried for ever: its store is away, or refuses the event itself.
pub static PROJECTION: DueTable<String, QueuedEvent> = DueTable {
    name: "projection_queue",
    key: &["event_id"],
    due_at: "next_at",
    leased_until: "lease_until",
    epoch: "lease_epoch",
    owner: Some("lease_owner"),
    attempts: "attempts",
    open: None,
    reads: &["received_on"],
    read: |claim, row| {
        Ok(QueuedEvent {
            received_on: row.try_get(0)?,
            event_id: claim.key.clone(),
        })
    },
    subject: |event_id| event_id.clone(),
    span: |_, queued| info_span!("project", event_id = queued.event_id),
    done: Fate::Delete,
    put_aside: Fate::MoveTo {
        table: "projection_failures",
        columns: &[
            ("received_on", "t.received_on"),
            ("detail", "settled.reason || ': ' || settled.detail"),
        ],
    },
    attempts_allowed: None,
    backoff: Backoff::doubling(Duration::from_millis(100), Duration::from_secs(20)),
};
