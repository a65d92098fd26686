//! CloudEvents: the event is their `data`, and what they say of it themselves counts where the event does not say it.

use super::{
    fields::{Field, Kind, Named, as_sent, clean, clean_bytes, named},
    headers::Headers,
    object::EventFields,
    reading::Counts,
};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What a CloudEvent says of its event: in its own JSON (structured), or in headers of the record (binary).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes<'a> {
    pub id: Option<Attribute<'a>>,
    pub kind: Option<Attribute<'a>>,
    pub time: Option<Attribute<'a>>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attribute<'a> {
    Json(Field<'a>),
    Header(&'static str, &'a [u8]),
}

/// Whether a JSON object is a CloudEvent as a whole.
pub(super) fn is_structured(root: &EventFields<'_>, headers: &Headers<'_>) -> bool {
    root.spec_version
        .is_some_and(|version| Kind::of(version) != Kind::Null)
        || headers.say_structured()
}

// === impl Attributes ===

impl<'a> Attributes<'a> {
    /// Of the JSON of a CloudEvent.
    pub(super) fn structured(root: &EventFields<'a>) -> Self {
        let of = |pointer, json: Option<&'a RawValue>| {
            let json = json.filter(|json| !matches!(json.get(), "null" | "\"\""))?;
            Some(Attribute::Json(Field { json, pointer }))
        };
        Self {
            id: of("/id", root.id),
            kind: of("/type", root.kind),
            time: of("/time", root.time),
        }
    }

    /// Of the headers of a record.
    pub(super) fn binary(headers: &Headers<'a>) -> Self {
        let of = |name, value: Option<&'a [u8]>| Some(Attribute::Header(name, value?));
        Self {
            id: of("ce_id", headers.ce_id),
            kind: of("ce_type", headers.ce_type),
            time: of("ce_time", headers.ce_time),
        }
    }
}

// === impl Attribute ===

impl<'a> Attribute<'a> {
    /// As an id.
    pub(super) fn id(&self, counts: &mut Counts) -> Named<'a> {
        match *self {
            Self::Json(field) => field.id(counts),
            Self::Header(name, value) => match clean_bytes(value, counts) {
                Some(text) => named(name, text),
                None => Named::Bad(name, "no text".to_owned()),
            },
        }
    }

    /// As text of which nothing is taken out.
    pub(super) fn as_sent(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Json(field) => as_sent(field.json).map(Cow::Owned),
            Self::Header(_, value) => std::str::from_utf8(value).ok().map(Cow::Borrowed),
        }
    }

    /// As text; none where it is none.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            // Nothing is stored of it, so nothing is counted.
            Self::Json(field) => clean(field.json, &mut Counts::default()),
            Self::Header(_, value) => std::str::from_utf8(value).ok().map(Cow::Borrowed),
        }
    }
}
