//! What an event is wrapped in.

use super::{event::text_of, life::Happening};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

/// How a record holds its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// It is the event.
    None,
    /// Behind a byte order mark.
    Marked,
    /// The `data` of a CloudEvent.
    Structured,
    /// The same in Base64.
    Base64,
    /// A CloudEvent whose attributes are headers.
    Binary,
}

pub(super) const ALL: [Wrapping; 8] = [
    Wrapping::None,
    Wrapping::None,
    Wrapping::None,
    Wrapping::None,
    Wrapping::Marked,
    Wrapping::Structured,
    Wrapping::Base64,
    Wrapping::Binary,
];

// === impl Wrapping ===

impl Wrapping {
    /// The value of the record; headers are added.
    pub(super) fn wrap(
        self,
        event: &Value,
        id: &str,
        happening: &Happening,
        headers: &mut Vec<(String, Option<Bytes>)>,
    ) -> Bytes {
        let kind = format!("com.example.shop.{}", happening.kind.topic());
        let time = happening.at.to_string();
        let envelope = json!({
            "specversion": "1.0", "id": format!("ce-{id}"), "source": "/shop", "type": kind, "time": time,
        });
        match self {
            Self::None => text_of(event).into(),
            Self::Marked => format!("\u{feff}{}", text_of(event)).into(),
            Self::Structured => {
                let mut envelope = envelope;
                envelope["data"] = event.clone();
                text_of(&envelope).into()
            }
            Self::Base64 => {
                let mut envelope = envelope;
                envelope["data_base64"] = BASE64_STANDARD.encode(text_of(event)).into();
                text_of(&envelope).into()
            }
            Self::Binary => {
                let attributes = [
                    ("ce_specversion", "1.0"),
                    ("ce_source", "/shop"),
                    ("ce_type", &kind),
                    ("ce_time", &time),
                ];
                let attributes =
                    attributes.map(|(name, value)| (name.to_owned(), Some(value.to_owned().into())));
                headers.extend(attributes);
                headers.push(("ce_id".to_owned(), Some(format!("ce-{id}").into())));
                text_of(event).into()
            }
        }
    }
}
