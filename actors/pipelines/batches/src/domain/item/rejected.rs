//! An item that could not be read: a row of `rejected_items`.

use crate::domain::Reason;

/// A row of `rejected_items` without what the event knows.
#[derive(Clone, Debug, PartialEq)]
pub struct RejectedItem {
    /// Position in the object, from 0.
    pub item_index: usize,
    /// Stable code.
    pub reason: Reason,
    /// What was wrong, for people.
    pub detail: String,
    /// The item as it was sent, made storable (U+0000 removed, invalid UTF-8 replaced).
    pub raw: String,
}
