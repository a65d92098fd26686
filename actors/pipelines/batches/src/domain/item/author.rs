//! Who published: a row of `authors`.

use crate::domain::Json;
use jiff::Timestamp;

/// A row of `authors` without the platform.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Author {
    /// Username, id or channel id: the first that was sent.
    pub author_key: String,
    /// Handle.
    pub username: Option<String>,
    /// Name shown.
    pub display_name: Option<String>,
    /// Picture.
    pub avatar_url: Option<String>,
    /// Self-description.
    pub bio: Option<String>,
    /// Followers.
    pub follower_count: Option<i64>,
    /// Accounts followed.
    pub following_count: Option<i64>,
    /// Likes received in total.
    pub total_likes: Option<i64>,
    /// Videos published.
    pub video_count: Option<i64>,
    /// Verified by the platform.
    pub verified: Option<bool>,
    /// When it was crawled; decides which of two versions is later.
    pub crawled_at: Timestamp,
    /// Everything that was sent and has no column.
    pub extra: Option<Json>,
}
