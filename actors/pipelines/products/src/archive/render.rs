//! The bytes of a file: a function of its members alone.

use super::{journal::Archived, layout::hex};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use zstd::stream::write::Encoder;

/// Another level makes other bytes of the same events.
const LEVEL: i32 = 3;

/// A file in the making.
pub(super) struct Lines {
    packed: Encoder<'static, Vec<u8>>,
    content: Sha256,
    line: Vec<u8>,
    events: u64,
    span: Option<(Timestamp, Timestamp)>,
}

/// A file, complete.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    pub(super) body: Bytes,
    /// Of the body.
    pub(super) sha256: String,
    /// Of the lines, however they are packed.
    pub(super) content: String,
    pub(super) events: u64,
    /// Times of the first event and of the last one.
    pub(super) span: Option<(Timestamp, Timestamp)>,
}

/// What stands in a line before the payload.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: &'a str,
    r#type: &'a str,
    timestamp: Timestamp,
    received_at: Timestamp,
    product_id: &'a str,
    seller_id: Option<&'a str>,
    topic: &'a str,
    partition: i64,
    offset: i64,
    key: Option<Key<'a>>,
}

/// A record's key: text, or bytes that are none.
#[derive(Serialize)]
#[serde(untagged)]
enum Key<'a> {
    Text(&'a str),
    Bytes { base64: String },
}

// === impl Lines ===

impl Lines {
    pub(super) fn new() -> io::Result<Self> {
        let mut packed = Encoder::new(Vec::new(), LEVEL)?;
        packed.include_checksum(true)?;
        Ok(Self {
            packed,
            content: Sha256::new(),
            line: Vec::new(),
            events: 0,
            span: None,
        })
    }

    /// Adds an event; they come in their order.
    pub(super) fn add(&mut self, event: &Archived) -> io::Result<()> {
        self.line.clear();
        put_line(event, &mut self.line)?;
        self.content.update(&self.line);
        self.packed.write_all(&self.line)?;
        self.events += 1;
        let first = self.span.map_or(event.at, |(first, _)| first);
        self.span = Some((first, event.at));
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<Rendered> {
        let body = Bytes::from(self.packed.finish()?);
        Ok(Rendered {
            sha256: hex(&Sha256::digest(&body)),
            content: hex(&self.content.finalize()),
            events: self.events,
            span: self.span,
            body,
        })
    }
}

/// The payload stands in it as it was sent, byte for byte. One with a line break is a string that holds it: an event is
/// always an object, so the two cannot be confused.
fn put_line(event: &Archived, out: &mut Vec<u8>) -> io::Result<()> {
    let line = Line {
        id: &event.id,
        r#type: &event.event_type,
        timestamp: event.at,
        received_at: event.received_at,
        product_id: &event.product_id,
        seller_id: event.seller_id.as_deref(),
        topic: &event.topic,
        partition: event.partition,
        offset: event.offset,
        key: event.key.as_deref().map(Key::of),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.pop();
    out.extend_from_slice(b",\"payload\":");
    match event.payload.contains(['\n', '\r']) {
        true => serde_json::to_writer(&mut *out, &event.payload)?,
        false => out.extend_from_slice(event.payload.as_bytes()),
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

// === impl Key ===

impl<'a> Key<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(_) => Self::Bytes {
                base64: STANDARD.encode(bytes),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, payload: &str) -> Archived {
        Archived {
            id: id.to_owned(),
            event_type: "ProductCreated".to_owned(),
            at: "2026-01-02T03:04:05.5Z".parse().unwrap(),
            received_at: "2026-01-02T03:04:06.123456Z".parse().unwrap(),
            product_id: "p\"1".to_owned(),
            seller_id: None,
            topic: "ProductCreated".to_owned(),
            partition: 3,
            offset: 42,
            key: Some(b"p1".to_vec()),
            payload: payload.to_owned(),
        }
    }

    fn line(event: &Archived) -> String {
        let mut line = Vec::new();
        put_line(event, &mut line).unwrap();
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_has_the_fields_of_the_contract_and_the_payload_as_it_was_sent() {
        let expected = "{\"id\":\"e1\",\"type\":\"ProductCreated\",\"timestamp\":\"2026-01-02T03:04:05.5Z\",\
            \"receivedAt\":\"2026-01-02T03:04:06.123456Z\",\"productId\":\"p\\\"1\",\"sellerId\":null,\
            \"topic\":\"ProductCreated\",\"partition\":3,\"offset\":42,\"key\":\"p1\",\"payload\": {\"a\" : 1.50 } }\n";
        assert_eq!(line(&event("e1", " {\"a\" : 1.50 } ")), expected);
        let other = Archived {
            key: Some(vec![0xff, 0]),
            seller_id: Some("s".to_owned()),
            ..event("e2", "{\n\"a\":1}")
        };
        let other = line(&other);
        assert!(
            other.contains("\"sellerId\":\"s\"") && other.contains("\"key\":{\"base64\":\"/wA=\"}"),
            "{other}"
        );
        assert!(other.ends_with(",\"payload\":\"{\\n\\\"a\\\":1}\"}\n"), "{other}");
        assert_eq!(other.lines().count(), 1);
    }

    #[test]
    fn the_same_events_are_the_same_bytes() {
        let render = || {
            let mut lines = Lines::new().unwrap();
            for number in 0..500 {
                lines.add(&event(&number.to_string(), "{\"a\":1}")).unwrap();
            }
            lines.finish().unwrap()
        };
        let (one, other) = (render(), render());
        assert_eq!(one.body, other.body);
        assert_eq!((one.events, &one.sha256), (500, &other.sha256));
        let text = zstd::decode_all(&one.body[..]).unwrap();
        assert_eq!(hex(&Sha256::digest(&text)), one.content);
        // What is archived must be the same after an update of this program too.
        assert_eq!(
            one.content,
            "73cd0bebaa0e3db4ae604f27ed90308ed1e772c982e04df8beaec7bee58a5a46"
        );
    }
}
