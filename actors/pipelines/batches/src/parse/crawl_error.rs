//! An item that the crawler could not fetch.

use super::{
    reader::{Reader, Scalar},
    record::{Record, Refusal},
    spelling::{ERROR_TEXT, meta, top},
};
use crate::domain::{CrawlError, CrawlEvent, ErrorCode, ErrorPolicy};

/// Reads an error item; everything but its own fields of `meta` is kept in `extra`.
pub(super) fn read(
    record: &mut Record<'_>,
    content_id: String,
    event: &CrawlEvent,
    policy: &ErrorPolicy,
    reader: &mut Reader<'_>,
) -> Result<CrawlError, Refusal> {
    let sent_code = record.pick(&[meta("error_code")], reader, Reader::key);
    let error_code = ErrorCode::new(sent_code.as_deref());
    let crawled_at = record.pick(&[meta("crawled_at")], reader, Reader::time);
    take_empty_comments(record);
    Ok(CrawlError {
        content_id,
        error_message: record.pick(&ERROR_TEXT, reader, Reader::text),
        error_details: record.pick(&[meta("error_details")], reader, Reader::json),
        permalink: record.pick(&[meta("permalink")], reader, Reader::text),
        retryable: policy.retryable(&error_code),
        error_code,
        crawled_at: crawled_at.unwrap_or(event.event_at),
        extra: record.extra(reader)?,
    })
}

/// Crawlers send `"comments": []` with every error; that is nothing to keep.
fn take_empty_comments(record: &mut Record<'_>) {
    let is_empty = |json: &str| {
        Scalar::of(json) == Scalar::Null || json.trim_matches(['[', ']', ' ', '\t', '\n', '\r']).is_empty()
    };
    if record.json(top("comments")).is_some_and(|json| is_empty(json)) {
        record.take(top("comments"));
    }
}
