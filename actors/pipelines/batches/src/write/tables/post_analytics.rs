//! `post_analytics`: one row a post and scope.

use super::Table;
use super::json;
use crate::domain::Post;
use millrace_postgres::{Get::*, clock, key, value, version};

pub(in crate::write) static POST_ANALYTICS: Table<Post> = Table {
    name: "post_analytics",
    touched: Some("updated_at"),
    columns: &[
        key("scope", Text(|batch, _| Some(batch.event.scope()))),
        key("platform", Text(|batch, _| Some(batch.event.platform.as_str()))),
        key("id", Text(|_, post| Some(&post.id))),
        version("project_id", Text(|batch, _| batch.event.project_id())),
        version(
            "is_dryrun",
            Bool(|batch, _| Some(batch.event.project_id().is_none())),
        ),
        value("external_id", Text(|_, post| post.external_id.as_deref())),
        value("url", Text(|_, post| post.url.as_deref())),
        value("permalink", Text(|_, post| post.permalink.as_deref())),
        value("content_text", Text(|_, post| post.content_text.as_deref())),
        value(
            "content_transcription",
            Text(|_, post| post.content_transcription.as_deref()),
        ),
        value(
            "transcription_status",
            Text(|_, post| post.transcription_status.as_deref()),
        ),
        value(
            "transcription_error",
            Text(|_, post| post.transcription_error.as_deref()),
        ),
        value("hashtags", TextArray(|_, post| post.hashtags.as_deref())),
        value("lang", Text(|_, post| post.lang.as_deref())),
        value("region", Text(|_, post| post.region.as_deref())),
        value("category", Text(|_, post| post.category.as_deref())),
        value("sound_name", Text(|_, post| post.sound_name.as_deref())),
        value("media_type", Text(|_, post| post.media_type.as_deref())),
        value("media_path", Text(|_, post| post.media_path.as_deref())),
        value("media_duration", Double(|_, post| post.media_duration)),
        value("published_at", Time(|_, post| post.published_at)),
        clock("crawled_at", Time(|_, post| Some(post.crawled_at))),
        value("view_count", BigInt(|_, post| post.view_count)),
        value("like_count", BigInt(|_, post| post.like_count)),
        value("comment_count", BigInt(|_, post| post.comment_count)),
        value("share_count", BigInt(|_, post| post.share_count)),
        value("save_count", BigInt(|_, post| post.save_count)),
        value("author_key", Text(|_, post| post.author_key.as_deref())),
        value("author_username", Text(|_, post| post.author_username.as_deref())),
        value("author_name", Text(|_, post| post.author_name.as_deref())),
        value("follower_count", BigInt(|_, post| post.follower_count)),
        version("job_id", Text(|batch, _| Some(&batch.event.job_id))),
        version("batch_index", BigInt(|batch, _| batch.event.batch_index)),
        value("task_type", Text(|_, post| post.task_type.as_deref())),
        value("keyword_source", Text(|_, post| post.keyword_source.as_deref())),
        value("brand_name", Text(|batch, _| batch.event.brand_name.as_deref())),
        value(
            "pipeline_version",
            Text(|_, post| post.pipeline_version.as_deref()),
        ),
        value("fetch_status", Text(|_, post| post.fetch_status.as_deref())),
        value("fetch_error", Text(|_, post| post.fetch_error.as_deref())),
        value("error_code", Text(|_, post| post.error_code.as_deref())),
        value("error_details", Json(|_, post| json(post.error_details.as_ref()))),
        value("extra", Json(|_, post| json(post.extra.as_ref()))),
    ],
};
