//! The copies of a message that we publish: into the dead-letter queue, or back for a retry.

use crate::trace;
use amqprs::{BasicProperties, FieldName, FieldTable, FieldValue};
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// Why it is a dead letter.
pub(super) const REASON: &str = "x-millrace-reason";
/// What was wrong, for people.
pub(super) const DETAIL: &str = "x-millrace-detail";
/// Attempts on the event's account.
pub(super) const ATTEMPTS: &str = "x-millrace-attempts";
/// When the first copy arrived.
pub(super) const FIRST_SEEN: &str = "x-millrace-first-seen";
/// The event's id, where it could be read.
pub(super) const EVENT_ID: &str = "x-millrace-event-id";

/// Names of headers that did not fit, between commas.
const TOO_LARGE: &str = "x-millrace-left-out";

/// Headers that must not be copied: they would send the copy elsewhere too (`CC`, `BCC`), or make the
/// broker take its way through the retry queue for a loop and drop it.
const LEFT_OUT: [&str; 9] = [
    "CC",
    "BCC",
    "x-death",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-first-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
    "x-last-death-exchange",
];

/// What our own headers begin with.
const OURS: &str = "x-millrace-";

/// Room for the frame itself and for the properties beside the headers: nine short strings of 256 bytes at most,
/// numbers, and the lengths.
const BESIDE_HEADERS: usize = 3_072;

/// Longest `x-millrace-detail`, in bytes: headers travel in one frame.
const MAX_DETAIL: usize = 2_048;

/// What a dead letter says about itself.
pub(super) struct Obituary<'a> {
    pub(super) reason: &'a str,
    pub(super) detail: &'a str,
    pub(super) attempts: u32,
    pub(super) first_seen: Timestamp,
    pub(super) event_id: Option<&'a str>,
}

/// Properties of the copy that stays in the dead-letter queue.
pub(super) fn dead_letter(original: &BasicProperties, obituary: &Obituary<'_>) -> BasicProperties {
    let mut headers = headers_to_keep(original);
    put(&mut headers, REASON, text(obituary.reason));
    put(&mut headers, DETAIL, text(cut(obituary.detail)));
    put(&mut headers, ATTEMPTS, FieldValue::l(obituary.attempts.into()));
    put(&mut headers, FIRST_SEEN, text(&obituary.first_seen.to_string()));
    if let Some(id) = obituary.event_id {
        put(&mut headers, EVENT_ID, text(cut(id)));
    }
    copy(original, headers, None)
}

/// Properties of the copy that comes back after `delay`.
pub(super) fn retry(
    original: &BasicProperties,
    attempts: u32,
    first_seen: Timestamp,
    delay: Duration,
) -> BasicProperties {
    let mut headers = headers_to_keep(original);
    put(&mut headers, ATTEMPTS, FieldValue::l(attempts.into()));
    put(&mut headers, FIRST_SEEN, text(&first_seen.to_string()));
    copy(original, headers, Some(delay.as_millis().to_string()))
}

/// The same properties with the headers of the trace that the copy belongs to; without any, those of the
/// original stay.
pub(super) fn in_trace(mut properties: BasicProperties, trace: &[(String, String)]) -> BasicProperties {
    if trace.is_empty() {
        return properties;
    }
    let mut headers = properties.headers().cloned().unwrap_or_else(FieldTable::new);
    for name in trace::HEADERS {
        if let Some(key) = key(name) {
            headers.remove(&key);
        }
    }
    for (name, value) in trace {
        put(&mut headers, name, text(value));
    }
    properties.with_headers(headers).finish()
}

