//! From items to rows: merged by key, sorted by key.
//!
//! One statement must not meet a key twice, and two writers that lock rows in different orders
//! deadlock; hence one row a key, and every transaction in key order.

use super::{
    order::Keys,
    table::{Column, Get, Rule, Table},
};
use jiff::Timestamp;
use std::{cmp::Reverse, fmt::Write as _};

/// An item and the message it came in.
pub type Version<'a, B, T> = (&'a B, &'a T);

/// The rows that a write has for a table.
pub(crate) struct Rows<'a, B: 'static, T: 'static> {
    table: &'static Table<B, T>,
    /// Row by row in the order of keys; of a row the latest first, among equally late ones the first to come.
    versions: Vec<Version<'a, B, T>>,
    /// Where in them each row ends.
    ends: Vec<usize>,
}

/// Some rows of a table, one after another.
pub(crate) struct Part<'r, 'a, B: 'static, T: 'static> {
    pub(crate) table: &'static Table<B, T>,
    /// The versions of each row, the latest first.
    pub(crate) rows: Vec<&'r [Version<'a, B, T>]>,
}

/// A time as Postgres counts it. Two times that Postgres cannot tell apart must be equal here too,
/// or a merge in memory and a merge in the database would differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Micros(i64);

/// One column of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyPart<'a> {
    /// The database refuses it.
    Missing,
    Text(&'a str),
    BigInt(i64),
}

// === impl Rows ===

impl<'a, B, T> Rows<'a, B, T> {
    pub(crate) fn new(
        table: &'static Table<B, T>,
        versions: impl Iterator<Item = Version<'a, B, T>>,
    ) -> Self {
        let came = versions.collect::<Vec<_>>();
        let keys = Keys::of(table, &came);
        let clock = table.clock();
        let time = |index: usize| clock.map(|clock| Reverse(time_of(clock, came[index])));
        // Of two equally late versions the first to come stays first.
        let order = keys.sorted(|one, other| time(one).cmp(&time(other)));
        let mut ends = Vec::with_capacity(order.len());
        for (index, version) in order.iter().enumerate() {
            let next = order.get(index + 1);
            if next.is_none_or(|next| !keys.are_equal(version, next)) {
                ends.push(index + 1);
            }
        }
        let versions = order.into_iter().map(|ranked| came[ranked.index]).collect();
        Self {
            table,
            versions,
            ends,
        }
    }

    fn iter(&self) -> impl Iterator<Item = &[Version<'a, B, T>]> {
        let mut start = 0;
        self.ends
            .iter()
            .map(move |end| &self.versions[std::mem::replace(&mut start, *end)..*end])
    }

    /// All of them.
    pub(crate) fn whole(&self) -> Part<'_, 'a, B, T> {
        let rows = self.iter().collect();
        Part {
            table: self.table,
            rows,
        }
    }

    /// At most so many and so many bytes at a time, in key order. A row that is heavier goes alone.
    pub(crate) fn in_parts(
        &self,
        most: usize,
        most_bytes: usize,
    ) -> impl Iterator<Item = Part<'_, 'a, B, T>> {
        let table = self.table;
        let mut rest = self.iter().peekable();
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
            (!rows.is_empty()).then_some(Part { table, rows })
        })
    }
}

// === impl Part ===

impl<B, T> Part<'_, '_, B, T> {
    /// At most so many of the rows, from all over.
    pub(crate) fn sample(&self, most: usize) -> Self {
        let step = self.rows.len().div_ceil(most).max(1);
        Self {
            table: self.table,
            rows: self.rows.iter().copied().step_by(step).collect(),
        }
    }
}

/// Which values of a row come from an older version than its latest, and how old they are.
pub(crate) fn ages<B, T>(table: &Table<B, T>, row: &[Version<'_, B, T>]) -> Option<String> {
    if row.len() == 1 {
        return None;
    }
    let clock = table.clock()?;
    let latest = time_of(clock, *row.first()?);
    let mut ages = String::new();
    for column in table.columns.iter().filter(|column| column.rule == Rule::Value) {
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
pub(crate) fn pick<'a, B, T, V>(
    rule: Rule,
    row: &[Version<'a, B, T>],
    get: impl Fn(&'a B, &'a T) -> Option<V>,
) -> Option<V> {
    // Nearly always, and whatever the rule.
    if let [(batch, item)] = *row {
        return get(batch, item);
    }
    let mut values = row.iter().map(|&(batch, item)| get(batch, item));
    match rule {
        Rule::Value => values.flatten().next(),
        Rule::Earliest => values.next_back()?,
        Rule::Key | Rule::Clock | Rule::Version | Rule::Sum => values.next()?,
    }
}

// === impl Micros ===

impl Micros {
    /// As it travels: counted from 2000-01-01.
    pub(crate) fn to_wire(self) -> i64 {
        /// 2000-01-01 in microseconds from 1970-01-01.
        const EPOCH: i64 = 946_684_800_000_000;
        self.0 - EPOCH
    }
}

impl From<Timestamp> for Micros {
    fn from(time: Timestamp) -> Self {
        Self(time.as_microsecond())
    }
}
