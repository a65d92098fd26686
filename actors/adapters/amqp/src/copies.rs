//! The copies of a message that we publish: into the dead-letter queue, or back for a retry.

use amqprs::{BasicProperties, FieldName, FieldTable, FieldValue};
use jiff::Timestamp;
use millrace_engine::trace;
use serde::Serialize;
use std::{cmp::Reverse, time::Duration};

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

/// On a copy that waits in quarantine: what is noted about its event is asked again when it returns.
const QUARANTINED: &str = "x-millrace-quarantined";
/// How often a quorum queue had to take the message back.
const DELIVERIES: &str = "x-delivery-count";

/// The properties of a message that had to be repaired, as they came, in Base64.
const RAW_PROPERTIES: &str = "x-millrace-raw-properties";
/// Why it is a dead letter, on a copy that goes round while the dead-letter queue takes none. With its
/// detail it is all that a dead letter needs, so nothing is worked on again.
const PUT_OFF: &str = "x-millrace-put-off";

/// Names of headers that did not fit, between commas.
const TOO_LARGE: &str = "x-millrace-left-out";

/// Headers that must not be copied: they would send the copy elsewhere too (`CC`, `BCC`), make the
/// broker take its way through the retry queue for a loop and drop it, or speak of another message alone.
const LEFT_OUT: [&str; 12] = [
    PUT_OFF,
    QUARANTINED,
    "CC",
    "BCC",
    DELIVERIES,
    "x-death",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-first-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
    "x-last-death-exchange",
];

/// Never left out: without them a copy would be tried for ever. A larger value under one of these names is none of
/// ours.
const ESSENTIAL: [&str; 5] = [REASON, ATTEMPTS, FIRST_SEEN, PUT_OFF, QUARANTINED];
/// Largest value of those: a code, a number, a time.
const ESSENTIAL_SIZE: usize = 64;

/// Room for the frame itself and for the properties beside the headers: nine short strings of 256 bytes at most,
/// numbers, and the lengths.
const BESIDE_HEADERS: usize = 3_072;

/// Longest list of what was left out.
const MAX_LEFT_OUT: usize = 512;

/// Longest `x-millrace-detail`, in bytes: headers travel in one frame.
const MAX_DETAIL: usize = 2_048;

/// What a dead letter says about itself.
pub(super) struct DeadLetter<'a> {
    pub(super) reason: &'a str,
    pub(super) detail: &'a str,
    pub(super) attempts: u32,
    pub(super) first_seen: Timestamp,
    pub(super) event_id: Option<&'a str>,
}

/// Properties of the copy that stays in the dead-letter queue.
pub(super) fn dead_letter(original: &BasicProperties, details: &DeadLetter<'_>) -> BasicProperties {
    let mut headers = headers_to_keep(original);
    put(&mut headers, REASON, text(details.reason));
    put(&mut headers, DETAIL, text(cut(details.detail)));
    put(&mut headers, ATTEMPTS, FieldValue::l(details.attempts.into()));
    put(&mut headers, FIRST_SEEN, text(&details.first_seen.to_string()));
    if let Some(id) = details.event_id {
        put(&mut headers, EVENT_ID, text(cut(id)));
    }
    copy(original, headers, None)
}

/// Properties of the copy that comes back after `delay`, or at once.
pub(super) fn retry(
    original: &BasicProperties,
    attempts: u32,
    first_seen: Timestamp,
    delay: Option<Duration>,
) -> BasicProperties {
    let mut headers = headers_to_keep(original);
    put(&mut headers, ATTEMPTS, FieldValue::l(attempts.into()));
    put(&mut headers, FIRST_SEEN, text(&first_seen.to_string()));
    copy(
        original,
        headers,
        delay.map(|delay| delay.as_millis().to_string()),
    )
}

/// Properties of a dead letter that comes back after `delay`, because its queue does not take it now. Nothing
/// is charged: it had this attempt already.
pub(super) fn put_off(
    original: &BasicProperties,
    details: &DeadLetter<'_>,
    delay: Duration,
) -> BasicProperties {
    let mut back = retry(
        original,
        details.attempts.saturating_sub(1),
        details.first_seen,
        Some(delay),
    );
    let mut headers = back.headers().cloned().unwrap_or_else(FieldTable::new);
    put(&mut headers, PUT_OFF, text(details.reason));
    put(&mut headers, DETAIL, text(cut(details.detail)));
    back.with_headers(headers).finish()
}

