//! Lazy views of JSON: an object as sorted keys over raw text, an array as raw elements.
//!
//! Nothing below the level that is asked for is parsed, so a value that we have no column for is
//! kept exactly as it was sent, every digit of its numbers included, and nothing ever recurses.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// Keys in one object, and tags of one item, that we are willing to handle.
pub(super) const MAX_WIDTH: usize = 10_000;

/// An object, sorted by key. A key that was sent twice counts once, the last time it was sent.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    fields: Vec<Field<'a>>,
    /// Values that a later one of the same key replaced.
    pub(super) repeated: usize,
}

/// One field of an object.
#[derive(Debug)]
pub(super) struct Field<'a> {
    /// The key, unescaped.
    pub(super) key: Cow<'a, str>,
    /// The value as JSON.
    pub(super) json: Cow<'a, str>,
    /// A column has it: it need not be kept in `extra`.
    pub(super) taken: bool,
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

    /// The field of that name.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Field<'a>> {
        let position = self.fields.binary_search_by(|field| (*field.key).cmp(key)).ok()?;
        self.fields.get_mut(position)
    }

    /// The value of that name, as JSON.
    pub(super) fn json(&self, key: &str) -> Option<&Cow<'a, str>> {
        let position = self.fields.binary_search_by(|field| (*field.key).cmp(key)).ok()?;
        self.fields.get(position).map(|field| &field.json)
    }

    /// Notes that a column has the field.
    pub(super) fn take(&mut self, key: &str) {
        if let Some(field) = self.get_mut(key) {
            field.taken = true;
        }
    }

    /// What no column has.
    pub(super) fn leftovers(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|field| !field.taken)
    }

    fn sorted(mut fields: Vec<Field<'a>>) -> Self {
        let sent = fields.len();
        // Reversed and stable: of equal keys the last one sent comes first, and stays.
        fields.reverse();
        fields.sort_by(|a, b| a.key.cmp(&b.key));
        fields.dedup_by(|later, earlier| later.key == earlier.key);
        Self {
            repeated: sent - fields.len(),
            fields,
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
                while let Some((Key(key), json)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    if fields.len() == MAX_WIDTH {
                        return Err(A::Error::custom(format_args!(
                            "more than {MAX_WIDTH} fields in one object"
                        )));
                    }
                    fields.push(Field {
                        key,
                        json: json.get().into(),
                        taken: false,
                    });
                }
                Ok(Fields::sorted(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

// === impl Key ===

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(key.into()))
            }

            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(key.to_owned().into()))
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
        assert_eq!(fields.leftovers().count(), 2);
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
