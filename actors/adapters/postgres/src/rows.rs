//! From items to the parameters of one statement: merged by key, sorted by key.
//!
//! One statement must not meet a key twice, and two writers that lock rows in different orders
//! deadlock; hence one row a key, and every transaction in key order.

use super::table::{Column, Get, Rule, Table};
use bytes::{BufMut, BytesMut};
use jiff::Timestamp;
use std::{collections::BTreeMap, error::Error, fmt::Write as _};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// An item and the message it came in.
pub type Version<'a, B, T> = (&'a B, &'a T);

/// The rows of one statement.
pub(crate) struct Rows<'a, B: 'static, T: 'static> {
    table: &'static Table<B, T>,
    /// The versions of each row, the latest first; among equally late ones the first to come.
    rows: Vec<Vec<Version<'a, B, T>>>,
}

/// A parameter and its type.
pub(crate) type Parameter<'a> = (Box<dyn ToSql + Sync + 'a>, Type);

/// A time as Postgres counts it. Two times that Postgres cannot tell apart must be equal here too,
/// or a merge in memory and a merge in the database would differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Micros(i64);

/// One column of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KeyPart<'a> {
    Text(&'a str),
    BigInt(i64),
}

// === impl Rows ===

impl<'a, B, T> Rows<'a, B, T> {
    pub(crate) fn new(
        table: &'static Table<B, T>,
        versions: impl Iterator<Item = Version<'a, B, T>>,
    ) -> Self {
        let mut rows = BTreeMap::<Vec<KeyPart<'a>>, Vec<Version<'a, B, T>>>::new();
        for version in versions {
            rows.entry(key_of(table, version)).or_default().push(version);
        }
        let mut rows = rows.into_values().collect::<Vec<_>>();
        if let Some(clock) = table.clock() {
            for versions in &mut rows {
                // Stable: of two equally late versions the first to come stays first.
                versions.sort_by_key(|version| std::cmp::Reverse(time_of(clock, *version)));
            }
        }
        Self { table, rows }
    }

    /// The same rows, at most so many and so many bytes at a time, in key order. A row that is heavier goes alone.
    pub(crate) fn in_chunks(self, most: usize, most_bytes: usize) -> impl Iterator<Item = Self> {
        let table = self.table;
        let mut rest = self.rows.into_iter().peekable();
        std::iter::from_fn(move || {
            let mut bytes = 0;
            let mut rows = Vec::new();
            while rows.len() < most
                && let Some(row) = rest.next_if(|row| {
                    bytes += weight(table, row);
                    rows.is_empty() || bytes <= most_bytes
                })
            {
                rows.push(row);
            }
            (!rows.is_empty()).then_some(Self { table, rows })
        })
    }

    /// One array a column, in the order of the statement.
    pub(crate) fn parameters(&self) -> Vec<Parameter<'a>> {
        let mut parameters = self
            .table
            .columns
            .iter()
            .map(|column| self.parameter(column))
            .collect::<Vec<_>>();
        if self.table.has_ages() {
            parameters.push(array(
                self.rows.iter().map(|row| self.ages(row)),
                Type::TEXT_ARRAY,
            ));
        }
        parameters
    }

    fn parameter(&self, column: &Column<B, T>) -> Parameter<'a> {
        let rule = column.rule;
        let rows = self.rows.iter();
        match column.get {
            Get::Text(get) | Get::Json(get) => array(rows.map(|row| pick(rule, row, get)), Type::TEXT_ARRAY),
            Get::MadeJson(get) => array(rows.map(|row| pick(rule, row, get)), Type::TEXT_ARRAY),
            Get::TextArray(get) => {
                let literal = |row: &Vec<_>| pick(rule, row, get).map(array_literal);
                array(rows.map(literal), Type::TEXT_ARRAY)
            }
            Get::BigInt(get) if rule == Rule::Sum => {
                let sum = |row: &Vec<_>| {
                    row.iter()
                        .filter_map(|&(batch, item)| get(batch, item))
                        .sum::<i64>()
                };
                array(rows.map(sum), Type::INT8_ARRAY)
            }
            Get::BigInt(get) => array(rows.map(|row| pick(rule, row, get)), Type::INT8_ARRAY),
            Get::Double(get) => array(rows.map(|row| pick(rule, row, get)), Type::FLOAT8_ARRAY),
            Get::Bool(get) => array(rows.map(|row| pick(rule, row, get)), Type::BOOL_ARRAY),
            Get::Time(get) => {
                let micros = |row: &Vec<_>| pick(rule, row, get).map(Micros::from);
                array(rows.map(micros), Type::TIMESTAMPTZ_ARRAY)
            }
        }
    }

    /// Which values of a row come from an older version than its latest, and how old they are.
    fn ages(&self, row: &[Version<'a, B, T>]) -> Option<String> {
        let clock = self.table.clock()?;
        let latest = time_of(clock, *row.first()?);
        let mut ages = String::new();
        for column in self
            .table
            .columns
            .iter()
            .filter(|column| column.rule == Rule::Value)
        {
            let source = row.iter().find(|version| has_value(column, **version));
            let age = source.and_then(|version| time_of(clock, *version));
            if let Some(Micros(age)) = age.filter(|age| Some(*age) != latest) {
                let time = Timestamp::from_microsecond(age).ok()?;
                let comma = if ages.is_empty() { "" } else { "," };
                let _ = write!(ages, r#"{comma}"{}":"{time}""#, column.name);
            }
        }
        (!ages.is_empty()).then(|| format!("{{{ages}}}"))
    }
}

/// Bytes of a row's values on their way out.
fn weight<B, T>(table: &Table<B, T>, row: &[Version<'_, B, T>]) -> usize {
    let weight = |column: &Column<B, T>| match column.get {
        Get::Text(get) | Get::Json(get) => pick(column.rule, row, get).map_or(0, str::len),
        Get::TextArray(get) => pick(column.rule, row, get)
            .into_iter()
            .flatten()
            .map(|element| element.len() + 3)
            .sum(),
        _ => size_of::<i64>(),
    };
    table.columns.iter().map(weight).sum()
}

fn key_of<'a, B, T>(table: &Table<B, T>, (batch, item): Version<'a, B, T>) -> Vec<KeyPart<'a>> {
    let keys = table.columns.iter().filter(|column| column.rule == Rule::Key);
    let part = |column: &Column<B, T>| match column.get {
        Get::Text(get) => get(batch, item).map(KeyPart::Text),
        Get::BigInt(get) => get(batch, item).map(KeyPart::BigInt),
        _ => unreachable!("{}.{}: keys are text or numbers", table.name, column.name),
    };
    keys.filter_map(part).collect()
}

