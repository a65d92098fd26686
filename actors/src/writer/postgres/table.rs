//! How a table is described: once. The insert statement and its parameters are both derived from
//! the description, so they cannot disagree.

use crate::messages::ParsedBatch;
use jiff::Timestamp;

/// A table and its columns. `T` is the item that becomes a row, beside the batch it came in.
pub(super) struct Table<T: 'static> {
    /// Name in the database.
    pub(super) name: &'static str,
    /// Every column that a write provides.
    pub(super) columns: &'static [Column<T>],
    /// A column that takes the time of the transaction whenever a row changes.
    pub(super) touched: Option<&'static str>,
}

/// One column: how it is called, how two versions of it become one, where it comes from.
pub(super) struct Column<T: 'static> {
    pub(super) name: &'static str,
    pub(super) rule: Rule,
    pub(super) get: Get<T>,
}

/// How two versions of a row become one. `later` and `earlier` are by the table's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Part of the key.
    Key,
    /// The time of a version. A table without one keeps the first version and never updates.
    Clock,
    /// Follows the latest version as it stands, null included: what describes the version itself.
    Version,
    /// The latest version that has a value, column by column: a null never overwrites.
    Value,
    /// The earliest.
    Earliest,
    /// The sum.
    Sum,
}

/// Reads a column's value; carries the column's type.
pub(super) enum Get<T: 'static> {
    Text(for<'a> fn(&'a ParsedBatch, &'a T) -> Option<&'a str>),
    BigInt(fn(&ParsedBatch, &T) -> Option<i64>),
    Double(fn(&ParsedBatch, &T) -> Option<f64>),
    Bool(fn(&ParsedBatch, &T) -> Option<bool>),
    Time(fn(&ParsedBatch, &T) -> Option<Timestamp>),
    Json(for<'a> fn(&'a ParsedBatch, &'a T) -> Option<&'a str>),
    /// JSON that is made on the spot.
    MadeJson(fn(&ParsedBatch, &T) -> Option<String>),
    TextArray(for<'a> fn(&'a ParsedBatch, &'a T) -> Option<&'a [String]>),
}

/// The column that remembers which values are older than their row.
pub(super) const VALUE_AGES: &str = "value_ages";

// === impl Table ===

impl<T> Table<T> {
    pub(super) fn named(&self, rule: Rule) -> impl Iterator<Item = &'static str> {
        self.columns
            .iter()
            .filter(move |column| column.rule == rule)
            .map(|column| column.name)
    }

    pub(super) fn clock(&self) -> Option<&'static Column<T>> {
        self.columns.iter().find(|column| column.rule == Rule::Clock)
    }

    /// Whether values of different ages can meet in one row.
    pub(super) fn has_ages(&self) -> bool {
        self.clock().is_some() && self.named(Rule::Value).next().is_some()
    }
}

// === impl Column ===

impl<T> Column<T> {
    const fn new(name: &'static str, rule: Rule, get: Get<T>) -> Self {
        Self { name, rule, get }
    }
}

pub(super) const fn key<T>(name: &'static str, get: Get<T>) -> Column<T> {
    Column::new(name, Rule::Key, get)
}

pub(super) const fn clock<T>(name: &'static str, get: Get<T>) -> Column<T> {
    Column::new(name, Rule::Clock, get)
}

pub(super) const fn version<T>(name: &'static str, get: Get<T>) -> Column<T> {
    Column::new(name, Rule::Version, get)
}

pub(super) const fn value<T>(name: &'static str, get: Get<T>) -> Column<T> {
    Column::new(name, Rule::Value, get)
}

pub(super) const fn earliest<T>(name: &'static str, get: Get<T>) -> Column<T> {
    Column::new(name, Rule::Earliest, get)
}

pub(super) const fn sum<T>(name: &'static str, get: Get<T>) -> Column<T> {
    Column::new(name, Rule::Sum, get)
}

// === impl Get ===

impl<T> Get<T> {
    /// Type of one element of the parameter array.
    pub(super) fn wire_type(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Json(_) | Self::MadeJson(_) | Self::TextArray(_) => "text",
            Self::BigInt(_) => "bigint",
            Self::Double(_) => "double precision",
            Self::Bool(_) => "boolean",
            Self::Time(_) => "timestamptz",
        }
    }

    /// What turns an element into the column's type: `unnest` would flatten arrays of arrays, and
    /// JSON travels as text.
    pub(super) fn cast(&self) -> &'static str {
        match self {
            Self::Json(_) | Self::MadeJson(_) => "::jsonb",
            Self::TextArray(_) => "::text[]",
            _ => "",
        }
    }
}
