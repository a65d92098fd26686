//! Batches made by hand.

use jiff::Timestamp;
use millrace_batches::{
    domain::{
        Author, Comment, CrawlError, CrawlEvent, ErrorCode, Items, Platform, Post, Project, Reason,
        RejectedItem,
    },
    messages::{ObjectInfo, ParsedBatch},
};
use millrace_engine::ByteBudget;
use millrace_engine::Delivery;
use std::sync::Arc;

/// Seconds after an arbitrary moment.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + seconds).unwrap()
}

pub(crate) fn event(id: &str) -> CrawlEvent {
    let job_id = format!("p1-kw-{id}");
    CrawlEvent {
        event_at: at(0),
        project: Project::Named("p1".to_owned()),
        ..CrawlEvent::new(id, &job_id, Platform::Tiktok, Delivery::first(at(1)))
    }
}

pub(crate) fn batch(event: CrawlEvent, items: Items) -> ParsedBatch {
    ParsedBatch {
        object: ObjectInfo {
            path: format!("crawl-results/{}.json", event.event_id),
            etag: None,
            claims_zstd: false,
        },
        event: Arc::new(event),
        bytes: items.row_count() * 1_000,
        items,
        reservation: ByteBudget::new(1).try_reserve(0).unwrap(),
    }
}

pub(crate) fn post(id: &str, crawled_at: Timestamp) -> Post {
    Post {
        id: id.to_owned(),
        external_id: None,
        url: None,
        permalink: None,
        content_text: None,
        content_transcription: None,
        transcription_status: None,
        transcription_error: None,
        hashtags: None,
        lang: None,
        region: None,
        category: None,
        sound_name: None,
        media_type: None,
        media_path: None,
        media_duration: None,
        published_at: None,
        crawled_at,
        view_count: None,
        like_count: None,
        comment_count: None,
        share_count: None,
        save_count: None,
        author_key: None,
        author_username: None,
        author_name: None,
        follower_count: None,
        task_type: None,
        keyword_source: None,
        pipeline_version: None,
        fetch_status: None,
        fetch_error: None,
        error_code: None,
        error_details: None,
        extra: None,
    }
}

pub(crate) fn author(key: &str, crawled_at: Timestamp) -> Author {
    Author {
        author_key: key.to_owned(),
        username: None,
        display_name: None,
        avatar_url: None,
        bio: None,
        follower_count: None,
        following_count: None,
        total_likes: None,
        video_count: None,
        verified: None,
        crawled_at,
        extra: None,
    }
}

pub(crate) fn comment(id: &str, crawled_at: Timestamp) -> Comment {
    Comment {
        comment_id: id.to_owned(),
        post_id: "post".into(),
        author_username: None,
        author_name: None,
        text: None,
        like_count: None,
        reply_count: None,
        parent_type: None,
        parent_id: None,
        commented_at: None,
        crawled_at,
        extra: None,
    }
}

pub(crate) fn error(content_id: &str, code: &str, crawled_at: Timestamp) -> CrawlError {
    CrawlError {
        content_id: content_id.to_owned(),
        error_code: ErrorCode::new(Some(code)),
        error_message: None,
        error_details: None,
        permalink: None,
        retryable: None,
        crawled_at,
        extra: None,
    }
}

pub(crate) fn rejected(item_index: usize, detail: &str) -> RejectedItem {
    RejectedItem {
        item_index,
        reason: Reason::MissingId,
        detail: detail.to_owned(),
        raw: r#"{"meta":{}}"#.to_owned(),
    }
}

pub(crate) fn posts(posts: impl IntoIterator<Item = Post>) -> Items {
    Items {
        posts: posts.into_iter().collect(),
        ..Items::default()
    }
}

/// Something for every table.
pub(crate) fn one_of_each(id: &str) -> Items {
    Items {
        posts: vec![Post {
            author_key: Some("ann".to_owned()),
            like_count: Some(5),
            ..post(id, at(10))
        }],
        authors: vec![author("ann", at(10))],
        comments: vec![comment(&format!("{id}-c1"), at(10))],
        errors: vec![error(&format!("{id}-e"), "TIMEOUT", at(10))],
        rejected: vec![rejected(2, "no id")],
        curtailed: Vec::new(),
    }
}
