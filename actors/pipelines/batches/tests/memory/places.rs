//! Every place in a JSON value where something large may stand.

use serde_json::{Map, Value};

/// A way to make a value large: where, and how. Nothing large is made before it is asked for.
pub(crate) struct Enlarged {
    /// What is made large, for people.
    pub(crate) what: String,
    place: String,
    change: fn(&mut Value, usize),
}

/// The ways to make a value large: each of its leaves, an unknown field in each of its objects, the name
/// of such a field, many of them, and each of its arrays long.
pub(crate) fn enlarged(value: &Value) -> Vec<Enlarged> {
    let mut places = Vec::new();
    walk(value, String::new(), &mut places);
    let mut all = Vec::new();
    for place in places {
        let mut add = |what: &str, change: fn(&mut Value, usize)| {
            let what = format!("{place}: {what}");
            let place = place.clone();
            all.push(Enlarged { what, place, change });
        };
        match value.pointer(&place).unwrap() {
            Value::Object(_) => {
                add("an unknown field", |object, bytes| {
                    object["unknown"] = text(bytes).into()
                });
                add("a name", |object, bytes| object[text(bytes)] = 1.into());
                add("many fields", fill);
            }
            Value::Array(_) => add("many elements", repeat),
            _ => {
                add("a text", |leaf, bytes| *leaf = text(bytes).into());
                add("escapes", |leaf, bytes| {
                    *leaf = "\"\\\u{1}\n".repeat(bytes / 12).into()
                });
                add("an object", |leaf, bytes| {
                    *leaf = Value::Object(Map::new());
                    fill(leaf, bytes);
                });
            }
        }
    }
    all
}

// === impl Enlarged ===

impl Enlarged {
    /// The value with so many bytes in this place.
    pub(crate) fn of(&self, value: &Value, bytes: usize) -> Value {
        let mut value = value.clone();
        (self.change)(value.pointer_mut(&self.place).unwrap(), bytes);
        value
    }
}

fn repeat(array: &mut Value, bytes: usize) {
    let once = value_size(array).max(2);
    let elements = array.as_array_mut().unwrap();
    let all = elements.len() * (bytes / once);
    *elements = elements.iter().cycle().take(all).cloned().collect();
}

/// Bytes of a value as JSON.
fn value_size(value: &Value) -> usize {
    value.to_string().len()
}

/// Two-byte letters, for half as many characters.
fn text(bytes: usize) -> String {
    "đ".repeat(bytes / 2)
}

/// Unknown fields, as many as one object may have at most.
fn fill(object: &mut Value, bytes: usize) {
    const FIELDS: usize = 9_000;
    for field in 0..FIELDS {
        object[format!("f{field}")] = "x".repeat(bytes / FIELDS).into();
    }
}

/// Pointers to the value and to all that is in it.
fn walk(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(value, format!("{place}/{name}"), places);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                walk(element, format!("{place}/{index}"), places);
            }
        }
        _ => {}
    }
    places.push(place);
}
