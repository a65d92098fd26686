//! Where expected and actual tables differ.

use crate::{
    actual::{Actual, TABLES},
    expected::{Expected, comment_key},
    leaves,
    row::Row,
    value,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// One difference, for people.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// A row that should be there and is not.
    Missing(&'static str, String),
    /// A row that is there and should not be, or is there twice.
    Extra(&'static str, String),
    /// A column with another value: table, key, column, expected, actual.
    Column(&'static str, String, String, Value, Value),
    /// A value that was sent and is nowhere: key of the post, path in the item, value.
    Lost(String, String, String),
}

/// How often a dead letter may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// As often as its message was published.
    Exact,
    /// Once or more: a crash between confirm and acknowledgement may double it.
    AtLeastOne,
}

/// Columns that are reserved for analysis and must stay null.
const RESERVED: &str = "analyzed_at overall_sentiment overall_sentiment_score overall_confidence \
    primary_intent intent_confidence impact_score risk_level is_viral is_kol keywords aspects_breakdown \
    sentiment_probabilities impact_breakdown model_version";

/// Compares every table, row by row and column by column.
pub fn compare(expected: &Expected, actual: &Actual) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut by_table = BTreeMap::new();
    for ((table, columns), wanted) in TABLES.into_iter().zip(expected.tables()) {
        let found = by_key(table, columns, wanted, actual, &mut differences);
        compare_table(table, wanted, &found, &mut differences);
        by_table.insert(table, found);
    }
    compare_special(actual, &mut differences);
    compare_leaves(expected, &by_table, &mut differences);
    differences
}

/// Compares dead letters as (event id, reason).
pub fn compare_dead_letters(
    expected: &Expected,
    actual: &[(Option<String>, String)],
    copies: Copies,
) -> Vec<Difference> {
    let table = "dead letters";
    let mut differences = Vec::new();
    let all: BTreeSet<_> = expected.dead_letters.iter().chain(actual).collect();
    for letter in all {
        let times = |letters: &[_]| letters.iter().filter(|other| *other == letter).count();
        let (wanted, found) = (times(&expected.dead_letters), times(actual));
        let key = format!("{} | {}", letter.0.as_deref().unwrap_or("no id"), letter.1);
        let unexpected = wanted == 0 || (copies == Copies::Exact && found > wanted);
        if found == 0 || (copies == Copies::Exact && found < wanted) {
            differences.push(Difference::Missing(table, key));
        } else if unexpected {
            differences.push(Difference::Extra(table, key));
        }
    }
    differences
}

/// The differences by kind and the first twenty in words; empty where there are none.
pub fn report(differences: &[Difference]) -> String {
    let count = |is: fn(&Difference) -> bool| differences.iter().filter(|one| is(one)).count();
    if differences.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "{} missing, {} extra, {} differing columns, {} lost values\n",
        count(|one| matches!(one, Difference::Missing(..))),
        count(|one| matches!(one, Difference::Extra(..))),
        count(|one| matches!(one, Difference::Column(..))),
        count(|one| matches!(one, Difference::Lost(..))),
    );
    for difference in differences.iter().take(20) {
        text += &format!("  {difference}\n");
    }
    text
}

/// Rows by key; a comment that was sent without an id is found by what it says.
fn by_key<'a>(
    table: &'static str,
    columns: &[&str],
    wanted: &BTreeMap<String, Row>,
    actual: &'a Actual,
    differences: &mut Vec<Difference>,
) -> BTreeMap<String, &'a Row> {
    let mut found = BTreeMap::new();
    for row in actual.rows(table) {
        let part = |column: &&str| match row.get(*column) {
            Some(Value::String(text)) => text.clone(),
            other => other.unwrap_or(&Value::Null).to_string(),
        };
        let mut key = columns.iter().map(part).collect::<Vec<_>>().join(" | ");
        if table == "comments" && !wanted.contains_key(&key) {
            let normal = row
                .iter()
                .map(|(name, value)| (name.clone(), normal(name, value)))
                .collect();
            key = comment_key(&normal);
        }
        if found.insert(key.clone(), row).is_some() {
            differences.push(Difference::Extra(table, key));
        }
    }
    found
}

