//! One crawl event, as read and resolved.

use super::{Platform, Project, project_of};
use jiff::Timestamp;
use millrace_engine::Delivery;
use std::sync::Arc;

/// What a producer announced: one object with one batch of items.
#[derive(Clone, Debug, PartialEq)]
pub struct CrawlEvent {
    /// The producer's id, key of the ledger.
    pub event_id: String,
    /// When the producer says it happened; the time of receipt where it does not say.
    pub event_at: Timestamp,
    /// The job that crawled the batch.
    pub job_id: String,
    /// Whose rows these are.
    pub project: Project,
    /// Where the batch was crawled.
    pub platform: Platform,
    /// Items that the producer claims.
    pub content_count: Option<i64>,
    /// Position in the job as sent: 0-based and 1-based producers both exist.
    pub batch_index: Option<i64>,
    /// Batches that the producer plans for the job.
    pub total_batches: Option<i64>,
    /// Fills `task_type` where an item leaves it out.
    pub task_type: Option<Arc<str>>,
    /// Fills `keyword_source` where an item leaves it out.
    pub keyword: Option<Arc<str>>,
    /// The brand the crawl was for.
    pub brand_name: Option<String>,
    /// Who asked for the crawl.
    pub user_id: Option<String>,
    /// How it reached us.
    pub delivery: Delivery,
}

// === impl CrawlEvent ===

impl CrawlEvent {
    /// An event with nothing but what each must have. It happened when it was received.
    pub fn new(event_id: &str, job_id: &str, platform: Platform, delivery: Delivery) -> Self {
        Self {
            event_id: event_id.to_owned(),
            event_at: delivery.received_at,
            job_id: job_id.to_owned(),
            project: project_of(None, job_id),
            platform,
            content_count: None,
            batch_index: None,
            total_batches: None,
            task_type: None,
            keyword: None,
            brand_name: None,
            user_id: None,
            delivery,
        }
    }

    /// Bytes of text that each post's row takes from the event.
    pub fn text_bytes(&self) -> usize {
        let shared = [&self.task_type, &self.keyword].into_iter().flatten();
        let brand = self.brand_name.as_ref().map_or(0, String::len);
        shared.map(|text| text.len()).sum::<usize>() + brand
    }

    /// The leading key column: the project, or the job for a dry run, so that two projects
    /// that crawl the same post each keep their row.
    pub fn scope(&self) -> &str {
        self.project.id().unwrap_or(&self.job_id)
    }

    /// The project's id, where there is a project.
    pub fn project_id(&self) -> Option<&str> {
        self.project.id()
    }
}
