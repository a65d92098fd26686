//! A record that was read: an event, or why it is none.

use super::{EventType, Reason};
use jiff::Timestamp;
use millrace_kafka::Record;

/// An event of a product.
#[derive(Debug)]
pub struct Event {
    /// Its own id, or one made of topic and bytes.
    pub id: String,
    /// What happened.
    pub event_type: EventType,
    /// To which product.
    pub product_id: String,
    /// Who sells it.
    pub seller_id: Option<String>,
    /// When it happened, in whole microseconds as the database has it: what is compared here and there must be equal.
    /// It belongs to the UTC hour of this.
    pub at: Timestamp,
    /// What it says of the product.
    pub change: Change,
    /// Of the trace that the producer began.
    pub trace_id: Option<String>,
    /// The record as sent: offset, key, headers, payload. A byte order mark in front of the payload is gone, because no
    /// `json` of a database may have one.
    pub record: Record,
}

/// What an event says of its product.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Created or updated: its values.
    Values(ProductValues),
    /// A warning of low stock. It holds until a later stock that is above the threshold of this warning or, where it
    /// names none, above the stock that it warned of.
    LowStock {
        /// How many there are.
        stock: i64,
        /// Below which it warns.
        threshold: Option<i64>,
        /// The product's name and category, where they are told.
        name: Option<String>,
        /// See there.
        category: Option<String>,
    },
    /// It is gone.
    Deleted,
}

/// Values of a product.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductValues {
    /// Its name.
    pub name: String,
    /// A decimal number with the digits that were sent.
    pub price: String,
    /// How many there are.
    pub stock: i64,
    /// Where it belongs.
    pub category: Option<String>,
}

/// A record that is no event.
#[derive(Debug)]
pub struct Rejected {
    /// Its id, where one could be read.
    pub event_id: Option<String>,
    /// Why.
    pub reason: Reason,
    /// In words, with the JSON pointer where a field is wrong.
    pub detail: String,
    /// When the record was made as far as it says so, else when it was fetched; in whole microseconds.
    pub at: Timestamp,
    /// The record as sent.
    pub record: Record,
}
