//! The shape of an item: where each column's value stands. A platform's folder holds its shapes; what
//! most crawlers agree on is `platforms::common`, from which they start.

use super::{
    reader::Reader,
    record::{Record, Refusal},
    spelling::{Place, Section, Spelling},
};
use crate::domain::{Comment, Post};

/// Names of one value, the one that wins first.
pub(super) type Spellings = &'static [Spelling];

/// How one kind of item is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// The objects within an item that columns pick from, but for those of [`CommentShape`].
    pub(super) sections: &'static [Section],
    /// The section without which an item is malformed.
    pub(super) required: Option<Place>,
    /// What names the item: it must have one of these.
    pub(super) id: Spellings,
    /// What names an item that could not be crawled where none of these is there: what was asked for.
    pub(super) error_id: Spellings,
    /// What the crawler says of its attempt; it takes what says so.
    pub(super) status: fn(&mut Record<'_>) -> Result<FetchStatus, Refusal>,
    /// What the event says too.
    pub(super) platform: Spellings,
    pub(super) job_id: Spellings,
    pub(super) crawled_at: Spellings,
    pub(super) post: PostShape,
    pub(super) author: AuthorShape,
    pub(super) comment: CommentShape,
    pub(super) error: ErrorShape,
}

/// Where the columns of a post stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct PostShape {
    pub(super) external_id: Spellings,
    pub(super) url: Spellings,
    pub(super) permalink: Spellings,
    pub(super) text: Spellings,
    pub(super) transcription: Spellings,
    pub(super) transcription_status: Spellings,
    pub(super) transcription_error: Spellings,
    pub(super) hashtags: Spellings,
    pub(super) lang: Spellings,
    pub(super) region: Spellings,
    pub(super) category: Spellings,
    pub(super) sound_name: Spellings,
    pub(super) media_type: Spellings,
    pub(super) media_path: Spellings,
    pub(super) media_duration: Spellings,
    pub(super) published_at: Spellings,
    pub(super) view_count: Spellings,
    pub(super) like_count: Spellings,
    pub(super) comment_count: Spellings,
    pub(super) share_count: Spellings,
    pub(super) save_count: Spellings,
    pub(super) task_type: Spellings,
    pub(super) keyword_source: Spellings,
    pub(super) pipeline_version: Spellings,
    /// What is more than a matter of names. What it does not take of the record is kept in `extra`.
    pub(super) finish: fn(&mut Record<'_>, &mut Reader<'_>, &mut Post),
}

/// Where the columns of an author stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct AuthorShape {
    /// The sections that are about the author: of the first that is there, what has no column is the author's `extra`.
    pub(super) sections: &'static [Place],
    /// What names the author: the first that can be a key.
    pub(super) key: Spellings,
    pub(super) username: Spellings,
    pub(super) display_name: Spellings,
    pub(super) avatar_url: Spellings,
    pub(super) bio: Spellings,
    pub(super) follower_count: Spellings,
    pub(super) following_count: Spellings,
    pub(super) total_likes: Spellings,
    pub(super) video_count: Spellings,
    pub(super) verified: Spellings,
}

/// Where comments stand in an item, and the columns of a comment in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommentShape {
    /// The list of comments in the item.
    pub(super) list: Spelling,
    /// The list of replies in a comment, each of which is a comment, too.
    pub(super) replies: Option<Spelling>,
    /// The objects within a comment that columns pick from.
    pub(super) sections: &'static [Section],
    pub(super) id: Spellings,
    pub(super) author_username: Spellings,
    pub(super) author_name: Spellings,
    pub(super) text: Spellings,
    pub(super) like_count: Spellings,
    pub(super) reply_count: Spellings,
    pub(super) parent_type: Spellings,
    pub(super) parent_id: Spellings,
    pub(super) commented_at: Spellings,
    /// What is more than a matter of names.
    pub(super) finish: fn(&mut Record<'_>, &mut Reader<'_>, &mut Comment),
}

/// Where the columns of a crawl error stand; a post may have had a problem of its own, so it has them too.
#[derive(Clone, Copy, Debug)]
pub(super) struct ErrorShape {
    pub(super) code: Spellings,
    pub(super) text: Spellings,
    pub(super) details: Spellings,
    /// Codes of the crawler's own, and ours for each. What was sent is then kept in `extra`.
    pub(super) foreign_codes: &'static [(&'static str, &'static str)],
}

/// What the crawler says of its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchStatus {
    Success,
    Error,
    /// Nothing: crawlers of old only sent what they had.
    Legacy,
}
