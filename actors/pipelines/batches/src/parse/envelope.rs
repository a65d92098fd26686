//! Finds the items of an object: `[…]`, `{"items": […]}`, `{"payload": […]}` (legacy), or one item.

use super::{
    fields::{self, Fields},
    reader::Scalar,
    scan::Marks,
};
use crate::domain::Reason;
use millrace_engine::Fault;
use std::borrow::Cow;

/// The items as JSON text, in order.
///
/// The whole text must be JSON: after an error of syntax nothing says where the next item starts, so
/// such an object is refused as one. Everything else that is wrong with an item is the item's own affair.
///
/// # Errors
/// `malformed_json`, `too_many_items`.
pub(super) fn items(json: &str, marks: Marks, max_items: usize) -> Result<Vec<&str>, Fault> {
    let json = json.trim_matches([' ', '\t', '\n', '\r']);
    match json.as_bytes().first() {
        Some(b'[') => elements(json, max_items),
        Some(b'{') => of_object(json, marks, max_items),
        Some(_) => Err(malformed("neither an array nor an object")),
        None => Err(malformed("empty")),
    }
}

fn of_object(json: &str, marks: Marks, max_items: usize) -> Result<Vec<&str>, Fault> {
    let fields = Fields::read(json).map_err(malformed)?;
    for key in ["items", "payload"] {
        if let Some(Cow::Borrowed(value)) = fields.json(key)
            && Scalar::of(value) == Scalar::Array
        {
            return elements(value, max_items);
        }
    }
    if marks
        .iter()
        .chain(&["content"])
        .any(|key| fields.json(key).is_some())
    {
        return Ok(vec![json]);
    }
    Err(malformed("an object without items, meta or content"))
}

fn elements(array: &str, max_items: usize) -> Result<Vec<&str>, Fault> {
    let mut items = Vec::new();
    let mut is_full = false;
    let walked = fields::for_each(array, |item| {
        is_full = items.len() == max_items;
        if is_full {
            return Err("too many items");
        }
        items.push(item);
        Ok(())
    });
    match walked {
        Ok(()) => Ok(items),
        Err(_) if is_full => {
            let detail = format!("more than {max_items} items");
            Err(Fault::poison(Reason::TooManyItems, detail))
        }
        Err(error) => Err(malformed(error)),
    }
}

fn malformed(error: impl std::fmt::Display) -> Fault {
    Fault::poison(Reason::MalformedJson, error.to_string())
}
