//! An item that the crawler fetched: the post and its author.

use super::{
    author,
    item::FetchStatus,
    platforms,
    reader::Reader,
    record::{Record, Refusal},
    spelling::{self, Spelling, content, meta},
};
use crate::domain::{Author, CrawlEvent, ErrorCode, Post};
use jiff::Timestamp;
use std::sync::Arc;

/// Reads post and author. Comes last for an item: what it leaves is the post's `extra`.
pub(super) fn read(
    record: &mut Record<'_>,
    id: String,
    status: FetchStatus,
    crawled_at: Timestamp,
    event: &CrawlEvent,
    reader: &mut Reader<'_>,
) -> Result<(Post, Option<Author>), Refusal> {
    let by = author::read(record, crawled_at, reader)?;
    let error_details = record.pick(&[meta("error_details")], reader, Reader::json);
    let hashtags = record.pick(&spelling::TAGS, reader, Reader::tags);
    let media_duration = record.pick(&spelling::DURATION, reader, Reader::seconds);
    let published_at = record.pick(&[meta("published_at")], reader, Reader::time);
    let [view_count, like_count, comment_count, share_count, save_count] = counts(record, reader);
    let external_id = external_id(record, event, reader);
    let mut text = |spellings: &[Spelling]| record.pick(spellings, reader, Reader::text);
    let post = Post {
        id,
        external_id,
        url: text(&[content("url")]),
        permalink: text(&[meta("permalink")]),
        content_text: text(&spelling::TEXT),
        content_transcription: text(&[content("transcription")]),
        transcription_status: text(&[content("transcription_status")]),
        transcription_error: text(&[content("transcription_error")]),
        hashtags,
        lang: text(&[meta("lang")]),
        region: text(&[meta("region")]),
        category: text(&[content("category")]),
        sound_name: text(&[content("sound_name")]),
        media_type: text(&[content("media_type")]),
        media_path: text(&[content("media_path")]),
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
        task_type: shared(text(&[meta("task_type")]), event.task_type.as_ref()),
        keyword_source: shared(text(&[meta("keyword_source")]), event.keyword.as_ref()),
        pipeline_version: text(&[meta("pipeline_version")]),
        fetch_status: (status == FetchStatus::Success).then(|| "success".to_owned()),
        fetch_error: text(&spelling::ERROR_TEXT),
        error_code: text(&[meta("error_code")]).map(|code| ErrorCode::new(Some(&code)).as_str().to_owned()),
        error_details,
        extra: record.extra(reader)?,
    };
    Ok((post, by.row))
}

/// The item's own text, or else the event's, of which there is one copy however many items there are.
fn shared(own: Option<String>, events: Option<&Arc<str>>) -> Option<Arc<str>> {
    match own {
        Some(own) if events.is_none_or(|events| **events != *own) => Some(own.into()),
        _ => events.cloned(),
    }
}

fn counts(record: &mut Record<'_>, reader: &mut Reader<'_>) -> [Option<i64>; 5] {
    let spellings = [
        spelling::VIEW_COUNT,
        spelling::LIKE_COUNT,
        spelling::COMMENT_COUNT,
        spelling::SHARE_COUNT,
        spelling::SAVE_COUNT,
    ];
    spellings.map(|spellings| record.pick(&spellings, reader, Reader::count))
}

/// The platform's own id. What a platform calls it besides is read where the common name is
/// missing, and stays in `extra` under its own name.
fn external_id(record: &mut Record<'_>, event: &CrawlEvent, reader: &mut Reader<'_>) -> Option<String> {
    let common = record.pick(&[content("external_id")], reader, Reader::text);
    common.or_else(|| {
        let json = record.json(content(platforms::dialect(&event.platform).own_id?))?;
        reader.text(json).value()
    })
}
