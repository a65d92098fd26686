//! The copies of a message that we publish: into the dead-letter queue, or back for a retry.

use crate::{domain::Reason, trace};
use amqprs::{BasicProperties, FieldName, FieldTable, FieldValue};
use jiff::Timestamp;
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
    obituary: &Obituary<'_>,
    delay: Duration,
) -> BasicProperties {
    let mut back = retry(
        original,
        obituary.attempts.saturating_sub(1),
        obituary.first_seen,
        Some(delay),
    );
    let mut headers = back.headers().cloned().unwrap_or_else(FieldTable::new);
    put(&mut headers, PUT_OFF, text(obituary.reason));
    put(&mut headers, DETAIL, text(cut(obituary.detail)));
    back.with_headers(headers).finish()
}

/// Reason and detail of a dead letter that was put off. A producer may write this too, about its own events.
pub(super) fn was_put_off(properties: &BasicProperties) -> Option<(Reason, String)> {
    let code = header_text(properties, PUT_OFF)?;
    let reason = Reason::ALL.iter().find(|reason| reason.code() == code)?;
    let detail = header_text(properties, DETAIL).unwrap_or_default();
    (!reason.is_of_item()).then(|| (*reason, detail.to_owned()))
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
            Some(Duration::from_millis(1_500)),
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
    fn a_dead_letter_that_is_put_off_comes_back_as_what_it_is_and_uncharged() {
        let obituary = Obituary {
            reason: "killed_worker",
            detail: "the process died",
            attempts: 3,
            first_seen: Timestamp::UNIX_EPOCH,
            event_id: Some("evt_1"),
        };
        let back = put_off(&original(), &obituary, Duration::from_secs(1));
        let told = (Reason::KilledWorker, "the process died".to_owned());
        assert_eq!(was_put_off(&back), Some(told));
        assert_eq!(attempts(&back), 2, "the next delivery is its third attempt again");
        assert_eq!(header_text(&back, FIRST_SEEN), Some("1970-01-01T00:00:00Z"));
        assert_eq!(back.expiration().map(String::as_str), Some("1000"));

        let dead = dead_letter(&back, &obituary);
        assert_eq!(was_put_off(&dead), None, "or a replay would end at once");
        for odd in ["no_reason", "malformed_item"] {
            let mut headers = FieldTable::new();
            put(&mut headers, PUT_OFF, text(odd));
            let forged = BasicProperties::default().with_headers(headers).finish();
            assert_eq!(was_put_off(&forged), None);
        }
    }

    #[test]
    fn a_copy_fits_into_one_frame() {
        let mut headers = FieldTable::new();
        put(&mut headers, "small", text("kept"));
        put(&mut headers, "large", text(&"x".repeat(60_000)));
        put(&mut headers, "larger", text(&"x".repeat(70_000)));
        put(&mut headers, DETAIL, text(&"x".repeat(MAX_DETAIL)));
        let original = BasicProperties::default().with_headers(headers).finish();

        for roomy in [0, 200_000] {
            let (all, left_out) = fit(original.clone(), roomy);
            assert_eq!(header_text(&all, "larger").map(str::len), Some(70_000));
            assert_eq!(left_out, None);
        }
        let (fitting, left_out) = fit(original.clone(), 131_072);
        assert_eq!(left_out.as_deref(), Some("larger"));
        assert_eq!(header_text(&fitting, "larger"), None);
        assert_eq!(header_text(&fitting, "large").map(str::len), Some(60_000));
        assert_eq!(header_text(&fitting, "small"), Some("kept"));
        assert_eq!(header_text(&fitting, TOO_LARGE), Some("larger"));

        let (tight, left_out) = fit(original, 8_192);
        assert_eq!(left_out.as_deref(), Some("larger,large"));
        assert!(size(tight.headers().unwrap()) < 8_192 - BESIDE_HEADERS);
        assert_eq!(header_text(&tight, DETAIL).map(str::len), Some(MAX_DETAIL));
    }

    /// A producer may use our names, and as many names as a frame holds.
    #[test]
    fn headers_that_pass_for_ours_do_not_stay() {
        let mut headers = FieldTable::new();
        for forged in [DETAIL, EVENT_ID, TOO_LARGE, "x-millrace-other", FIRST_SEEN] {
            put(&mut headers, forged, text(&"x".repeat(25_000)));
        }
        for number in 0..500 {
            put(&mut headers, &format!("n{number}"), text("v"));
        }
        let original = BasicProperties::default().with_headers(headers).finish();
        let now = Timestamp::UNIX_EPOCH;
        let back = retry(&original, 2, now, Some(Duration::from_secs(1)));
        let (fitting, _) = fit(back, 65_536);
        assert!(size(fitting.headers().unwrap()) < 65_536 - BESIDE_HEADERS);
        let back = retry(&original, 2, now, Some(Duration::from_secs(1)));
        let (tight, left_out) = fit(back, 4_096);
        assert!(size(tight.headers().unwrap()) < 4_096 - BESIDE_HEADERS);
        assert_eq!(attempts(&tight), 2, "or it would be tried for ever");
        assert_eq!(header_text(&tight, FIRST_SEEN), Some("1970-01-01T00:00:00Z"));
        assert!(left_out.unwrap().len() <= MAX_LEFT_OUT);
    }

    #[test]
    fn a_message_that_was_never_retried_has_no_attempts() {
        assert_eq!(attempts(&BasicProperties::default()), 0);
    }
}
