//! Lazy views of JSON: an object as its fields over raw text, an array as raw elements.
//!
//! Nothing below the level that is asked for is parsed, so a value that we have no column for is
//! kept exactly as it was sent, every digit of its numbers included, and nothing ever recurses.

use super::{
    key::{Key, Tag},
    tape::{Taped, Value},
};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// Keys in one object, and tags of one item, that we are willing to handle.
pub(super) const MAX_WIDTH: usize = 10_000;

/// Fields among which a key that was sent twice is looked for one by one.
const FEW: usize = 48;

/// An object's fields. A key that was sent twice counts once, the last time it was sent.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    fields: Vec<Field<'a>>,
    /// What the values stand on; none where each must be read over to look into it.
    tape: Option<Taped<'a>>,
    /// Values that a later one of the same key replaced.
    pub(super) repeated: usize,
}

/// One field of an object.
#[derive(Debug)]
pub(super) struct Field<'a> {
    /// The key, unescaped.
    pub(super) key: Cow<'a, str>,
    tag: Tag,
    /// The value as JSON.
    pub(super) json: Cow<'a, str>,
    /// Its place on the tape.
    node: u32,
    /// A column has it: it need not be kept in `extra`.
    pub(super) taken: bool,
}

/// Calls `visit` with each element of an array, until it returns an error.
pub(super) fn for_each_value<'a>(
    array: Value<'a>,
    mut visit: impl FnMut(Value<'a>) -> Result<(), &'static str>,
) -> Result<(), serde_json::Error> {
    let Some(children) = array.children() else {
        return for_each(array.json, |json| visit(json.into()));
    };
    for element in children {
        visit(element).map_err(serde_json::Error::custom)?;
    }
    Ok(())
}

/// Calls `visit` with the JSON of each element of an array, until it returns an error.
pub(super) fn for_each<'a>(
    array: &'a str,
    visit: impl FnMut(&'a str) -> Result<(), &'static str>,
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(array);
    json.deserialize_seq(Elements(visit))?;
    json.end()
}

// === impl Fields ===

impl<'a> Fields<'a> {
    /// Reads an object.
    pub(super) fn read(object: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(object)
    }

    /// Reads an object, from its tape where it has one.
    pub(super) fn of(object: Value<'a>) -> Result<Self, serde_json::Error> {
        match Self::taped(object) {
            Some(fields) => Ok(fields),
            // Too wide an object is refused by the words of the other way, too.
            None => Self::read(object.json),
        }
    }

    fn taped(object: Value<'a>) -> Option<Self> {
        let mut fields = Vec::with_capacity(FEW / 4);
        for value in object.children()? {
            if fields.len() == MAX_WIDTH {
                return None;
            }
            fields.push(Field::new(value.key()?, value));
        }
        Some(Self {
            tape: object.tape(),
            ..Self::once_each(fields)
        })
    }

    /// The field of that name.
    pub(super) fn get_mut(&mut self, key: Key<'_>) -> Option<&mut Field<'a>> {
        self.fields.iter_mut().find(|field| key.is(field.tag, &field.key))
    }

    /// The value of that name, as JSON.
    pub(super) fn json(&self, key: &str) -> Option<&Cow<'a, str>> {
        self.get(Key::new(key)).map(|field| &field.json)
    }

    /// The field of that name, to look at.
    pub(super) fn get(&self, key: Key<'_>) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| key.is(field.tag, &field.key))
    }

    /// The value of that name as it was sent; none where something else took its place.
    pub(super) fn sent(&self, key: Key<'_>) -> Option<Value<'a>> {
        let field = self.get(key)?;
        match (self.tape, &field.json) {
            (Some(tape), Cow::Borrowed(_)) => Some(tape.value(field.node)),
            (None, Cow::Borrowed(json)) => Some(Value::from(*json)),
            (_, Cow::Owned(_)) => None,
        }
    }

    /// Notes that a column has the field.
    pub(super) fn take(&mut self, key: Key<'_>) {
        if let Some(field) = self.get_mut(key) {
            field.taken = true;
        }
    }

    /// What no column has, sorted by key.
    pub(super) fn leftovers(&self) -> Vec<&Field<'a>> {
        let mut left: Vec<_> = self.fields.iter().filter(|field| !field.taken).collect();
        left.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        left
    }

