//! The event itself.

use super::{Note, fields::Fields, legacy};
use crate::{
    domain::{CrawlEvent, Platform, Project, Reason, project_of},
    messages::BatchSource,
};
use millrace_engine::Delivery;
use millrace_text::{
    escapes::{self, Unstorable},
    time,
};
use serde_json::{Map, Value};
use std::{borrow::Cow, sync::Arc};

/// A message that was read, and what was odd about it.
#[derive(Debug)]
pub struct Decoded {
    /// The event.
    pub event: CrawlEvent,
    /// Where its items are; the path is not checked yet.
    pub source: BatchSource,
    /// What to count. Nothing here is a reason to refuse the event.
    pub notes: Vec<Note>,
}

/// A message that is no event of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct DecodeError {
    /// Stable code: `malformed_event` or `unsupported_event_type`.
    pub reason: Reason,
    /// What was wrong, for people.
    pub detail: String,
    /// The event's id, wherever it could be read.
    pub event_id: Option<String>,
}

/// Longest event, in bytes. Events have some hundred bytes; reading one takes about 16 times its size.
pub const MAX_EVENT_BYTES: usize = 1 << 20;

/// Longest legacy message, in bytes: it may be the batch itself.
pub const MAX_LEGACY_BYTES: usize = 16 << 20;

/// The one event type that is ours.
const EVENT_TYPE: &str = "data.collected";

/// Reads a message.
///
/// `legacy_queue` is the name of the queue where that is one of the legacy queues: only there are
/// the legacy shapes accepted, and missing ids and platforms filled in. `delivery` says how this copy reached us; its `received_at` stands in for a
/// missing timestamp.
///
/// # Errors
/// [`Reason::MalformedEvent`] when the body is no JSON object, is too large or too deeply nested, or
/// lacks `event_id`, `payload.job_id` or `payload.minio_path`; [`Reason::UnsupportedEventType`] when
/// `event_type` is present and not `data.collected`.
pub fn decode(body: &[u8], legacy_queue: Option<&str>, delivery: Delivery) -> Result<Decoded, DecodeError> {
    let cap = match legacy_queue {
        Some(_) => MAX_LEGACY_BYTES,
        None => MAX_EVENT_BYTES,
    };
    let read = if body.len() > cap {
        let detail = format!("the body has {} bytes, the cap is {cap}", body.len());
        Err(DecodeError::new(Reason::MalformedEvent, detail))
    } else {
        let cleaned = without_half_pairs(body);
        let was_cleaned = cleaned.is_some();
        let text = without_bom(cleaned.as_deref().unwrap_or(body));
        match legacy_queue {
            Some(queue) => legacy::decode(text, body, queue, delivery),
            None => object(text).and_then(|root| standard(&root, delivery)),
        }
        .map(|mut decoded| {
            if was_cleaned && !decoded.notes.contains(&Note::TextCleaned) {
                decoded.notes.push(Note::TextCleaned);
            }
            decoded
        })
    };
    read.map_err(|error| DecodeError {
        event_id: readable_event_id(body),
        ..error
    })
}

// === impl DecodeError ===

impl DecodeError {
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            event_id: None,
        }
    }
}

/// The JSON reader refuses half a surrogate pair, and with it the whole event. U+0000 is removed where a field is read.
///
/// `None` where there is nothing to replace.
fn without_half_pairs(body: &[u8]) -> Option<Vec<u8>> {
    // What is not UTF-8 is no JSON either, whatever is replaced in it.
    let text = std::str::from_utf8(body).ok()?;
    let replacement = |unstorable| (unstorable == Unstorable::HalfPair).then_some(escapes::REPLACEMENT);
    match escapes::replace(text, replacement) {
        Cow::Owned(clean) => Some(clean.into_bytes()),
        Cow::Borrowed(_) => None,
    }
}

/// Reads the whole body as one object. The reader's own limit on depth (128) stops bombs.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, DecodeError> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(DecodeError::new(
            Reason::MalformedEvent,
            "the body is JSON, but not an object",
        )),
        Err(error) => Err(DecodeError::new(
            Reason::MalformedEvent,
            format!("the body is not JSON: {error}"),
        )),
    }
}

