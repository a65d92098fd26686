//! What most crawlers agree on: the contract's table of spellings. It holds for every platform, so a platform's
//! own names come behind these.

use crate::domain::Reason;
use crate::parse::{
    clean::excerpt,
    reader::Scalar,
    record::{Record, Refusal},
    scan::Marks,
    shape::{AuthorShape, CommentShape, ErrorShape, FetchStatus, PostShape, Shape},
    spelling::{Place, Section, Spelling, author, content, meta, top},
};

/// Every item has a `meta`.
pub(super) const MARKS: Marks = &["meta"];

/// The sections that [`Place`] names, in its order.
pub(super) const SECTIONS: [Section; 7] = [
    Place::TOP.section("meta"),
    Place::TOP.section("content"),
    Place::TOP.section("author"),
    Place::TOP.section("interaction"),
    Place::TOP.section("interactions"),
    Place::CONTENT.section("interaction"),
    Place::CONTENT.section("interactions"),
];

pub(super) const VIEW_COUNT: [Spelling; 5] = count("view_count", "views");
pub(super) const LIKE_COUNT: [Spelling; 5] = count("like_count", "likes");
pub(super) const COMMENT_COUNT: [Spelling; 5] = count("comment_count", "comments_count");
pub(super) const SHARE_COUNT: [Spelling; 5] = count("share_count", "shares");
pub(super) const SAVE_COUNT: [Spelling; 5] = count("save_count", "saves");

pub(super) const TEXT: [Spelling; 2] = [content("description"), content("text")];
pub(super) const AUTHOR_KEY: [Spelling; 3] = [author("username"), author("id"), content("channel_id")];
pub(super) const AUTHOR_NAME: [Spelling; 2] = [author("display_name"), author("name")];
pub(super) const FOLLOWERS: [Spelling; 2] = [author("follower_count"), author("followers")];
pub(super) const VERIFIED: [Spelling; 2] = [author("verified"), author("is_verified")];
pub(super) const COMMENT_ID: [Spelling; 2] = [top("external_id"), top("id")];
pub(super) const COMMENT_AUTHOR_NAME: [Spelling; 2] = [top("author_display_name"), top("author_name")];
pub(super) const COMMENT_LIKES: [Spelling; 2] = [top("like_count"), top("likes")];

/// The shape of an item of which nothing else is known.
pub(super) static SHAPE: Shape = COMMON;

/// The same, to start from.
pub(super) const COMMON: Shape = Shape {
    sections: &SECTIONS,
    required: Some(Place::META),
    id: &[meta("id")],
    error_id: &[],
    status,
    platform: &[meta("platform")],
    job_id: &[meta("job_id")],
    crawled_at: &[meta("crawled_at")],
    post: POST,
    author: AUTHOR,
    comment: COMMENT,
    error: ErrorShape {
        code: &[meta("error_code")],
        text: &[meta("fetch_error"), meta("error_message")],
        details: &[meta("error_details")],
        foreign_codes: &[],
    },
};

const POST: PostShape = PostShape {
    external_id: &[content("external_id")],
    url: &[content("url")],
    permalink: &[meta("permalink")],
    text: &TEXT,
    transcription: &[content("transcription")],
    transcription_status: &[content("transcription_status")],
    transcription_error: &[content("transcription_error")],
    hashtags: &[content("tags"), content("hashtags")],
    lang: &[meta("lang")],
    region: &[meta("region")],
    category: &[content("category")],
    sound_name: &[content("sound_name")],
    media_type: &[content("media_type")],
    media_path: &[content("media_path")],
    media_duration: &[content("duration_seconds"), content("duration")],
    published_at: &[meta("published_at")],
    view_count: &VIEW_COUNT,
    like_count: &LIKE_COUNT,
    comment_count: &COMMENT_COUNT,
    share_count: &SHARE_COUNT,
    save_count: &SAVE_COUNT,
    task_type: &[meta("task_type")],
    keyword_source: &[meta("keyword_source")],
    pipeline_version: &[meta("pipeline_version")],
    finish: |_, _, _| {},
};

const AUTHOR: AuthorShape = AuthorShape {
    sections: &[Place::AUTHOR],
    key: &AUTHOR_KEY,
    username: &[author("username")],
    display_name: &AUTHOR_NAME,
    avatar_url: &[author("avatar_url")],
    bio: &[author("bio")],
    follower_count: &FOLLOWERS,
    following_count: &[author("following_count")],
    total_likes: &[author("total_likes")],
    video_count: &[author("video_count")],
    verified: &VERIFIED,
};

const COMMENT: CommentShape = CommentShape {
    list: top("comments"),
    replies: None,
    sections: &[],
    id: &COMMENT_ID,
    author_username: &[top("author_username")],
    author_name: &COMMENT_AUTHOR_NAME,
    text: &[top("text")],
    like_count: &COMMENT_LIKES,
    reply_count: &[top("reply_count")],
    parent_type: &[top("parent_type")],
    parent_id: &[top("parent_id")],
    commented_at: &[top("created_at")],
    finish: |_, _, _| {},
};

/// A count of `content`, or of an `interaction` or `interactions` in the item or in `content`.
const fn count(own: &'static str, key: &'static str) -> [Spelling; 5] {
    [
        content(own),
        Place::INTERACTION.field(key),
        Place::INTERACTIONS.field(key),
        Place::CONTENT_INTERACTION.field(key),
        Place::CONTENT_INTERACTIONS.field(key),
    ]
}

/// `meta.fetch_status`.
fn status(record: &mut Record<'_>) -> Result<FetchStatus, Refusal> {
    let unknown = |detail: String| Err(Refusal::new(Reason::UnknownFetchStatus, detail));
    let json = record.json(meta("fetch_status")).map_or("null", |json| json);
    let status = match Scalar::of(json) {
        Scalar::Null if record.has(Place::CONTENT) => Ok(FetchStatus::Legacy),
        Scalar::Null => unknown("no meta.fetch_status, and content is no object".to_owned()),
        Scalar::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "success" => Ok(FetchStatus::Success),
            "error" => Ok(FetchStatus::Error),
            _ => unknown(format!("meta.fetch_status is {:?}", excerpt(&text))),
        },
        _ => unknown(format!("meta.fetch_status is {}", excerpt(json))),
    };
    record.take(meta("fetch_status"));
    status
}
