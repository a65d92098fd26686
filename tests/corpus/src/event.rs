//! The message that announces a batch, as different crawlers write it.

use super::{
    clock::{self, Moment},
    dice::{Dice, Stream},
    job::Job,
    settings::{CorpusSettings, Temper},
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// What an event says about its batch.
pub(super) struct Announcement<'a> {
    pub(super) settings: &'a CorpusSettings,
    pub(super) job: &'a Job,
    /// Number of the batch in the corpus.
    pub(super) batch: u64,
    /// Position of the batch in its job, from 0.
    pub(super) position: usize,
    pub(super) items: usize,
    pub(super) key: &'a str,
    pub(super) bucket: &'a str,
    /// Second at which the last item was crawled.
    pub(super) second: i64,
    /// Whether an item relies on the event for the time it was crawled.
    pub(super) times_needed: bool,
}

/// The event's id.
pub(super) fn event_id(seed: u64, batch: u64) -> String {
    format!("evt_{:016x}", Dice::new(seed, Stream::Batch, batch).bits())
}

// === impl Announcement ===

impl Announcement<'_> {
    /// When the batch was announced.
    pub(super) fn at(&self) -> Timestamp {
        clock::at(self.settings.base_time, self.second, Moment::Announced)
    }

    /// The event.
    pub(super) fn event(&self) -> Value {
        let job = self.job;
        let hostile = self.settings.temper == Temper::Hostile;
        let mut event = json!({
            "event_id": event_id(self.settings.seed, self.batch),
            "timestamp": clock::spelled(self.at(), if hostile { self.batch } else { 0 }),
            "payload": {
                "project_id": job.project_id,
                "job_id": job.id,
                "platform": job.platform,
                "minio_path": self.path(if hostile { self.batch } else { 0 }),
                "content_count": self.items,
                "batch_index": self.position + job.first_index,
                "total_batches": job.batches.len(),
                "task_type": "research_and_crawl",
                "keyword": job.keyword,
            },
        });
        if let Some(brand) = job.brand {
            event["payload"]["brand_name"] = brand.into();
        }
        if self.batch.is_multiple_of(2) {
            event["event_type"] = "data.collected".into();
        }
        if hostile {
            self.misspell(&mut event);
        }
        event
    }

    fn misspell(&self, event: &mut Value) {
        let payload = &mut event["payload"];
        match self.batch % 6 {
            0 => payload["project_id"] = Value::Null,
            1 => payload["project_id"] = "".into(),
            2 => payload["project_id"] = "NULL".into(),
            _ => {}
        }
        match self.batch % 5 {
            0 => {
                payload["item_count"] = payload["content_count"].take();
                remove(payload, "content_count");
            }
            1 => payload["content_count"] = (self.items + 3).into(),
            2 => remove(payload, "content_count"),
            _ => {}
        }
        match self.batch % 7 {
            1 => payload["platform"] = self.job.platform.to_uppercase().into(),
            2 => payload["total_batches"] = Value::Null,
            // Whether a later crawl without an index forgets the earlier one's is left open.
            3 if !self.job.is_crawled_twice() => remove(payload, "batch_index"),
            4 => payload["user_id"] = "user_42".into(),
            5 => payload["keyword"] = Value::Null,
            6 => payload["schema_version"] = json!({"major": 3}),
            _ => {}
        }
        if self.batch % 11 == 8 && !self.times_needed {
            remove(event, "timestamp");
        }
    }

    fn path(&self, spelling: u64) -> String {
        let (bucket, key) = (self.bucket, self.key);
        // In a URL other characters would have to be escaped, and who unescapes them is not agreed.
        let simple = key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/_-.".contains(&b));
        match (spelling % 5, &self.settings.endpoint) {
            (1, _) => format!("s3://{bucket}/{key}"),
            (2, _) => format!("minio://{bucket}/{key}"),
            (3, Some(endpoint)) if simple => format!("http://{endpoint}/{bucket}/{key}"),
            (4, Some(endpoint)) if simple => format!("https://{endpoint}/{bucket}/{key}"),
            _ => format!("{bucket}/{key}"),
        }
    }
}

fn remove(from: &mut Value, name: &str) {
    if let Some(object) = from.as_object_mut() {
        object.remove(name);
    }
}
