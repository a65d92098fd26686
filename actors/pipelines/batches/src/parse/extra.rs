//! Keeps what has no column: the fields that were not taken, where they stood, as `jsonb` text.

use super::{
    depth,
    fields::Fields,
    number,
    tally::{CleanKind, Tally},
};

/// Most JSON that one column may hold: `jsonb` takes 256 MB, and small values grow sixfold in it.
pub(super) const MAX_JSON_BYTES: usize = 16 << 20;

/// An object that is written field by field.
#[derive(Debug, Default)]
pub(super) struct ObjectText(String);

// === impl ObjectText ===

impl ObjectText {
    /// Adds the fields that were not taken.
    pub(super) fn push_leftovers(&mut self, fields: &Fields<'_>, tally: &mut Tally) {
        for field in fields.leftovers() {
            self.push_key(&field.key);
            push_json(&mut self.0, &field.json, tally);
        }
    }

    /// Adds an object, unless it is empty.
    pub(super) fn push_object(&mut self, key: &str, object: Self) {
        if let Some(json) = object.finish() {
            self.push_key(key);
            self.0.push_str(&json);
        }
    }

    /// The object; none where it is empty.
    pub(super) fn finish(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(self.0)
    }

    fn push_key(&mut self, key: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        // A string always has a JSON form.
        self.0.push_str(&serde_json::to_string(key).unwrap_or_default());
        self.0.push(':');
    }
}

/// Adds JSON, and makes strings of numbers that `jsonb` would refuse.
pub(super) fn push_json(out: &mut String, json: &str, tally: &mut Tally) {
    let bytes = json.as_bytes();
    let mut copied = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = depth::end_of_string(bytes, at) + 1,
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(bytes, at);
                let number = &json[at..end];
                if !number::is_storable(number) {
                    out.push_str(&json[copied..at]);
                    out.push('"');
                    out.push_str(number);
                    out.push('"');
                    copied = end;
                    tally.add(CleanKind::NumberQuoted);
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    out.push_str(&json[copied..]);
}

fn end_of_number(bytes: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let length = bytes[start..].iter().take_while(|byte| is_part(byte)).count();
    start + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::key::Key;

    #[test]
    fn only_numbers_that_jsonb_refuses_become_strings() {
        let mut tally = Tally::default();
        let mut out = String::new();
        push_json(
            &mut out,
            r#"{"a":[1e400000,-1.5],"1e400000":"1e400000\"","b":-2E-400000}"#,
            &mut tally,
        );
        assert_eq!(
            out,
            r#"{"a":["1e400000",-1.5],"1e400000":"1e400000\"","b":"-2E-400000"}"#
        );
        assert_eq!(tally.count(CleanKind::NumberQuoted), 2);
    }

    #[test]
    fn an_object_of_nothing_is_nothing() {
        let mut object = ObjectText::default();
        object.push_object("inner", ObjectText::default());
        assert_eq!(object.finish(), None);
    }

    #[test]
    fn fields_are_sorted_and_keys_escaped() {
        let mut fields = Fields::read(r#"{"z":1,"a\"\u0001":[ ],"taken":2}"#).unwrap();
        fields.take(Key::new("taken"));
        let mut inner = ObjectText::default();
        inner.push_leftovers(&fields, &mut Tally::default());
        let mut outer = ObjectText::default();
        outer.push_object("in", inner);
        assert_eq!(outer.finish().unwrap(), r#"{"in":{"a\"\u0001":[ ],"z":1}}"#);
    }
}
