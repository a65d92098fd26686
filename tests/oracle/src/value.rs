//! How single values are read: section 2 of the contract.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::Value;

/// The value at a dotted path.
pub(crate) fn at<'a>(item: &'a Value, path: &str) -> &'a Value {
    path.split('.')
        .fold(item, |value, name| value.get(name).unwrap_or(&Value::Null))
}

/// The first spelling that holds anything.
pub(crate) fn first<'a>(item: &'a Value, spellings: &[&str]) -> &'a Value {
    let found = spellings
        .iter()
        .map(|path| at(item, path))
        .find(|value| !is_none(value));
    found.unwrap_or(&Value::Null)
}

/// Null, `""` and `"NULL"` mean that there is nothing.
pub(crate) fn is_none(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || text == "NULL",
        _ => false,
    }
}

/// Text, or a number as text: ids come as both.
pub(crate) fn text(value: &Value, max_bytes: usize) -> Option<String> {
    match value {
        value if is_none(value) => None,
        Value::String(text) => Some(clean(text, max_bytes)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn clean(text: &str, max_bytes: usize) -> String {
    let mut text = text.replace('\0', "");
    while text.len() > max_bytes {
        text.pop();
    }
    text
}

/// A count, or nothing where it cannot be one.
pub(crate) fn count(value: &Value) -> Option<i64> {
    value.as_i64().filter(|count| *count >= 0)
}

/// An instant; without a zone it is UTC.
pub(crate) fn time(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let local: DateTime = text.parse().ok()?;
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// A boolean, also as a word.
pub(crate) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(yes) => Some(*yes),
        Value::String(word) if word.eq_ignore_ascii_case("true") => Some(true),
        Value::String(word) if word.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// JSON for a `jsonb` column: text within it is cleaned.
pub(crate) fn json(value: &Value, max_bytes: usize) -> Value {
    match value {
        Value::String(text) => clean(text, max_bytes).into(),
        Value::Array(values) => values.iter().map(|value| json(value, max_bytes)).collect(),
        Value::Object(object) => {
            let clean_entry =
                |(name, value): (&String, &Value)| (name.replace('\0', ""), json(value, max_bytes));
            Value::Object(object.iter().map(clean_entry).collect())
        }
        other => other.clone(),
    }
}

/// Tags without `#`.
pub(crate) fn tags(value: &Value, max_bytes: usize) -> Option<Vec<String>> {
    let tags: Vec<String> = value
        .as_array()?
        .iter()
        .filter_map(|tag| text(tag, max_bytes))
        .collect();
    let bare = |tag: String| tag.trim_start_matches('#').to_owned();
    Some(tags.into_iter().map(bare).collect())
}
