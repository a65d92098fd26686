//! Limits of JSON, whatever it says.

use super::numbers::Whole;
use super::reader::Reader;
use super::setting::{Setting, settings};

settings! { "JSON";
    MAX_DEPTH: Whole<usize> = Setting::new("MAX_JSON_DEPTH", Whole::between(4, 128), "64", "Cap on the nesting of JSON; an item or an event beyond it is rejected alone.");
}

/// Reads the group.
pub fn max_depth(reader: &mut Reader<'_>) -> usize {
    reader.get(&MAX_DEPTH)
}
