//! How much memory rows take: before they are made by what they are made of, afterwards as they are.

use crate::domain::{Author, Comment, CrawlError, CrawlEvent, Items, Json, Post, RejectedItem};
use std::sync::Arc;

/// Bytes of rows made from a byte of JSON: many small strings, each an allocation.
pub const ROWS_A_BYTE: u64 = 3;

/// Bytes of rows made from an object, however little is in it: a comment may be `{}`, an item has three.
const OF_AN_OBJECT: u64 = (size_of::<Comment>() + 64) as u64;

/// What an allocation takes beside what is in it.
const OF_AN_ALLOCATION: usize = 8;

/// Objects in JSON, and brackets in its strings. Fast beside anything that reads it.
pub(super) fn objects(json: impl AsRef<[u8]>) -> usize {
    // In pieces, so that the sum of each fits where many are added at once.
    let pieces = json.as_ref().chunks(255);
    pieces
        .map(|piece| usize::from(piece.iter().map(|byte| u8::from(*byte == b'{')).sum::<u8>()))
        .sum()
}

/// What the rows of so much JSON with so many objects will take, if `max_comments` are comments.
pub(super) fn expected(json_bytes: u64, objects: usize, max_items: usize, max_comments: usize) -> u64 {
    let objects = objects.min(max_comments.saturating_add(3 * max_items)) as u64;
    (ROWS_A_BYTE * json_bytes).max(json_bytes + OF_AN_OBJECT * objects)
}

/// What the rows of an event take. Text that they share with the event is there once, so it is the event's.
pub(super) fn of(items: &Items, event: &CrawlEvent) -> u64 {
    let Items {
        posts,
        authors,
        comments,
        errors,
        rejected,
        curtailed,
    } = items;
    let bytes = list(posts, |row| post(row, event))
        + list(authors, author)
        + list(comments, comment)
        + parents(comments)
        + list(errors, error)
        + list(rejected, rejection)
        + list(curtailed, rejection);
    bytes as u64
}

fn list<T>(rows: &Vec<T>, of: impl Fn(&T) -> usize) -> usize {
    rows.capacity() * size_of::<T>() + rows.iter().map(of).sum::<usize>()
}

fn post(post: &Post, event: &CrawlEvent) -> usize {
    let own = [
        &post.external_id,
        &post.url,
        &post.permalink,
        &post.content_text,
        &post.content_transcription,
        &post.transcription_status,
        &post.transcription_error,
        &post.lang,
        &post.region,
        &post.category,
        &post.sound_name,
        &post.media_type,
        &post.media_path,
        &post.author_key,
        &post.author_username,
        &post.author_name,
        &post.pipeline_version,
        &post.fetch_status,
        &post.fetch_error,
        &post.error_code,
    ];
    let kind = own_of([&post.task_type, &event.task_type]);
    let keyword = own_of([&post.keyword_source, &event.keyword]);
    let tags = post.hashtags.as_ref().map_or(0, |tags| list(tags, text));
    text(&post.id) + texts(own) + kind + keyword + tags + json(&post.error_details) + json(&post.extra)
}

fn author(author: &Author) -> usize {
    let own = [
        &author.username,
        &author.display_name,
        &author.avatar_url,
        &author.bio,
    ];
    text(&author.author_key) + texts(own) + json(&author.extra)
}

fn comment(comment: &Comment) -> usize {
    let own = [
        &comment.author_username,
        &comment.author_name,
        &comment.text,
        &comment.parent_type,
    ];
    text(&comment.comment_id) + texts(own) + json(&comment.extra)
}

/// Bytes of the ids of what comments answer. Replies to one comment share its id, and stand together.
fn parents(comments: &[Comment]) -> usize {
    let mut bytes = 0;
    let mut last = None;
    for id in comments.iter().filter_map(|comment| comment.parent_id.as_ref()) {
        if !last.is_some_and(|last| Arc::ptr_eq(last, id)) {
            bytes += id.len() + OF_AN_ALLOCATION;
        }
        last = Some(id);
    }
    bytes
}

fn error(error: &CrawlError) -> usize {
    text(&error.content_id)
        + error.error_code.as_str().len()
        + texts([&error.error_message, &error.permalink])
        + json(&error.error_details)
        + json(&error.extra)
}

/// Bytes of a post's text that is not the event's.
fn own_of([post, event]: [&Option<Arc<str>>; 2]) -> usize {
    match (post, event) {
        (Some(post), Some(event)) if Arc::ptr_eq(post, event) => 0,
        (Some(post), _) => post.len() + OF_AN_ALLOCATION,
        (None, _) => 0,
    }
}

fn rejection(item: &RejectedItem) -> usize {
    text(&item.detail) + text(&item.raw)
}

fn texts<const N: usize>(texts: [&Option<String>; N]) -> usize {
    texts.into_iter().flatten().map(text).sum()
}

fn text(text: &String) -> usize {
    match text.capacity() {
        0 => 0,
        bytes => bytes + OF_AN_ALLOCATION,
    }
}

fn json(json: &Option<Json>) -> usize {
    json.as_ref()
        .map_or(0, |json| json.as_str().len() + OF_AN_ALLOCATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_counted_however_many_there_are() {
        assert_eq!(objects("{".repeat(1_000_003)), 1_000_003);
        assert_eq!(objects(r#"[{"a":{}},"{"]"#), 3);
        assert_eq!(objects(""), 0);
    }
}
