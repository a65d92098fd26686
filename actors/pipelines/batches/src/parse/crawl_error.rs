//! An item that the crawler could not fetch.

use super::{
    reader::{Reader, Scalar},
    record::{Record, Refusal},
    shape::Shape,
    spelling::Spelling,
};
use crate::domain::{CrawlError, CrawlEvent, ErrorCode, ErrorPolicy};

/// Reads an error item; everything but its own fields of `meta` is kept in `extra`.
pub(super) fn read(
    record: &mut Record<'_>,
    shape: &Shape,
    content_id: String,
    event: &CrawlEvent,
    policy: &ErrorPolicy,
    reader: &mut Reader<'_>,
) -> Result<CrawlError, Refusal> {
    let error_code = code(record, shape, reader);
    let crawled_at = record.pick(shape.crawled_at, reader, Reader::time);
    take_empty(shape.comment.list, record);
    Ok(CrawlError {
        content_id,
        error_message: record.pick(shape.error.text, reader, Reader::text),
        error_details: record.pick(shape.error.details, reader, Reader::json),
        permalink: record.pick(shape.post.permalink, reader, Reader::text),
        retryable: policy.retryable(&error_code),
        error_code,
        crawled_at: crawled_at.unwrap_or(event.event_at),
        extra: record.extra(reader)?,
    })
}

/// The code. One of the crawler's own that has a code of ours stays in the item, for `extra`.
fn code(record: &mut Record<'_>, shape: &Shape, reader: &mut Reader<'_>) -> ErrorCode {
    for (foreign, ours) in shape.error.foreign_codes {
        let is_sent = |spelling: &Spelling| match record.json(*spelling).map(|json| Scalar::of(json)) {
            Some(Scalar::Text(sent)) => sent.trim().eq_ignore_ascii_case(foreign),
            _ => false,
        };
        if shape.error.code.iter().any(is_sent) {
            return ErrorCode::new(Some(ours));
        }
    }
    ErrorCode::new(record.pick(shape.error.code, reader, Reader::key).as_deref())
}

/// Crawlers send `"comments": []` with every error; that is nothing to keep.
fn take_empty(comments: Spelling, record: &mut Record<'_>) {
    let is_empty = |json: &str| {
        Scalar::of(json) == Scalar::Null || json.trim_matches(['[', ']', ' ', '\t', '\n', '\r']).is_empty()
    };
    if record.json(comments).is_some_and(|json| is_empty(json)) {
        record.take(comments);
    }
}
