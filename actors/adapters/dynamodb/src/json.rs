//! JSON as a value that DynamoDB can hold, and back. Numbers keep their digits.

use crate::Value;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt, fmt::Write};

/// Deeper than this it refuses an item; the item itself is the first level.
const DEEPEST: usize = 31;
/// Significant digits that its numbers have.
const MOST_DIGITS: usize = 38;
/// The exponents of the largest and the smallest of its numbers.
const EXPONENTS: std::ops::RangeInclusive<i64> = -130..=125;

/// An object whose names are told apart: one that comes twice would be lost in a map.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

// === impl Value ===

impl Value {
    /// The value of a JSON text; none where DynamoDB has no such value, or could not give it back: a number with more
    /// digits or another size than its own, nesting that is too deep, a name that is empty or comes twice.
    pub fn from_json(text: &str) -> Option<Self> {
        read(text.trim_ascii(), DEEPEST)
    }

    /// The JSON text of a value; the names of an object in their order, because the service keeps no other.
    pub fn to_json(&self) -> String {
        let mut text = String::new();
        // A string takes all that is written to it.
        let _ = self.write_json(&mut text);
        text
    }

    fn write_json(&self, to: &mut String) -> fmt::Result {
        match self {
            Self::Null => to.write_str("null"),
            Self::Bool(yes) => write!(to, "{yes}"),
            Self::Number(digits) => to.write_str(digits),
            Self::Text(text) => write_text(text, to),
            Self::List(values) => {
                to.write_char('[')?;
                for (place, value) in values.iter().enumerate() {
                    to.write_str(if place == 0 { "" } else { "," })?;
                    value.write_json(to)?;
                }
                to.write_char(']')
            }
            Self::Map(values) => {
                to.write_char('{')?;
                for (place, (name, value)) in values.iter().enumerate() {
                    to.write_str(if place == 0 { "" } else { "," })?;
                    write_text(name, to)?;
                    to.write_char(':')?;
                    value.write_json(to)?;
                }
                to.write_char('}')
            }
        }
    }
}

fn write_text(text: &str, to: &mut String) -> fmt::Result {
    write!(to, "{}", serde_json::Value::from(text))
}

fn read(text: &str, levels: usize) -> Option<Value> {
    match text.as_bytes().first()? {
        b'{' => {
            let levels = levels.checked_sub(1)?;
            let Entries(entries) = serde_json::from_str(text).ok()?;
            let mut map = BTreeMap::new();
            for (name, value) in entries {
                let value = read(value.get(), levels)?;
                if name.is_empty() || map.insert(name, value).is_some() {
                    return None;
                }
            }
            Some(Value::Map(map))
        }
        b'[' => {
            let levels = levels.checked_sub(1)?;
            let values: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            let values = values.into_iter().map(|value| read(value.get(), levels));
            values.collect::<Option<_>>().map(Value::List)
        }
        b'"' => serde_json::from_str(text).ok().map(Value::Text),
        b't' | b'f' => serde_json::from_str(text).ok().map(Value::Bool),
        b'n' => serde_json::from_str::<()>(text).ok().map(|()| Value::Null),
        _ => {
            serde_json::from_str::<&RawValue>(text).ok()?;
            is_theirs(text).then(|| Value::Number(text.to_owned()))
        }
    }
}

/// Whether a JSON number is one of DynamoDB's.
fn is_theirs(number: &str) -> bool {
    let number = number.trim_start_matches('-');
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{part}");
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return true;
    }
    let Ok(exponent) = exponent.parse::<i64>() else {
        return false;
    };
    let zeros = all.len() - all.trim_start_matches('0').len();
    // Of the first digit that is not zero.
    let magnitude = i64::try_from(whole.len())
        .unwrap_or(i64::MAX)
        .saturating_sub(1)
        .saturating_sub(i64::try_from(zeros).unwrap_or(i64::MAX))
        .saturating_add(exponent);
    significant.len() <= MOST_DIGITS && EXPONENTS.contains(&magnitude)
}

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    entries.push((name, map.next_value::<&RawValue>().map_err(A::Error::custom)?));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_digits_there_and_back() {
        for json in [
            r#"{"a":[1,2.50,-0.001,1e5,"x\"y",true,null],"b":{},"c":[],"d":""}"#,
            r#"{"big":12345678901234567890123456789012345678,"price":19.90}"#,
            "[]",
            "0.000",
        ] {
            assert_eq!(Value::from_json(json).unwrap().to_json(), json);
        }
    }

    #[test]
    fn what_could_not_be_given_back_is_no_value() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Value::from_json(&deep(31)).is_some());
        for json in [
            "1e126",
            "1e-131",
            "123456789012345678901234567890123456789",
            r#"{"a":1,"a":2}"#,
            r#"{"":1}"#,
            r#"{"a":1e400}"#,
            r#"{"a":}"#,
            "",
            &deep(32),
        ] {
            assert_eq!(Value::from_json(json), None, "{json}");
        }
        for json in [
            "1e125",
            "1e-130",
            "9.99e125",
            "0e999",
            "100000000000000000000000000000000000000000",
        ] {
            assert!(Value::from_json(json).is_some(), "{json}");
        }
    }
}
