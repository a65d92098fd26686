//! Every place in a JSON value where something large may stand.

use serde_json::{Map, Value};

/// A way to make a value large: where, and the value with something large there.
pub(crate) struct Enlarged {
    /// What was made large, for people.
    pub(crate) what: String,
    pub(crate) value: Value,
}

/// The value with each of its leaves made large in turn, with a large field that nobody knows in each of its
/// objects, with a large name of such a field, and with each of its arrays made long.
pub(crate) fn enlarged(value: &Value, bytes: usize) -> Vec<Enlarged> {
    let mut places = Vec::new();
    walk(value, String::new(), &mut places);
    let mut all = Vec::new();
    for place in places {
        let mut add = |what: String, change: &dyn Fn(&mut Value)| {
            let mut value = value.clone();
            change(value.pointer_mut(&place).unwrap());
            all.push(Enlarged { what, value });
        };
        match value.pointer(&place).unwrap() {
            Value::Object(_) => {
                add(format!("{place}: an unknown field"), &|object| {
                    object["unknown"] = text(bytes).into();
                });
                add(format!("{place}: a name"), &|object| {
                    object[text(bytes)] = 1.into();
                });
                add(format!("{place}: many fields"), &|object| fill(object, bytes));
            }
            Value::Array(elements) => {
                let times = bytes / value_size(&elements.clone().into()).max(2);
                add(format!("{place}: many elements"), &|array| {
                    *array = elements
                        .iter()
                        .cycle()
                        .take(elements.len() * times)
                        .cloned()
                        .collect();
                });
            }
            _ => {
                add(format!("{place}: a text"), &|leaf| *leaf = text(bytes).into());
                add(format!("{place}: escapes"), &|leaf| {
                    *leaf = "\"\\\u{1}\n".repeat(bytes / 12).into();
                });
                add(format!("{place}: an object"), &|leaf| {
                    *leaf = Value::Object(Map::new());
                    fill(leaf, bytes);
                });
            }
        }
    }
    all
}

/// Bytes of a value as JSON.
pub(crate) fn value_size(value: &Value) -> usize {
    value.to_string().len()
}

/// Two-byte letters, for half as many characters.
fn text(bytes: usize) -> String {
    "đ".repeat(bytes / 2)
}

/// Fields that nobody knows, as many as one object may have at most.
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