fn time_of<B, T>(clock: &Column<B, T>, (batch, item): Version<'_, B, T>) -> Option<Micros> {
    match clock.get {
        Get::Time(get) => get(batch, item).map(Micros::from),
        _ => unreachable!("{}: a clock is a time", clock.name),
    }
}

fn has_value<B, T>(column: &Column<B, T>, (batch, item): Version<'_, B, T>) -> bool {
    match column.get {
        Get::Text(get) | Get::Json(get) => get(batch, item).is_some(),
        Get::MadeJson(get) => get(batch, item).is_some(),
        Get::BigInt(get) => get(batch, item).is_some(),
        Get::Double(get) => get(batch, item).is_some(),
        Get::Bool(get) => get(batch, item).is_some(),
        Get::Time(get) => get(batch, item).is_some(),
        Get::TextArray(get) => get(batch, item).is_some(),
    }
}

/// The merged value of a column, from versions of which the latest is first.
fn pick<'a, B, T, V>(
    rule: Rule,
    row: &[Version<'a, B, T>],
    get: impl Fn(&'a B, &'a T) -> Option<V>,
) -> Option<V> {
    let mut values = row.iter().map(|&(batch, item)| get(batch, item));
    match rule {
        Rule::Value => values.flatten().next(),
        Rule::Earliest => values.next_back()?,
        Rule::Key | Rule::Clock | Rule::Version | Rule::Sum => values.next()?,
    }
}

fn array<'a, V: ToSql + Sync + 'a>(values: impl Iterator<Item = V>, of: Type) -> Parameter<'a> {
    (Box::new(values.collect::<Vec<_>>()), of)
}

/// `{"a","b"}`, with every element quoted.
fn array_literal(elements: &[String]) -> String {
    let mut literal = String::from("{");
    for (index, element) in elements.iter().enumerate() {
        literal.push_str(if index == 0 { "\"" } else { ",\"" });
        for char in element.chars() {
            if matches!(char, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(char);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}

// === impl Micros ===

impl From<Timestamp> for Micros {
    fn from(time: Timestamp) -> Self {
        Self(time.as_microsecond())
    }
}

impl ToSql for Micros {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        /// 2000-01-01, from where Postgres counts, in microseconds from 1970-01-01.
        const EPOCH: i64 = 946_684_800_000_000;
        out.put_i64(self.0 - EPOCH);
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_literal_quotes_what_the_server_would_read_as_syntax() {
        let tags = ["a", "", "NULL", "x,y", r#"q"b\s"#, "{}"].map(str::to_owned);
        assert_eq!(array_literal(&tags), r#"{"a","","NULL","x,y","q\"b\\s","{}"}"#);
        assert_eq!(array_literal(&[]), "{}");
    }
}
