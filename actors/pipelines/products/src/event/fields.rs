//! Reading one field, which may be of the wrong kind or dirty.

use super::{
    MAX_ID_BYTES,
    decimal::Decimal,
    reading::{Counts, Refusal},
};
use millrace_text::escapes::{self, REPLACEMENT, Unstorable};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A field that is there: its JSON, and its JSON pointer below the object that it is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub json: &'a RawValue,
    pub pointer: &'static str,
}

/// What kind of JSON a field is, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Object,
    Array,
    Boolean,
    Null,
}

/// A field that is to name something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// It is not there.
    Missing,
    /// It is there and names nothing.
    Bad(&'static str, String),
    /// What it names.
    Id(Cow<'a, str>),
}

/// The first of several spellings that is present. Null is not, nor is `""`: some serializers write that for a field
/// that is not set.
pub(super) fn first<'a, const N: usize>(
    spellings: [(&'static str, Option<&'a RawValue>); N],
) -> Option<Field<'a>> {
    let present = |json: &&RawValue| !matches!(json.get(), "null" | "\"\"");
    spellings.into_iter().find_map(|(pointer, json)| {
        let json = json.filter(present)?;
        Some(Field { json, pointer })
    })
}

/// Text without what no column can hold, which is counted.
pub(super) fn clean<'a>(json: &'a RawValue, counts: &mut Counts) -> Option<Cow<'a, str>> {
    let json = json.get();
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let (mut nuls, mut halves) = (0, 0);
    let storable = escapes::replace(json, |unstorable| match unstorable {
        Unstorable::Nul => {
            nuls = 1;
            Some("")
        }
        Unstorable::HalfPair => {
            halves = 1;
            Some(REPLACEMENT)
        }
    });
    counts.nuls_removed += nuls;
    counts.half_pairs_replaced += halves;
    serde_json::from_str(&storable).ok().map(Cow::Owned)
}

/// Text of which nothing is taken out, where it is neither id nor name; none where it is none, or could not be text.
pub(super) fn as_sent(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}

/// Bytes as text without U+0000; none where they are no text. A first byte 0 is a schema registry's framing.
pub(super) fn clean_bytes<'a>(bytes: &'a [u8], counts: &mut Counts) -> Option<Cow<'a, str>> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.starts_with('\0'))?;
    if !text.contains('\0') {
        return Some(text.into());
    }
    counts.nuls_removed += 1;
    Some(text.replace('\0', "").into())
}

/// Whether a text is long enough and short enough to name something; else why not.
pub(super) fn named<'a>(pointer: &'static str, text: Cow<'a, str>) -> Named<'a> {
    match text.len() {
        _ if text.trim().is_empty() => Named::Bad(pointer, "nothing but white space".to_owned()),
        0..=MAX_ID_BYTES => Named::Id(text),
        length => Named::Bad(pointer, format!("{length} bytes, the limit is {MAX_ID_BYTES}")),
    }
}

// === impl Field ===

impl<'a> Field<'a> {
    pub(super) fn kind(&self) -> Kind {
        Kind::of(self.json)
    }

    /// Text, or the digits of a number: an id that a serializer took for a number is still that id.
    pub(super) fn id(&self, counts: &mut Counts) -> Named<'a> {
        match self.kind() {
            Kind::Text => match clean(self.json, counts) {
                Some(text) => named(self.pointer, text),
                None => Named::Bad(self.pointer, "no text that can be read".to_owned()),
            },
            Kind::Number => named(self.pointer, self.json.get().into()),
            kind => Named::Bad(self.pointer, format!("{kind}, not an id")),
        }
    }

    /// A whole number that a column can hold.
    pub(super) fn integer(&self) -> Option<i64> {
        (self.kind() == Kind::Number)
            .then(|| Decimal::new(self.json.get()).integer())
            .flatten()
    }

    /// A number with the digits that were sent.
    pub(super) fn number(&self, prefix: &str) -> Result<&'a str, Refusal> {
        let pointer = || format!("{prefix}{}", self.pointer);
        match self.kind() {
            Kind::Number if Decimal::new(self.json.get()).fits_numeric() => Ok(self.json.get()),
            Kind::Number => Err(Refusal::schema(&pointer(), "a number beyond every column")),
            kind => Err(Refusal::schema(&pointer(), format_args!("{kind}, not a number"))),
        }
    }
}

// === impl Named ===

impl<'a> Named<'a> {
    /// What it names, where it names something.
    pub(super) fn into_id(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Id(id) => Some(id),
            Self::Missing | Self::Bad(..) => None,
        }
    }
}

// === impl Kind ===

impl Kind {
    pub(super) fn of(json: &RawValue) -> Self {
        match json.get().as_bytes().first() {
            Some(b'"') => Self::Text,
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        })
    }
}
