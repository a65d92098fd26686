//! How a table is described: once. The insert statement and its parameters are both derived from
//! the description, so they cannot disagree.

use jiff::Timestamp;

/// A table and its columns. `T` is the item that becomes a row, `B` the message that it came in.
pub struct Table<B: 'static, T: 'static> {
    /// Name in the database.
    pub name: &'static str,
    /// Every column that a write provides.
    pub columns: &'static [Column<B, T>],
    /// A column whose default is the time of the transaction, and which takes that whenever a row changes.
    pub touched: Option<&'static str>,
}

/// One column: how it is called, how two versions of it become one, where it comes from.
pub struct Column<B: 'static, T: 'static> {
    /// Name in the database.
    pub name: &'static str,
    /// How two versions of its value become one.
    pub rule: Rule,
    /// Where its value comes from.
    pub get: Get<B, T>,
}

/// How two versions of a row become one. `later` and `earlier` are by the table's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
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
pub enum Get<B: 'static, T: 'static> {
    /// `text`.
    Text(for<'a> fn(&'a B, &'a T) -> Option<&'a str>),
    /// `bigint`.
    BigInt(fn(&B, &T) -> Option<i64>),
    /// `double precision`.
    Double(fn(&B, &T) -> Option<f64>),
    /// `boolean`.
    Bool(fn(&B, &T) -> Option<bool>),
    /// `timestamptz`.
    Time(fn(&B, &T) -> Option<Timestamp>),
    /// `jsonb`, from text that is JSON.
    Json(for<'a> fn(&'a B, &'a T) -> Option<&'a str>),
    /// JSON that is made on the spot.
    MadeJson(fn(&B, &T) -> Option<String>),
    /// `text[]`.
    TextArray(for<'a> fn(&'a B, &'a T) -> Option<&'a [String]>),
}

/// The column that remembers which values are older than their row.
pub(crate) const VALUE_AGES: &str = "value_ages";

// === impl Table ===

impl<B, T> Table<B, T> {
    pub(crate) fn named(&self, rule: Rule) -> impl Iterator<Item = &'static str> {
        self.columns
            .iter()
            .filter(move |column| column.rule == rule)
            .map(|column| column.name)
    }

    pub(crate) fn clock(&self) -> Option<&'static Column<B, T>> {
        self.columns.iter().find(|column| column.rule == Rule::Clock)
    }

    /// Whether values of different ages can meet in one row.
    pub(crate) fn has_ages(&self) -> bool {
        self.clock().is_some() && self.named(Rule::Value).next().is_some()
    }
}

// === impl Column ===

impl<B, T> Column<B, T> {
    const fn new(name: &'static str, rule: Rule, get: Get<B, T>) -> Self {
        Self { name, rule, get }
    }
}

/// A part of the key.
pub const fn key<B, T>(name: &'static str, get: Get<B, T>) -> Column<B, T> {
    Column::new(name, Rule::Key, get)
}

/// The time of a version.
pub const fn clock<B, T>(name: &'static str, get: Get<B, T>) -> Column<B, T> {
    Column::new(name, Rule::Clock, get)
}

/// Follows the latest version.
pub const fn version<B, T>(name: &'static str, get: Get<B, T>) -> Column<B, T> {
    Column::new(name, Rule::Version, get)
}

/// Follows the latest version that has a value.
pub const fn value<B, T>(name: &'static str, get: Get<B, T>) -> Column<B, T> {
    Column::new(name, Rule::Value, get)
}

/// Keeps the earliest.
pub const fn earliest<B, T>(name: &'static str, get: Get<B, T>) -> Column<B, T> {
    Column::new(name, Rule::Earliest, get)
}

/// Adds up.
pub const fn sum<B, T>(name: &'static str, get: Get<B, T>) -> Column<B, T> {
    Column::new(name, Rule::Sum, get)
}

// === impl Get ===

impl<B, T> Get<B, T> {
    /// Type of one element of the parameter array.
    pub(crate) fn wire_type(&self) -> &'static str {
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
    pub(crate) fn cast(&self) -> &'static str {
        match self {
            Self::Json(_) | Self::MadeJson(_) => "::jsonb",
            Self::TextArray(_) => "::text[]",
            _ => "",
        }
    }
}
