//! Reads single values tolerantly: crawlers write the same thing as number, text or nothing.

use super::{
    clean, extra,
    fields::{self, MAX_WIDTH},
    number,
    settings::ParserLimits,
    tally::{CleanKind, Tally},
    unescape::unescaped,
};
use crate::domain::Json;
use jiff::Timestamp;
use millrace_text::time;
use std::borrow::Cow;

pub(super) use crate::domain::MAX_KEY_BYTES;

/// Reads values within limits, and counts what it could not.
#[derive(Debug)]
pub(super) struct Reader<'s> {
    pub(super) limits: &'s ParserLimits,
    pub(super) tally: Tally,
    /// Comments that the batch may still hold.
    pub(super) comments_left: usize,
}

/// What a value turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Read<T> {
    /// `null`, `""` or `"NULL"`: as if it had not been sent.
    Absent,
    /// Readable.
    Value(T),
    /// Readable in part: the original must be kept as well.
    Partly(T, CleanKind),
    /// Something else: the original must be kept.
    Unreadable(CleanKind),
}

/// A JSON value that is not looked into further.
#[derive(Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    /// `null`, `""` or `"NULL"`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number as it was written.
    Number(&'a str),
    /// Text.
    Text(Cow<'a, str>),
    /// An array.
    Array,
    /// An object.
    Object,
}

// === impl Read ===

impl<T> Read<T> {
    /// What could be read.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) | Self::Partly(value, _) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }
}

// === impl Scalar ===

impl<'a> Scalar<'a> {
    /// Reads valid JSON.
    pub(super) fn of(json: &'a str) -> Self {
        match json.as_bytes().first() {
            Some(b'"') => match string(json) {
                text if text.is_empty() || text == "NULL" => Self::Null,
                text => Self::Text(text),
            },
            Some(b't') => Self::Flag(true),
            Some(b'f') => Self::Flag(false),
            Some(b'[') => Self::Array,
            Some(b'{') => Self::Object,
            Some(b'-' | b'0'..=b'9') => Self::Number(json),
            _ => Self::Null,
        }
    }
}

/// A JSON string's text, borrowed where it has no escapes.
fn string(json: &str) -> Cow<'_, str> {
    let inner = json.get(1..json.len() - 1).unwrap_or_default();
    if !inner.contains('\\') {
        return inner.into();
    }
    // Escapes were cleaned before: what is left is valid. Were it not, the escaped form is still the data.
    unescaped(inner).map_or(inner.into(), Cow::Owned)
}

// === impl Reader ===

impl Reader<'_> {
    /// Text, up to the cap; a number is text too.
    pub(super) fn text(&mut self, json: &str) -> Read<String> {
        let text = match Scalar::of(json) {
            Scalar::Null => return Read::Absent,
            Scalar::Text(text) => text.into_owned(),
            Scalar::Number(digits) => digits.to_owned(),
            Scalar::Flag(_) | Scalar::Array | Scalar::Object => {
                return Read::Unreadable(CleanKind::TextUnreadable);
            }
        };
        Read::Value(clean::truncate(text, self.limits.max_text_bytes, &mut self.tally))
    }

    /// Text that names a row: never blank, never too long for an index.
    pub(super) fn key(&mut self, json: &str) -> Read<String> {
        match Scalar::of(json) {
            Scalar::Text(text) if text.trim().is_empty() => Read::Absent,
            Scalar::Text(text) if text.len() > MAX_KEY_BYTES => Read::Unreadable(CleanKind::KeyTooLong),
            Scalar::Number(digits) if digits.len() > MAX_KEY_BYTES => Read::Unreadable(CleanKind::KeyTooLong),
            _ => self.text(json),
        }
    }

    /// A count: a whole number from 0, as number or text.
    pub(super) fn count(&mut self, json: &str) -> Read<i64> {
        let count = match Scalar::of(json) {
            Scalar::Null => return Read::Absent,
            Scalar::Number(digits) => number::whole(digits),
            Scalar::Text(text) => number::whole(text.trim()),
            Scalar::Flag(_) | Scalar::Array | Scalar::Object => None,
        };
        count.map_or(Read::Unreadable(CleanKind::CountUnreadable), Read::Value)
    }

    /// Seconds, as number or text.
    pub(super) fn seconds(&mut self, json: &str) -> Read<f64> {
        let seconds = match Scalar::of(json) {
            Scalar::Null => return Read::Absent,
            Scalar::Number(digits) => digits.parse::<f64>().ok(),
            Scalar::Text(text) => text.trim().parse().ok(),
            Scalar::Flag(_) | Scalar::Array | Scalar::Object => None,
        };
        match seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0) {
            Some(seconds) => Read::Value(seconds),
            None => Read::Unreadable(CleanKind::DurationUnreadable),
        }
    }

    /// A yes-or-no, as boolean or text in any case.
    pub(super) fn flag(&mut self, json: &str) -> Read<bool> {
        match Scalar::of(json) {
            Scalar::Null => Read::Absent,
            Scalar::Flag(flag) => Read::Value(flag),
            Scalar::Text(text) if text.trim().eq_ignore_ascii_case("true") => Read::Value(true),
            Scalar::Text(text) if text.trim().eq_ignore_ascii_case("false") => Read::Value(false),
            _ => Read::Unreadable(CleanKind::FlagUnreadable),
        }
    }

    /// A moment; see [`time`].
    pub(super) fn time(&mut self, json: &str) -> Read<Timestamp> {
        let moment = match Scalar::of(json) {
            Scalar::Null => return Read::Absent,
            Scalar::Number(digits) => time::epoch(digits),
            Scalar::Text(text) => time::moment(text.trim()).or_else(|| time::epoch(text.trim())),
            Scalar::Flag(_) | Scalar::Array | Scalar::Object => None,
        };
        moment.map_or(Read::Unreadable(CleanKind::TimeUnreadable), Read::Value)
    }

    /// A list of texts, without `#`.
    pub(super) fn tags(&mut self, json: &str) -> Read<Vec<String>> {
        match Scalar::of(json) {
            Scalar::Null => return Read::Absent,
            Scalar::Array => {}
            _ => return Read::Unreadable(CleanKind::TagsUnreadable),
        }
        let mut tags = Vec::new();
        let mut all_read = true;
        let within_bounds = fields::for_each(json, |element| {
            match self.text(element) {
                Read::Absent => {}
                Read::Value(tag) if tags.len() < MAX_WIDTH => tags.push(without_hash(tag)),
                Read::Value(_) => return Err("too many tags"),
                Read::Partly(..) | Read::Unreadable(_) => all_read = false,
            }
            Ok(())
        });
        match within_bounds {
            Err(_) => Read::Partly(tags, CleanKind::TagsOverCap),
            Ok(()) if all_read => Read::Value(tags),
            Ok(()) => Read::Partly(tags, CleanKind::TagsUnreadable),
        }
    }

    /// Any JSON.
    pub(super) fn json(&mut self, json: &str) -> Read<Json> {
        if Scalar::of(json) == Scalar::Null {
            return Read::Absent;
        }
        if json.len() > extra::MAX_JSON_BYTES {
            return Read::Unreadable(CleanKind::JsonTooLarge);
        }
        let mut clean = String::with_capacity(json.len());
        extra::push_json(&mut clean, json, &mut self.tally);
        Read::Value(Json::from_clean(clean))
    }
}

/// `#VinFast` is the tag `VinFast`; a lone `#` stays what it is.
fn without_hash(tag: String) -> String {
    match tag.trim_start_matches('#') {
        "" => tag,
        bare if bare.len() == tag.len() => tag,
        bare => bare.to_owned(),
    }
}