fn compare_table(
    table: &'static str,
    wanted: &BTreeMap<String, Row>,
    found: &BTreeMap<String, &Row>,
    differences: &mut Vec<Difference>,
) {
    for (key, row) in wanted {
        let Some(actual) = found.get(key) else {
            differences.push(Difference::Missing(table, key.clone()));
            continue;
        };
        for (column, wanted) in row {
            let stored = actual.get(column).unwrap_or(&Value::Null);
            let unknown_time = column == "crawled_at" && wanted.is_null();
            if !unknown_time && !same(&normal(column, wanted), &normal(column, stored)) {
                let (key, column) = (key.clone(), column.clone());
                differences.push(Difference::Column(
                    table,
                    key,
                    column,
                    wanted.clone(),
                    stored.clone(),
                ));
            }
        }
    }
    let extra = found.keys().filter(|key| !wanted.contains_key(*key));
    differences.extend(extra.map(|key| Difference::Extra(table, key.clone())));
}

/// What no expected row says: raw text of rejected items, columns of an analysis that is not there yet.
fn compare_special(actual: &Actual, differences: &mut Vec<Difference>) {
    let mut check = |table: &'static str, row: &Row, column: &str, ok: fn(&Value) -> bool, wanted: Value| {
        let stored = row.get(column).unwrap_or(&Value::Null);
        if !ok(stored) {
            let key = row
                .get("id")
                .or(row.get("object_path"))
                .unwrap_or(&Value::Null)
                .to_string();
            differences.push(Difference::Column(
                table,
                key,
                column.to_owned(),
                wanted,
                stored.clone(),
            ));
        }
    };
    for row in actual.rows("rejected_items") {
        check(
            "rejected_items",
            row,
            "raw",
            |raw| !value::is_none(raw) || raw == "NULL",
            "some text".into(),
        );
    }
    for row in actual.rows("post_analytics") {
        for column in RESERVED.split_whitespace() {
            check("post_analytics", row, column, Value::is_null, Value::Null);
        }
    }
}

fn compare_leaves(
    expected: &Expected,
    tables: &BTreeMap<&str, BTreeMap<String, &Row>>,
    differences: &mut Vec<Difference>,
) {
    for (key, leaves) in expected.leaves.iter().filter(|(_, leaves)| !leaves.is_empty()) {
        let Some(post) = tables["post_analytics"].get(key) else {
            continue; // already missing as a row
        };
        let part = |column: &str| post.get(column).and_then(Value::as_str).unwrap_or_default();
        let author = tables["authors"].get(&format!("{} | {}", part("platform"), part("author_key")));
        let found = leaves::found(author.into_iter().chain([post]).copied());
        let lost = leaves.iter().filter(|(_, text)| !found.contains(text));
        differences
            .extend(lost.map(|(path, text)| Difference::Lost(key.clone(), path.clone(), text.clone())));
    }
}

/// The same value in the same words: instants in UTC, empty things null, no replacement characters.
fn normal(column: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if column.ends_with("_at") => match value::time(value) {
            Some(at) => at.to_string().into(),
            None => text.clone().into(),
        },
        Value::String(text) => text.replace('\u{fffd}', "").into(),
        Value::Object(object) if object.is_empty() => Value::Null,
        Value::Array(values) if values.is_empty() => Value::Null,
        Value::Object(object) => Value::Object(
            object
                .iter()
                .map(|(name, value)| (name.clone(), normal("", value)))
                .collect(),
        ),
        Value::Array(values) => values.iter().map(|value| normal("", value)).collect(),
        other => other.clone(),
    }
}

fn same(wanted: &Value, stored: &Value) -> bool {
    match (wanted, stored) {
        // 45 and 45.0 are one duration; counts stay exact.
        (Value::Number(wanted), Value::Number(stored)) if wanted.is_f64() || stored.is_f64() => {
            wanted.as_f64() == stored.as_f64()
        }
        _ => wanted == stored,
    }
}

// === impl Display for Difference ===

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(table, key) => write!(f, "{table}: {key} is missing"),
            Self::Extra(table, key) => write!(f, "{table}: {key} should not be there"),
            Self::Column(table, key, column, wanted, stored) => {
                let (wanted, stored) = (short(wanted), short(stored));
                write!(f, "{table}: {key}: {column} should be {wanted}, is {stored}")
            }
            Self::Lost(key, path, text) => write!(f, "post_analytics: {key}: {path} = {text:?} is nowhere"),
        }
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