/// Reason and detail of a dead letter that was put off. A producer may write this too, about its own events.
pub(super) fn was_put_off(properties: &BasicProperties) -> Option<(&str, &str)> {
    let code = header_text(properties, PUT_OFF)?;
    Some((code, header_text(properties, DETAIL).unwrap_or_default()))
}

/// The same properties with those that came, for a message whose properties had to be repaired.
pub(super) fn with_raw_properties(mut properties: BasicProperties, raw: &str) -> BasicProperties {
    let mut headers = properties.headers().cloned().unwrap_or_else(FieldTable::new);
    put(&mut headers, RAW_PROPERTIES, text(raw));
    properties.with_headers(headers).finish()
}

/// The same properties of a copy that waits in quarantine.
pub(super) fn quarantined(mut properties: BasicProperties) -> BasicProperties {
    let mut headers = properties.headers().cloned().unwrap_or_else(FieldTable::new);
    put(&mut headers, QUARANTINED, FieldValue::t(true));
    properties.with_headers(headers).finish()
}

/// Whether a delivery comes back from waiting in quarantine.
pub(super) fn is_quarantined(properties: &BasicProperties) -> bool {
    header(properties, QUARANTINED).is_some()
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
/// large, so the largest are left out, what we say ourselves last, and named; gives the list of names.
pub(super) fn fit(mut properties: BasicProperties, frame_max: u32) -> (BasicProperties, Option<String>) {
    let Some(mut headers) = properties.headers().cloned().filter(|_| frame_max > 0) else {
        return (properties, None);
    };
    let room = usize::try_from(frame_max).unwrap_or(usize::MAX);
    let room = room.saturating_sub(BESIDE_HEADERS + MAX_LEFT_OUT);
    let mut total = size(&headers);
    if total <= room {
        return (properties, None);
    }
    let mut left_out = Vec::new();
    for (name, size) in in_order_of_leaving(&headers) {
        if total <= room {
            break;
        }
        headers.remove(&name);
        total = total.saturating_sub(size);
        left_out.push(name.to_string());
    }
    let left_out = left_out.join(",");
    let left_out = &left_out[..left_out.floor_char_boundary(MAX_LEFT_OUT - TOO_LARGE.len() - 8)];
    put(&mut headers, TOO_LARGE, text(left_out));
    (
        properties.with_headers(headers).finish(),
        Some(left_out.to_owned()),
    )
}

/// Headers that may be left out, with their bytes: the largest first, then what we say ourselves.
fn in_order_of_leaving(headers: &FieldTable) -> Vec<(FieldName, usize)> {
    let ours = |name: &str, size: usize| [DETAIL, EVENT_ID].contains(&name) && size <= MAX_DETAIL + 64;
    let essential = |name: &str, size: usize| ESSENTIAL.contains(&name) && size <= ESSENTIAL_SIZE;
    let headers = headers.as_ref().iter();
    let mut all: Vec<_> = headers
        .map(|(name, value)| (name.clone(), size(value)))
        .filter(|(name, size)| !essential(name.as_ref(), *size))
        .collect();
    all.sort_unstable_by_key(|(name, size)| (ours(name.as_ref(), *size), Reverse(*size)));
    all
}

/// Attempts on the account of a delivery: 0 for one that was never retried.
pub(super) fn attempts(properties: &BasicProperties) -> u32 {
    number(properties, ATTEMPTS)
}

/// How often the queue of a delivery had to take it back, where it counts that.
pub(super) fn deliveries(properties: &BasicProperties) -> u32 {
    number(properties, DELIVERIES)
}

/// A header that holds a count; 0 where it does not.
fn number(properties: &BasicProperties, name: &str) -> u32 {
    let count = match header(properties, name) {
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
#[path = "copies_tests.rs"]
mod tests;
