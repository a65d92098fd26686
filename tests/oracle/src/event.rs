//! What an event says: section 1 of the contract.

use crate::{path, project, settings::OracleSettings, value};
use jiff::Timestamp;
use serde_json::Value;

/// An event that names an object we may read.
pub(crate) struct Event {
    pub(crate) event_id: String,
    /// None: the time of receipt, which only the service knows.
    pub(crate) event_at: Option<Timestamp>,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) job_id: String,
    pub(crate) project_id: Option<String>,
    pub(crate) platform: String,
    pub(crate) content_count: Option<i64>,
    pub(crate) batch_index: Option<i64>,
    pub(crate) total_batches: Option<i64>,
    pub(crate) task_type: Option<String>,
    pub(crate) keyword: Option<String>,
    pub(crate) brand_name: Option<String>,
}

/// An event that must be dead-lettered: its id, where it could be read, and why.
pub(crate) type Poison = (Option<String>, &'static str);

// === impl Event ===

impl Event {
    /// Reads a message body.
    pub(crate) fn read(body: &[u8], settings: &OracleSettings) -> Result<Self, Poison> {
        let event: Value = serde_json::from_slice(body).map_err(|_| (None, "malformed_event"))?;
        let id = event["event_id"]
            .as_str()
            .filter(|id| !id.is_empty())
            .map(str::to_owned);
        let poison = |reason| (id.clone(), reason);
        let event_id = id.clone().ok_or(poison("malformed_event"))?;
        if !matches!(event["event_type"].as_str(), None | Some("data.collected")) {
            return Err(poison("unsupported_event_type"));
        }
        let payload = &event["payload"];
        let text = |name: &str| value::text(&payload[name], settings.max_text_bytes);
        let required = |name: &str| text(name).ok_or(poison("malformed_event"));
        let (job_id, minio_path) = (required("job_id")?, required("minio_path")?);
        let platform = required("platform")?.trim().to_lowercase();
        let (bucket, key) =
            path::parse(&minio_path, settings.endpoint.as_deref()).ok_or(poison("bad_path"))?;
        if !settings.buckets.contains(&bucket) {
            return Err(poison("bucket_not_allowed"));
        }
        Ok(Self {
            event_id,
            event_at: value::time(&event["timestamp"]),
            bucket,
            key,
            project_id: project::project_of(payload["project_id"].as_str(), &job_id),
            job_id,
            platform,
            content_count: value::count(value::first(payload, &["content_count", "item_count"])),
            batch_index: payload["batch_index"].as_i64(),
            total_batches: payload["total_batches"].as_i64(),
            task_type: text("task_type"),
            keyword: text("keyword"),
            brand_name: text("brand_name"),
        })
    }

    /// The leading key column.
    pub(crate) fn scope(&self) -> &str {
        self.project_id.as_deref().unwrap_or(&self.job_id)
    }

    /// `bucket/key`.
    pub(crate) fn object_path(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }
}
