//! Messages of crawlers that predate events.
//!
//! Four shapes, tried in this order: an event (`payload.minio_path`), a reference
//! (`{"data_ref":{"bucket","path"}}`), items (`{"payload":[…]}`), one item (`{"meta":…,"content":…}`).
//! What an event would say is taken from the top of the message, else from `payload`, else from the
//! `meta` of the message or of its first item. What is still missing is filled in:
//!
//! - `event_id`: `legacy-` and a hash of the body, so that a replay is a duplicate;
//! - `platform`: the queue's name up to its first `_` (`tiktok_result_queue`);
//! - `job_id`: `legacy`. One name for all of them, so that a post which is sent again updates its row
//!   instead of adding another; it names no project, so the rows are a dry run's.

use super::{
    Note,
    decode::{self, DecodeError, Decoded},
    fields::Fields,
};
use crate::{
    domain::{Platform, Reason},
    messages::BatchSource,
};
use bytes::Bytes;
use millrace_engine::Delivery;
use serde_json::{Map, Value, value::RawValue};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Stands in where a message names no job.
const JOB_ID: &str = "legacy";

/// Hex digits of a derived event id: 128 bits, beyond any accident.
const HASH_DIGITS: usize = 32;

/// The top of a message, its values not looked into: a batch may be large and deep, and the parser
/// has limits and reasons of its own for that.
type Top<'a> = HashMap<String, &'a RawValue>;

/// Reads a message of a legacy queue. `body` is what arrived, `text` the same made readable.
pub(super) fn decode(
    text: &[u8],
    body: &[u8],
    queue: &str,
    delivery: Delivery,
) -> Result<Decoded, DecodeError> {
    let top: Top<'_> = serde_json::from_slice(text).map_err(|error| {
        DecodeError::new(
            Reason::MalformedEvent,
            format!("the body is not a JSON object: {error}"),
        )
    })?;
    let payload = top.get("payload").and_then(|raw| object(raw)).unwrap_or_default();
    let (source, meta) = source(&top, &payload, text)?;
    let scalars = scalars(&top);
    let mut fields = Fields::new(vec![&scalars, &payload, &meta]);
    if names_object(&payload) {
        decode::check_type(&fields)?;
    }
    let event_id = fields.id("event_id")?.unwrap_or_else(|| {
        fields.note(Note::EventIdDerived);
        derived_id(body)
    });
    let job_id = fields.id("job_id")?.unwrap_or_else(|| {
        fields.note(Note::JobIdMissing);
        JOB_ID.to_owned()
    });
    let platform = match fields.id("platform")? {
        Some(name) => Platform::new(&name),
        None => Platform::new(queue.split('_').next().unwrap_or(queue)),
    };
    let event_at = decode::event_at(&mut fields, &delivery);
    let mut event = decode::fill(&mut fields, event_id, job_id, platform, delivery)?;
    event.event_at = event_at;
    Ok(Decoded {
        event,
        source,
        notes: fields.into_notes(),
    })
}

/// Where the items are, and the `meta` that says most about them.
fn source(
    top: &Top<'_>,
    payload: &Map<String, Value>,
    text: &[u8],
) -> Result<(BatchSource, Map<String, Value>), DecodeError> {
    let own_meta = || top.get("meta").and_then(|raw| object(raw)).unwrap_or_default();
    if names_object(payload) {
        return Ok((BatchSource::Object(decode::minio_path(payload)?), own_meta()));
    }
    if let Some(data_ref) = top.get("data_ref") {
        return Ok((BatchSource::Object(referred(data_ref)?), own_meta()));
    }
    if let Some(items) = top.get("payload").filter(|raw| raw.get().starts_with('[')) {
        let body = Bytes::copy_from_slice(items.get().as_bytes());
        return Ok((BatchSource::Inline(body), first_meta(items)));
    }
    let is_item = ["meta", "content"]
        .iter()
        .any(|name| top.get(*name).is_some_and(|raw| raw.get().starts_with('{')));
    if is_item {
        return Ok((BatchSource::Inline(Bytes::copy_from_slice(text)), own_meta()));
    }
    Err(DecodeError::new(
        Reason::MalformedEvent,
        "no payload.minio_path, no data_ref, no payload of items, and not an item itself",
    ))
}

fn names_object(payload: &Map<String, Value>) -> bool {
    payload.get("minio_path").is_some_and(|path| !path.is_null())
}

/// `bucket/path`, for the fetcher to check.
fn referred(data_ref: &RawValue) -> Result<String, DecodeError> {
    let data_ref = object(data_ref).unwrap_or_default();
    let part = |name: &str| {
        data_ref.get(name).and_then(Value::as_str).ok_or_else(|| {
            DecodeError::new(
                Reason::MalformedEvent,
                format!("data_ref.{name} is missing or not a string"),
            )
        })
    };
    Ok(format!("{}/{}", part("bucket")?, part("path")?))
}

fn first_meta(items: &RawValue) -> Map<String, Value> {
    let items: Vec<&RawValue> = serde_json::from_str(items.get()).unwrap_or_default();
    items
        .first()
        .and_then(|first| serde_json::from_str::<Top<'_>>(first.get()).ok())
        .and_then(|item| item.get("meta").and_then(|raw| object(raw)))
        .unwrap_or_default()
}

/// What is said at the top of the message itself, beside the items.
fn scalars(top: &Top<'_>) -> Map<String, Value> {
    top.iter()
        .filter(|(_, raw)| !raw.get().starts_with(['{', '[']))
        .filter_map(|(name, raw)| Some((name.clone(), serde_json::from_str(raw.get()).ok()?)))
        .collect()
}

fn object(raw: &RawValue) -> Option<Map<String, Value>> {
    serde_json::from_str(raw.get()).ok()
}

fn derived_id(body: &[u8]) -> String {
    let hash: String = Sha256::digest(body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("legacy-{}", &hash[..HASH_DIGITS])
}
