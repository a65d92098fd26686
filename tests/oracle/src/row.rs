//! A row as `row_to_json` gives it.

use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// Column → value.
pub type Row = BTreeMap<String, Value>;

/// Versions of one row, each with the time it was crawled.
pub(crate) type Versions = Vec<(Timestamp, Row)>;

/// A row from pairs; a value that is none is null.
macro_rules! row {
    ($($column:ident: $value:expr),* $(,)?) => {
        $crate::row::Row::from([$((stringify!($column).to_owned(), serde_json::json!($value))),*])
    };
}
pub(crate) use row;

/// Newer values win, older ones fill what is null; of equally old ones the first.
pub(crate) fn merge(mut versions: Versions) -> Row {
    versions.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let mut merged = Row::new();
    for (_, version) in versions {
        for (column, value) in version {
            let slot = merged.entry(column).or_insert(Value::Null);
            if slot.is_null() {
                *slot = value;
            }
        }
    }
    merged
}

/// A key for people and maps.
pub(crate) fn key(parts: &[&str]) -> String {
    parts.join(" | ")
}
