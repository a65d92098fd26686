//! Records of data sets: flat, without `meta`; one that could not be collected has an error instead of a post.

use super::{attachments, reactions, thread};
use crate::domain::Post;
use crate::parse::{
    reader::{Reader, Scalar},
    record::{Record, Refusal},
    shape::{AuthorShape, ErrorShape, FetchStatus, PostShape, Shape},
    spelling::{Place, top},
};

/// What was asked for.
const INPUT: Place = Place(1);

pub(super) static SHAPE: Shape = Shape {
    sections: &[Place::TOP.section("input")],
    required: None,
    id: &[top("post_id")],
    error_id: &[top("url"), INPUT.field("url")],
    status,
    platform: &[top("platform")],
    job_id: &[top("job_id")],
    crawled_at: &[top("timestamp")],
    post: POST,
    author: AuthorShape {
        sections: &[],
        key: &[top("profile_handle"), top("profile_id")],
        username: &[top("profile_handle")],
        display_name: &[top("page_name")],
        avatar_url: &[top("page_logo")],
        bio: &[top("page_intro")],
        follower_count: &[top("page_followers")],
        following_count: &[],
        total_likes: &[],
        video_count: &[],
        verified: &[top("page_is_verified")],
    },
    comment: thread::COMMENT,
    error: ErrorShape {
        code: &[top("error_code")],
        text: &[top("error")],
        details: &[],
        foreign_codes: &[
            ("dead_page", "CONTENT_NOT_FOUND"),
            ("blocked", "ACCESS_DENIED"),
            ("bad_input", "INVALID_URL"),
            ("parse_error", "PARSE_ERROR"),
            ("timeout", "TIMEOUT"),
        ],
    },
};

const POST: PostShape = PostShape {
    external_id: &[top("post_id")],
    url: &[top("url")],
    permalink: &[top("url")],
    text: &[top("content")],
    transcription: &[],
    transcription_status: &[],
    transcription_error: &[],
    hashtags: &[top("hashtags")],
    lang: &[],
    region: &[],
    category: &[],
    sound_name: &[],
    media_type: &[],
    media_path: &[],
    media_duration: &[],
    published_at: &[top("date_posted")],
    view_count: &[top("video_view_count")],
    like_count: &[top("likes")],
    comment_count: &[top("num_comments")],
    share_count: &[top("num_shares")],
    save_count: &[],
    task_type: &[],
    keyword_source: &[],
    pipeline_version: &[],
    finish,
};

/// A record says nothing of its attempt where it went well.
fn status(record: &mut Record<'_>) -> Result<FetchStatus, Refusal> {
    let says = |key| {
        let json = record.json(top(key));
        json.is_some_and(|json| Scalar::of(json) != Scalar::Null)
    };
    Ok(match says("error_code") || says("error") {
        true => FetchStatus::Error,
        false => FetchStatus::Legacy,
    })
}

fn finish(record: &mut Record<'_>, reader: &mut Reader<'_>, post: &mut Post) {
    if post.like_count.is_none() {
        post.like_count = reactions::total(record, &[top("num_likes_type")], reader);
    }
    attachments::fill(record, &[top("attachments")], reader, post);
}
