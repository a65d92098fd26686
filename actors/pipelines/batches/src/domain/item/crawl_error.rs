//! An item the crawler could not fetch: a row of `crawl_errors`.

use crate::domain::{ErrorCode, Json};
use jiff::Timestamp;

/// A row of `crawl_errors` without what the event knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrawlError {
    /// `meta.id`.
    pub content_id: String,
    /// Code; carries its category.
    pub error_code: ErrorCode,
    /// Text for people.
    pub error_message: Option<String>,
    /// What the crawler knows.
    pub error_details: Option<Json>,
    /// Stable address of the content.
    pub permalink: Option<String>,
    /// Worth a new crawl, where the settings say.
    pub retryable: Option<bool>,
    /// When it happened.
    pub crawled_at: Timestamp,
    /// Everything that was sent and has no column.
    pub extra: Option<Json>,
}
