//! A comment on a post: a row of `comments`.

use crate::domain::Json;
use jiff::Timestamp;
use std::sync::Arc;

/// A row of `comments` without the platform.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comment {
    /// The platform's id, or one derived from the content.
    pub comment_id: String,
    /// `meta.id` of the post; shared, for a post may have thousands of comments.
    pub post_id: Arc<str>,
    /// Author's handle.
    pub author_username: Option<String>,
    /// Author's display name.
    pub author_name: Option<String>,
    /// What was said.
    pub text: Option<String>,
    /// Likes.
    pub like_count: Option<i64>,
    /// Replies.
    pub reply_count: Option<i64>,
    /// `CONTENT`, `COMMENT`, …
    pub parent_type: Option<String>,
    /// What it answers; shared, for a comment may have thousands of replies.
    pub parent_id: Option<Arc<str>>,
    /// When it was written.
    pub commented_at: Option<Timestamp>,
    /// When it was crawled; decides which of two versions is later.
    pub crawled_at: Timestamp,
    /// Everything that was sent and has no column.
    pub extra: Option<Json>,
}