/// The same properties, small enough for one frame of `frame_max` bytes (0 means any): headers travel in one, and
/// the broker ends the connection of who sends a larger one. What a copy adds may make that of the original too
/// large, so the largest headers that are not ours are left out and named; says which.
pub(super) fn fit(mut properties: BasicProperties, frame_max: u32) -> (BasicProperties, Vec<String>) {
    let room = usize::try_from(frame_max).unwrap_or(usize::MAX);
    let Some(mut headers) = properties.headers().cloned().filter(|_| room > 0) else {
        return (properties, Vec::new());
    };
    let room = room.saturating_sub(BESIDE_HEADERS);
    let mut left_out = Vec::new();
    if size(&headers) > room {
        let foreign = headers
            .as_ref()
            .iter()
            .filter(|(name, _)| !name.as_ref().starts_with(OURS));
        let mut foreign: Vec<_> = foreign.map(|(name, value)| (size(value), name.clone())).collect();
        foreign.sort_unstable_by_key(|(size, _)| *size);
        while let Some((_, name)) = foreign.pop().filter(|_| size(&headers) > room) {
            headers.remove(&name);
            left_out.push(name.to_string());
            put(&mut headers, TOO_LARGE, text(cut(&left_out.join(","))));
        }
    }
    if !left_out.is_empty() {
        properties.with_headers(headers);
    }
    (properties.finish(), left_out)
}

/// Attempts on the account of a delivery: 0 for one that was never retried.
pub(super) fn attempts(properties: &BasicProperties) -> u32 {
    let value = header(properties, ATTEMPTS);
    let count = match value {
        Some(FieldValue::l(n)) => *n,
        Some(FieldValue::I(n)) => i64::from(*n),
        Some(FieldValue::i(n)) => i64::from(*n),
        Some(FieldValue::s(n)) => i64::from(*n),
        Some(FieldValue::b(n)) => i64::from(*n),
        _ => 0,
    };
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}

