//! A crawled post or video: a row of `post_analytics`.

use crate::domain::Json;
use jiff::Timestamp;
use std::sync::Arc;

/// A row of `post_analytics` without what the event knows (scope, platform, project, job, batch, brand).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Post {
    /// `meta.id`.
    pub id: String,
    /// The platform's own id.
    pub external_id: Option<String>,
    /// Address of the content.
    pub url: Option<String>,
    /// Stable address of the content.
    pub permalink: Option<String>,
    /// Description or text.
    pub content_text: Option<String>,
    /// Spoken text; up to tens of kilobytes.
    pub content_transcription: Option<String>,
    /// How the transcription went.
    pub transcription_status: Option<String>,
    /// Why the transcription failed.
    pub transcription_error: Option<String>,
    /// Tags without `#`, in order.
    pub hashtags: Option<Vec<String>>,
    /// Language code.
    pub lang: Option<String>,
    /// Region code.
    pub region: Option<String>,
    /// The platform's category.
    pub category: Option<String>,
    /// Name of the sound.
    pub sound_name: Option<String>,
    /// `audio`, `video`, …
    pub media_type: Option<String>,
    /// Where the crawler stored the media file.
    pub media_path: Option<String>,
    /// Seconds.
    pub media_duration: Option<f64>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// When it was crawled; decides which of two versions is later.
    pub crawled_at: Timestamp,
    /// Views.
    pub view_count: Option<i64>,
    /// Likes.
    pub like_count: Option<i64>,
    /// Comments as the platform counts them.
    pub comment_count: Option<i64>,
    /// Shares.
    pub share_count: Option<i64>,
    /// Saves.
    pub save_count: Option<i64>,
    /// Key of the author within the platform.
    pub author_key: Option<String>,
    /// Author's handle.
    pub author_username: Option<String>,
    /// Author's display name.
    pub author_name: Option<String>,
    /// Author's followers at the time of the crawl.
    pub follower_count: Option<i64>,
    /// Kind of crawl; usually the event's, shared by all posts of the batch.
    pub task_type: Option<Arc<str>>,
    /// Keyword that found it; shared like the kind.
    pub keyword_source: Option<Arc<str>>,
    /// Version of the crawler.
    pub pipeline_version: Option<String>,
    /// `success`, or none for a legacy item.
    pub fetch_status: Option<String>,
    /// Message of a non-fatal crawl problem.
    pub fetch_error: Option<String>,
    /// Code of a non-fatal crawl problem.
    pub error_code: Option<String>,
    /// Details of a non-fatal crawl problem.
    pub error_details: Option<Json>,
    /// Everything that was sent and has no column.
    pub extra: Option<Json>,
}
