//! An item that the crawler fetched: the post and its author.

use super::{
    author,
    reader::Reader,
    record::{Record, Refusal},
    shape::{FetchStatus, PostShape, Shape, Spellings},
};
use crate::domain::{Author, CrawlEvent, ErrorCode, Post};
use jiff::Timestamp;
use std::sync::Arc;

/// Reads post and author. Comes last for an item: what it leaves is the post's `extra`.
pub(super) fn read(
    record: &mut Record<'_>,
    shape: &Shape,
    id: String,
    status: FetchStatus,
    crawled_at: Timestamp,
    event: &CrawlEvent,
    reader: &mut Reader<'_>,
) -> Result<(Post, Option<Author>), Refusal> {
    let by = author::read(record, &shape.author, crawled_at, reader)?;
    let (error, shape) = (&shape.error, &shape.post);
    let error_details = record.pick(error.details, reader, Reader::json);
    let hashtags = record.pick(shape.hashtags, reader, Reader::tags);
    let media_duration = record.pick(shape.media_duration, reader, Reader::seconds);
    let published_at = record.pick(shape.published_at, reader, Reader::time);
    let [view_count, like_count, comment_count, share_count, save_count] = counts(record, shape, reader);
    let mut text = |spellings: Spellings| record.pick(spellings, reader, Reader::text);
    let mut post = Post {
        id,
        external_id: text(shape.external_id),
        url: text(shape.url),
        permalink: text(shape.permalink),
        content_text: text(shape.text),
        content_transcription: text(shape.transcription),
        transcription_status: text(shape.transcription_status),
        transcription_error: text(shape.transcription_error),
        hashtags,
        lang: text(shape.lang),
        region: text(shape.region),
        category: text(shape.category),
        sound_name: text(shape.sound_name),
        media_type: text(shape.media_type),
        media_path: text(shape.media_path),
        media_duration,
        published_at,
        crawled_at,
        view_count,
        like_count,
        comment_count,
        share_count,
        save_count,
        author_key: by.key,
        author_username: by.username,
        author_name: by.name,
        follower_count: by.followers,
        task_type: shared(text(shape.task_type), event.task_type.as_ref()),
        keyword_source: shared(text(shape.keyword_source), event.keyword.as_ref()),
        pipeline_version: text(shape.pipeline_version),
        fetch_status: (status == FetchStatus::Success).then(|| "success".to_owned()),
        fetch_error: text(error.text),
        error_code: text(error.code).map(|code| ErrorCode::new(Some(&code)).as_str().to_owned()),
        error_details,
        extra: None,
    };
    (shape.finish)(record, reader, &mut post);
    post.extra = record.extra(reader)?;
    Ok((post, by.row))
}

/// The item's own text, or else the event's, of which there is one copy however many items there are.
fn shared(own: Option<String>, events: Option<&Arc<str>>) -> Option<Arc<str>> {
    match own {
        Some(own) if events.is_none_or(|events| **events != *own) => Some(own.into()),
        _ => events.cloned(),
    }
}

fn counts(record: &mut Record<'_>, shape: &PostShape, reader: &mut Reader<'_>) -> [Option<i64>; 5] {
    let spellings = [
        shape.view_count,
        shape.like_count,
        shape.comment_count,
        shape.share_count,
        shape.save_count,
    ];
    spellings.map(|spellings| record.pick(spellings, reader, Reader::count))
}
