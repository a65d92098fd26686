//! Values and items, and how large DynamoDB finds them.

use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::{BTreeMap, HashMap};

/// The largest item that DynamoDB takes, in its own bytes.
pub const MOST_BYTES: usize = 400 * 1024;

/// A row: attributes by name.
pub type Item = BTreeMap<String, Value>;

/// A value of an attribute. Binary values and sets are not written, and not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A decimal number with the digits that were sent.
    Number(String),
    /// Text.
    Text(String),
    /// Values in an order.
    List(Vec<Self>),
    /// Values by name.
    Map(BTreeMap<String, Self>),
}

// === impl Value ===

impl Value {
    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, where it is one that fits.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// Bytes that count against the limit of an item; never fewer than the service counts.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 1,
            // A byte for two significant digits, and one; digits that mean nothing are counted as well.
            Self::Number(digits) => digits.len().div_ceil(2) + 2,
            Self::Text(text) => text.len(),
            Self::List(values) => 3 + values.iter().map(|value| 1 + value.bytes()).sum::<usize>(),
            Self::Map(values) => {
                let entries = values.iter().map(|(name, value)| 1 + name.len() + value.bytes());
                3 + entries.sum::<usize>()
            }
        }
    }

    fn from_theirs(value: AttributeValue) -> Option<Self> {
        Some(match value {
            AttributeValue::Null(_) => Self::Null,
            AttributeValue::Bool(yes) => Self::Bool(yes),
            AttributeValue::N(digits) => Self::Number(digits),
            AttributeValue::S(text) => Self::Text(text),
            AttributeValue::L(values) => {
                Self::List(values.into_iter().map(Self::from_theirs).collect::<Option<_>>()?)
            }
            AttributeValue::M(values) => Self::Map(item_of(values)),
            _ => return None,
        })
    }

    fn into_theirs(self) -> AttributeValue {
        match self {
            Self::Null => AttributeValue::Null(true),
            Self::Bool(yes) => AttributeValue::Bool(yes),
            Self::Number(digits) => AttributeValue::N(digits),
            Self::Text(text) => AttributeValue::S(text),
            Self::List(values) => AttributeValue::L(values.into_iter().map(Self::into_theirs).collect()),
            Self::Map(values) => AttributeValue::M(theirs(values)),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.to_string())
    }
}

/// How large an item is; never less than the service finds it.
pub fn bytes_of(item: &Item) -> usize {
    let attributes = item.iter().map(|(name, value)| name.len() + value.bytes());
    attributes.sum()
}

pub(crate) fn theirs(item: Item) -> HashMap<String, AttributeValue> {
    let attributes = item.into_iter();
    attributes
        .map(|(name, value)| (name, value.into_theirs()))
        .collect()
}

/// What we do not write is not ours to show.
pub(crate) fn item_of(attributes: HashMap<String, AttributeValue>) -> Item {
    let known = attributes.into_iter();
    known
        .filter_map(|(name, value)| Some((name, Value::from_theirs(value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_never_less_than_the_service_counts() {
        let map = |entries: &[(&str, Value)]| {
            let entries = entries.iter().cloned();
            Value::Map(entries.map(|(name, value)| (name.to_owned(), value)).collect())
        };
        assert_eq!(Value::from("häuser").bytes(), 7, "bytes, not letters");
        assert_eq!(Value::Number("19.90".to_owned()).bytes(), 5);
        assert_eq!(Value::List(Vec::new()).bytes(), 3);
        assert_eq!(
            map(&[("a", Value::Null), ("bc", Value::Bool(true))]).bytes(),
            3 + 3 + 4
        );
        let item = Item::from([("id".to_owned(), Value::from("x"))]);
        assert_eq!(bytes_of(&item), 3);
    }

    #[test]
    fn an_item_survives_the_way_there_and_back() {
        let item = Item::from([
            ("n".to_owned(), Value::Number("1.50".to_owned())),
            ("l".to_owned(), Value::List(vec![Value::Null, Value::from("")])),
            (
                "m".to_owned(),
                Value::Map(BTreeMap::from([("b".to_owned(), Value::Bool(false))])),
            ),
        ]);
        assert_eq!(item_of(theirs(item.clone())), item);
    }
}