/// A header that holds text.
pub(super) fn header_text<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a str> {
    match header(properties, name)? {
        FieldValue::S(value) => Some(value.as_ref()),
        _ => None,
    }
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a FieldValue> {
    properties.headers()?.get(&key(name)?)
}

fn headers_to_keep(original: &BasicProperties) -> FieldTable {
    let mut headers = original.headers().cloned().unwrap_or_else(FieldTable::new);
    for name in LEFT_OUT {
        if let Some(key) = key(name) {
            headers.remove(&key);
        }
    }
    // The broker refuses a `user_id` that is not ours, and an `expiration` would end a dead letter.
    if let Some(user) = original.user_id() {
        put(&mut headers, "x-millrace-original-user-id", text(user));
    }
    if let Some(expiration) = original.expiration() {
        put(&mut headers, "x-millrace-original-expiration", text(expiration));
    }
    headers
}

fn copy(original: &BasicProperties, headers: FieldTable, expiration: Option<String>) -> BasicProperties {
    const PERSISTENT: u8 = 2;
    BasicProperties::new(
        original.content_type().cloned(),
        original.content_encoding().cloned(),
        Some(headers),
        Some(PERSISTENT),
        original.priority(),
        original.correlation_id().cloned(),
        original.reply_to().cloned(),
        expiration,
        original.message_id().cloned(),
        original.timestamp(),
        original.message_type().cloned(),
        None,
        original.app_id().cloned(),
        original.cluster_id().cloned(),
    )
}

fn put(headers: &mut FieldTable, name: &str, value: FieldValue) {
    if let Some(key) = key(name) {
        // Out with the old first: the table keeps its length by adding up what goes in.
        headers.remove(&key);
        headers.insert(key, value);
    }
}

fn key(name: &str) -> Option<FieldName> {
    name.try_into().ok()
}

fn text(value: &str) -> FieldValue {
    value.try_into().map_or(FieldValue::V, FieldValue::S)
}

/// Bytes on the wire.
fn size(value: &impl Serialize) -> usize {
    amqp_serde::to_bytes(value).map_or(usize::MAX, |bytes| bytes.len())
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_DETAIL)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original() -> BasicProperties {
        let mut headers = FieldTable::new();
        put(&mut headers, "traceparent", text("00-aa-bb-01"));
        put(&mut headers, "x-death", text("the broker's notes"));
        put(&mut headers, "CC", text("elsewhere"));
        BasicProperties::default()
            .with_headers(headers)
            .with_user_id("crawler")
            .with_expiration("1000")
            .with_message_id("m1")
            .with_correlation_id("c1")
            .finish()
    }

    #[test]
    fn a_dead_letter_keeps_properties_and_says_why() {
        let first_seen: Timestamp = "2025-12-06T10:00:00Z".parse().unwrap();
        let obituary = Obituary {
            reason: "bad_path",
            detail: &"é".repeat(5_000),
            attempts: 2,
            first_seen,
            event_id: Some("evt_1"),
        };
        let dead = dead_letter(&original(), &obituary);
        assert_eq!(header_text(&dead, REASON), Some("bad_path"));
        assert_eq!(header_text(&dead, DETAIL).map(str::len), Some(MAX_DETAIL));
        assert_eq!(header_text(&dead, FIRST_SEEN), Some("2025-12-06T10:00:00Z"));
        assert_eq!(header_text(&dead, EVENT_ID), Some("evt_1"));
        assert_eq!(header_text(&dead, "traceparent"), Some("00-aa-bb-01"));
        assert_eq!(attempts(&dead), 2);
        assert_eq!(dead.message_id().map(String::as_str), Some("m1"));
        assert_eq!(dead.delivery_mode(), Some(2));
        assert_eq!(dead.expiration(), None, "a dead letter must not expire");
    }

    #[test]
    fn copies_leave_out_what_would_misroute_or_be_refused() {
        let back = retry(
            &original(),
            1,
            Timestamp::UNIX_EPOCH,
            Duration::from_millis(1_500),
        );
        assert_eq!(header_text(&back, "CC"), None);
        assert_eq!(header_text(&back, "x-death"), None);
        assert_eq!(back.user_id(), None);
        assert_eq!(header_text(&back, "x-millrace-original-user-id"), Some("crawler"));
        assert_eq!(header_text(&back, "x-millrace-original-expiration"), Some("1000"));
        assert_eq!(back.expiration().map(String::as_str), Some("1500"));
        assert_eq!(attempts(&back), 1);
    }

    #[test]
    fn a_copy_fits_into_one_frame() {
        let mut headers = FieldTable::new();
        put(&mut headers, "small", text("kept"));
        put(&mut headers, "large", text(&"x".repeat(60_000)));
        put(&mut headers, "larger", text(&"x".repeat(70_000)));
        put(&mut headers, DETAIL, text(&"x".repeat(MAX_DETAIL)));
        let original = BasicProperties::default().with_headers(headers).finish();

        let (all, left_out) = fit(original.clone(), 0);
        assert_eq!(
            (header_text(&all, "larger").map(str::len), left_out.len()),
            (Some(70_000), 0)
        );
        let (all, left_out) = fit(original.clone(), 200_000);
        assert_eq!(
            (header_text(&all, "larger").map(str::len), left_out.len()),
            (Some(70_000), 0)
        );

        let (fitting, left_out) = fit(original.clone(), 131_072);
        assert_eq!(left_out, ["larger"]);
        assert_eq!(header_text(&fitting, "larger"), None);
        assert_eq!(header_text(&fitting, "large").map(str::len), Some(60_000));
        assert_eq!(header_text(&fitting, "small"), Some("kept"));
        assert_eq!(header_text(&fitting, TOO_LARGE), Some("larger"));

        let (tight, left_out) = fit(original, 8_192);
        assert_eq!(left_out, ["larger", "large"]);
        assert!(size(tight.headers().unwrap()) < 8_192 - BESIDE_HEADERS);
        assert_eq!(header_text(&tight, DETAIL).map(str::len), Some(MAX_DETAIL));
    }

    #[test]
    fn a_message_that_was_never_retried_has_no_attempts() {
        assert_eq!(attempts(&BasicProperties::default()), 0);
    }
}