    /// Of equal keys the last one sent stays.
    fn once_each(mut fields: Vec<Field<'a>>) -> Self {
        let sent = fields.len();
        if sent > FEW || has_equals(&fields) {
            // Reversed and stable: of equal keys the last one sent comes first, and stays.
            fields.reverse();
            fields.sort_by(|a, b| a.key.cmp(&b.key));
            fields.dedup_by(|later, earlier| later.key == earlier.key);
        }
        Self {
            repeated: sent - fields.len(),
            fields,
            tape: None,
        }
    }
}

/// Whether a key is there twice, perhaps: equal tags are enough.
fn has_equals(fields: &[Field<'_>]) -> bool {
    let mut before = fields;
    while let [others @ .., last] = before {
        if others.iter().any(|other| other.tag == last.tag) {
            return true;
        }
        before = others;
    }
    false
}

// === impl Field ===

impl<'a> Field<'a> {
    fn new(key: Cow<'a, str>, value: Value<'a>) -> Self {
        Self {
            tag: Tag::of(&key),
            key,
            json: value.json.into(),
            node: value.node(),
            taken: false,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((KeyText(key), json)) = map.next_entry::<KeyText<'de>, &'de RawValue>()? {
                    if fields.len() == MAX_WIDTH {
                        return Err(A::Error::custom(format_args!(
                            "more than {MAX_WIDTH} fields in one object"
                        )));
                    }
                    fields.push(Field::new(key, json.get().into()));
                }
                Ok(Fields::once_each(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A key, borrowed where it has no escapes.
struct KeyText<'a>(Cow<'a, str>);

// === impl KeyText ===

impl<'de: 'a, 'a> Deserialize<'de> for KeyText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = KeyText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(KeyText(key.into()))
            }

            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(KeyText(key.to_owned().into()))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Hands the elements of an array to a closure, so that they need not all be held.
struct Elements<F>(F);

// === impl Elements ===

impl<'de, F: FnMut(&'de str) -> Result<(), &'static str>> Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<(), A::Error> {
        while let Some(element) = array.next_element::<&'de RawValue>()? {
            (self.0)(element.get()).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_keys_counts_and_the_others_are_noted() {
        let fields = Fields::read(r#"{"b":1,"a":2,"\u0062":3,"b":4}"#).unwrap();
        assert_eq!(fields.json("b").unwrap(), "4");
        assert_eq!(fields.json("a").unwrap(), "2");
        assert_eq!(fields.repeated, 2);
        assert_eq!(fields.leftovers().len(), 2);
    }

    #[test]
    fn numbers_keep_every_digit() {
        let fields = Fields::read(r#"{"id": 123456789012345678901234567890, "x": 1e400000}"#).unwrap();
        assert_eq!(fields.json("id").unwrap(), "123456789012345678901234567890");
        assert_eq!(fields.json("x").unwrap(), "1e400000");
    }

    #[test]
    fn too_wide_an_object_is_refused() {
        let wide = |keys: usize| {
            let fields: Vec<_> = (0..keys).map(|key| format!("\"{key}\":1")).collect();
            format!("{{{}}}", fields.join(","))
        };
        assert!(Fields::read(&wide(MAX_WIDTH)).is_ok());
        let error = Fields::read(&wide(MAX_WIDTH + 1)).unwrap_err().to_string();
        assert!(error.contains("more than 10000 fields"), "{error}");
    }

    #[test]
    fn elements_come_in_order_and_what_follows_the_array_is_refused() {
        let mut seen = Vec::new();
        let mut all = |array| {
            for_each(array, |element| {
                seen.push(element);
                Ok(())
            })
        };
        all(r#"[1, "two", {"three":[]}]"#).unwrap();
        assert!(all("[] x").is_err());
        assert!(all("{}").is_err());
        assert_eq!(seen, ["1", "\"two\"", "{\"three\":[]}"]);
    }
}
