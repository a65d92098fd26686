//! `ingested_batches`, the ledger: it has no clock, so the first row of an event stays.

use super::Table;
use crate::write::batch_summary::{count, error_distribution};
use millrace_postgres::{Get::*, key, version};

pub(in crate::write) static INGESTED_BATCHES: Table<()> = Table {
    name: "ingested_batches",
    touched: None,
    columns: &[
        key("event_id", Text(|batch, _| Some(&batch.event.event_id))),
        version("object_path", Text(|batch, _| Some(&batch.object.path))),
        version("object_etag", Text(|batch, _| batch.object.etag.as_deref())),
        version("project_id", Text(|batch, _| batch.event.project_id())),
        version("job_id", Text(|batch, _| Some(&batch.event.job_id))),
        version("platform", Text(|batch, _| Some(batch.event.platform.as_str()))),
        version("batch_index", BigInt(|batch, _| batch.event.batch_index)),
        version("total_batches", BigInt(|batch, _| batch.event.total_batches)),
        version("content_count", BigInt(|batch, _| batch.event.content_count)),
        version(
            "item_count",
            BigInt(|batch, _| Some(count(batch.items.item_count()))),
        ),
        version(
            "success_count",
            BigInt(|batch, _| Some(count(batch.items.posts.len()))),
        ),
        version(
            "error_count",
            BigInt(|batch, _| Some(count(batch.items.errors.len()))),
        ),
        version(
            "rejected_count",
            BigInt(|batch, _| Some(count(batch.items.rejected.len()))),
        ),
        version(
            "error_distribution",
            MadeJson(|batch, _| Some(error_distribution(&batch.items))),
        ),
        version("event_at", Time(|batch, _| Some(batch.event.event_at))),
        version(
            "received_at",
            Time(|batch, _| Some(batch.event.delivery.received_at)),
        ),
        version(
            "attempts",
            BigInt(|batch, _| Some(batch.event.delivery.attempt.into())),
        ),
        version(
            "trace_id",
            Text(|batch, _| batch.event.delivery.trace_id.as_deref()),
        ),
    ],
};
