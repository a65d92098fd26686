//! Reading fields, each of which may be missing, oddly typed or dirty.

use super::{Note, decode::DecodeError};
use crate::domain::{MAX_KEY_BYTES, Reason};
use serde_json::{Map, Value};

/// Longest id, in bytes: ids are keys of tables, and a key that no index can hold would fail at the
/// very end of the pipeline.
pub const MAX_ID_BYTES: usize = MAX_KEY_BYTES;

/// Where one event's fields may be (the first place that has a field wins), and what was odd.
pub(super) struct Fields<'a> {
    places: Vec<&'a Map<String, Value>>,
    notes: Vec<Note>,
}

// === impl Fields ===

impl<'a> Fields<'a> {
    /// Reads from these places, in this order.
    pub(super) fn new(places: Vec<&'a Map<String, Value>>) -> Self {
        Self {
            places,
            notes: Vec::new(),
        }
    }

    /// Notes something odd, once.
    pub(super) fn note(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Everything noted.
    pub(super) fn into_notes(self) -> Vec<Note> {
        self.notes
    }

    /// A field that is present and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.places
            .iter()
            .filter_map(|place| place.get(name))
            .find(|value| !value.is_null())
    }

    /// Optional text: absent when it is empty, `"NULL"` or of a type that is no text.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.not_blank(name).filter(|text| text.trim() != "NULL")
    }

    fn not_blank(&mut self, name: &'static str) -> Option<String> {
        let text = match self.get(name)? {
            Value::String(text) => self.clean(text),
            // An id that a serializer took for a number is still that id.
            Value::Number(number) => number.to_string(),
            _ => {
                self.note(Note::FieldIgnored(name));
                return None;
            }
        };
        (!text.trim().is_empty()).then_some(text)
    }

    /// Optional text that ends up in a key.
    pub(super) fn id(&mut self, name: &'static str) -> Result<Option<String>, DecodeError> {
        self.text(name).map(|id| short(name, id)).transpose()
    }

    /// An id that the event cannot do without: any text that is not blank, even `NULL`.
    pub(super) fn required_id(&mut self, name: &'static str) -> Result<String, DecodeError> {
        match self.not_blank(name) {
            Some(id) => short(name, id),
            None => Err(DecodeError::new(
                Reason::MalformedEvent,
                format!("{name} is missing or empty"),
            )),
        }
    }

    /// Optional integer of at least `min`: a number, or its digits in a string.
    pub(super) fn integer(&mut self, name: &'static str, min: i64) -> Option<i64> {
        let value = self.get(name)?;
        let number = integer(value).filter(|number| *number >= min);
        let is_null = value
            .as_str()
            .is_some_and(|text| matches!(text.trim(), "" | "NULL"));
        if number.is_none() && !is_null {
            self.note(Note::FieldIgnored(name));
        }
        number
    }

    /// Text without U+0000, which no Postgres text can hold.
    pub(super) fn clean(&mut self, text: &str) -> String {
        if text.contains('\0') {
            self.note(Note::TextCleaned);
            return text.replace('\0', "");
        }
        text.to_owned()
    }
}

/// Too long an id is no reason to guess at another: the event is refused.
fn short(name: &str, id: String) -> Result<String, DecodeError> {
    if id.len() <= MAX_ID_BYTES {
        return Ok(id);
    }
    let detail = format!("{name} has {} bytes, the cap is {MAX_ID_BYTES}", id.len());
    Err(DecodeError::new(Reason::MalformedEvent, detail))
}

fn integer(value: &Value) -> Option<i64> {
    /// Beyond this, a double no longer names one integer.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            let is_exact = float.fract() == 0.0 && float.abs() < MAX_EXACT;
            is_exact.then_some(float as i64)
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read<T>(value: Value, read: impl Fn(&mut Fields<'_>) -> T) -> (T, Vec<Note>) {
        let object = json!({ "x": value });
        let mut fields = Fields::new(vec![object.as_object().unwrap()]);
        let found = read(&mut fields);
        (found, fields.into_notes())
    }

    #[test]
    fn integers_in_every_spelling() {
        let ignored = vec![Note::FieldIgnored("x")];
        let cases = [
            (json!(50), Some(50), vec![]),
            (json!("50"), Some(50), vec![]),
            (json!(50.0), Some(50), vec![]),
            (json!(3_000_000_000_i64), Some(3_000_000_000), vec![]),
            (json!(null), None, vec![]),
            (json!(""), None, vec![]),
            (json!("NULL"), None, vec![]),
            (json!(-1), None, ignored.clone()),
            (json!(1.5), None, ignored.clone()),
            (json!(1e300), None, ignored.clone()),
            (json!(u64::MAX), None, ignored.clone()),
            (json!(true), None, ignored.clone()),
            (json!("many"), None, ignored),
        ];
        for (value, number, notes) in cases {
            assert_eq!(
                read(value.clone(), |fields| fields.integer("x", 0)),
                (number, notes),
                "{value}"
            );
        }
    }

    #[test]
    fn text_in_every_spelling() {
        let ignored = vec![Note::FieldIgnored("x")];
        let cases = [
            (json!("a"), Some("a"), vec![]),
            (json!(17), Some("17"), vec![]),
            (json!("a\0b"), Some("ab"), vec![Note::TextCleaned]),
            (json!("\0"), None, vec![Note::TextCleaned]),
            (json!(" "), None, vec![]),
            (json!("NULL"), None, vec![]),
            (json!(null), None, vec![]),
            (json!({}), None, ignored.clone()),
            (json!(false), None, ignored),
        ];
        for (value, text, notes) in cases {
            let found = read(value.clone(), |fields| fields.text("x"));
            assert_eq!(found, (text.map(str::to_owned), notes), "{value}");
        }
    }
}