/// Reads an event of the event queue.
fn standard(root: &Map<String, Value>, delivery: Delivery) -> Result<Decoded, DecodeError> {
    let mut envelope = Fields::new(vec![root]);
    check_type(&envelope)?;
    let event_id = envelope.required_id("event_id")?;
    let payload = payload(root)?;
    let mut fields = Fields::new(vec![payload]);
    let path = minio_path(payload)?;
    let job_id = fields.required_id("job_id")?;
    let event_at = event_at(&mut envelope, &delivery);
    let platform = platform(&mut fields)?;
    let mut event = fill(&mut fields, event_id, job_id, platform, delivery)?;
    event.event_at = event_at;
    let mut notes = envelope.into_notes();
    notes.extend(fields.into_notes());
    Ok(Decoded {
        event,
        source: BatchSource::Object(path),
        notes,
    })
}

/// The type of an event may be left out, but not be another's.
pub(super) fn check_type(envelope: &Fields<'_>) -> Result<(), DecodeError> {
    match envelope.get("event_type") {
        None => Ok(()),
        Some(Value::String(name)) if name == EVENT_TYPE => Ok(()),
        Some(other) => {
            let shown: String = other.to_string().chars().take(100).collect();
            let detail = format!("event_type is {shown}, expected \"{EVENT_TYPE}\"");
            Err(DecodeError::new(Reason::UnsupportedEventType, detail))
        }
    }
}

fn payload(root: &Map<String, Value>) -> Result<&Map<String, Value>, DecodeError> {
    root.get("payload")
        .and_then(Value::as_object)
        .ok_or_else(|| DecodeError::new(Reason::MalformedEvent, "payload is missing or not an object"))
}

/// The path exactly as it was sent, control characters included: cleaning it would name another
/// object, so the fetcher decides about it.
pub(super) fn minio_path(payload: &Map<String, Value>) -> Result<String, DecodeError> {
    payload
        .get("minio_path")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| {
            DecodeError::new(
                Reason::MalformedEvent,
                "payload.minio_path is missing or not a string",
            )
        })
}

/// When the producer says it happened, or else when it reached us.
pub(super) fn event_at(envelope: &mut Fields<'_>, delivery: &Delivery) -> jiff::Timestamp {
    let note = match envelope.get("timestamp") {
        None => Note::TimestampMissing,
        Some(value) => match value.as_str().map(str::trim).and_then(time::moment) {
            Some(at) => return at,
            None => Note::TimestampUnreadable,
        },
    };
    envelope.note(note);
    delivery.received_at
}

/// The platform, or `unknown`: a batch is worth keeping without one.
pub(super) fn platform(fields: &mut Fields<'_>) -> Result<Platform, DecodeError> {
    let name = fields.id("platform")?.unwrap_or_else(|| {
        fields.note(Note::PlatformMissing);
        "unknown".to_owned()
    });
    Ok(Platform::new(&name))
}

/// Everything else, wherever it is.
pub(super) fn fill(
    fields: &mut Fields<'_>,
    event_id: String,
    job_id: String,
    platform: Platform,
    delivery: Delivery,
) -> Result<CrawlEvent, DecodeError> {
    let project = project_of(fields.id("project_id")?.as_deref(), &job_id);
    if project == Project::Unparsed {
        fields.note(Note::JobIdUnparsed);
    }
    let content_count = fields
        .integer("content_count", 0)
        .or_else(|| fields.integer("item_count", 0));
    Ok(CrawlEvent {
        event_id,
        event_at: delivery.received_at,
        job_id,
        project,
        platform,
        content_count,
        batch_index: fields.integer("batch_index", i64::MIN),
        total_batches: fields.integer("total_batches", i64::MIN),
        task_type: fields.text("task_type").map(Arc::from),
        keyword: fields.text("keyword").map(Arc::from),
        brand_name: fields.text("brand_name"),
        user_id: fields.text("user_id"),
        delivery,
    })
}

fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Finds the id in a body that is not an event, or not even JSON, so that a person who meets the
/// dead letter knows which event it was.
fn readable_event_id(body: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"\"event_id\"";
    let start = body.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let rest = body[start..].trim_ascii_start().strip_prefix(b":")?;
    let value: Value = serde_json::Deserializer::from_slice(rest)
        .into_iter()
        .next()?
        .ok()?;
    let id: Cow<'_, str> = match &value {
        Value::String(id) => id.into(),
        Value::Number(id) => id.to_string().into(),
        _ => return None,
    };
    let id: String = id
        .chars()
        .filter(|c| *c != '\0')
        .take(super::MAX_ID_BYTES)
        .collect();
    (!id.trim().is_empty()).then_some(id)
}
