//! A batch, as the live stream tells it.

use crate::telemetry::Line;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A batch that was stored by this replica: the event `batch` of the stream.
#[derive(Serialize, ToSchema)]
pub(super) struct StoredNow {
    /// When.
    at: Timestamp,
    /// Its event.
    event_id: String,
    /// Its job.
    job_id: String,
    /// Its project; null is a dry run.
    project_id: Option<String>,
    /// Its platform.
    platform: String,
    /// Items stored.
    items: u64,
    /// Items that are crawl errors.
    errors: u64,
    /// Items that could not be read.
    rejected: u64,
}

// === impl StoredNow ===

impl From<&Line> for StoredNow {
    fn from(line: &Line) -> Self {
        let text = |name| line.text(name).map(str::to_owned);
        let count = |name| line.count(name).unwrap_or_default();
        Self {
            at: line.at,
            event_id: text("event_id").unwrap_or_default(),
            job_id: text("job_id").unwrap_or_default(),
            project_id: text("project_id"),
            platform: text("platform").unwrap_or_default(),
            items: count("items"),
            errors: count("errors"),
            rejected: count("rejected"),
        }
    }
}
