//! Where expected and actual tables differ.

use super::{
    actual::{Actual, TextRow},
    expected::Expected,
    rows::{Chosen, Keyed, Stored, counts, hours, key, rows},
};
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// One difference, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// Which row of it.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
}

/// Compares every table, row by row and column by column.
pub fn compare(expected: &Expected, actual: &Actual) -> Vec<Difference> {
    let mut differences = Vec::new();
    let chosen = chosen(expected, actual, &mut differences);
    for (table, wanted) in rows(expected, &chosen) {
        let found = by_key(table, actual, &mut differences);
        compare_table(table, &wanted, &found, &mut differences);
    }
    compare_details(expected, actual, &mut differences);
    compare_days(actual, &mut differences);
    compare_stats(expected, &chosen, actual, &mut differences);
    differences
}

/// How many there are by table, and the first twenty in words; empty where there are none.
pub fn report(differences: &[Difference]) -> String {
    let mut tables = BTreeMap::<_, usize>::new();
    for difference in differences {
        *tables.entry(difference.table).or_default() += 1;
    }
    let mut text: String = tables
        .iter()
        .map(|(table, count)| format!("{count} in {table}\n"))
        .collect();
    for difference in differences.iter().take(20) {
        text += &format!("  {difference}\n");
    }
    text
}

fn column<'a>(row: &'a TextRow, name: &str) -> &'a str {
    row.get(name).and_then(Option::as_deref).unwrap_or_default()
}

/// Which record of each id was stored, where that is one that may be.
fn chosen(expected: &Expected, actual: &Actual, differences: &mut Vec<Difference>) -> Chosen {
    let table = "product_events";
    let mut chosen = Chosen::new();
    for row in actual.rows(table) {
        let id = column(row, "event_id").to_owned();
        let place = (
            column(row, "topic").to_owned(),
            column(row, "partition").parse().unwrap_or_default(),
            column(row, "record_offset").parse().unwrap_or_default(),
        );
        let micros = column(row, "received_at")
            .parse()
            .ok()
            .map(Timestamp::from_microsecond);
        let Some(Ok(received_at)) = micros else {
            differences.push(Difference::new(table, &id, "received_at is no time"));
            continue;
        };
        if !expected.may_be_first(&id, &place) {
            let what = format!("{} is not the first of its id in the partition", key(&place));
            differences.push(Difference::new(table, &id, what));
        }
        if chosen.insert(id.clone(), Stored { place, received_at }).is_some() {
            differences.push(Difference::new(table, &id, "is stored twice"));
        }
    }
    for id in expected.events.keys().filter(|id| !chosen.contains_key(*id)) {
        differences.push(Difference::new(table, id, "is missing"));
    }
    chosen
}

fn keys(table: &str) -> &'static [&'static str] {
    match table {
        "kafka_positions" => &["topic", "partition"],
        "rejected_events" => &["topic", "partition", "record_offset"],
        "product_state" => &["product_id"],
        _ => &["event_id"],
    }
}

fn by_key<'a>(
    table: &'static str,
    actual: &'a Actual,
    differences: &mut Vec<Difference>,
) -> BTreeMap<String, &'a TextRow> {
    let mut found = BTreeMap::new();
    for row in actual.rows(table) {
        let parts: Vec<_> = keys(table).iter().map(|name| column(row, name)).collect();
        let key = parts.join(" | ");
        if found.insert(key.clone(), row).is_some() {
            differences.push(Difference::new(table, &key, "is there twice"));
        }
    }
    found
}

fn compare_table(
    table: &'static str,
    wanted: &Keyed,
    found: &BTreeMap<String, &TextRow>,
    differences: &mut Vec<Difference>,
) {
    for (key, row) in wanted {
        let Some(actual) = found.get(key) else {
            // That an event is missing was said before.
            if table != "product_events" {
                differences.push(Difference::new(table, key, "is missing"));
            }
            continue;
        };
        for (name, wanted) in row {
            let stored = actual.get(name).cloned().flatten();
            if !same(name, wanted.as_deref(), stored.as_deref()) {
                let what = format!("{name} should be {}, is {}", short(wanted), short(&stored));
                differences.push(Difference::new(table, key, what));
            }
        }
    }
    for key in found.keys().filter(|key| !wanted.contains_key(*key)) {
        differences.push(Difference::new(table, key, "should not be there"));
    }
}

fn same(name: &str, wanted: Option<&str>, stored: Option<&str>) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (name, wanted, stored) {
        ("headers", Some(wanted), Some(stored)) => json(wanted) == json(stored),
        _ => wanted == stored,
    }
}

/// The detail of a rejected record names the field that is wrong, and says something in any case.
fn compare_details(expected: &Expected, actual: &Actual, differences: &mut Vec<Difference>) {
    let table = "rejected_events";
    let details: BTreeMap<_, _> = actual
        .rows(table)
        .iter()
        .map(|row| {
            let place = ["topic", "partition", "record_offset"].map(|name| column(row, name).to_owned());
            (place, column(row, "detail"))
        })
        .collect();
    for (record, (_, _, pointer)) in &expected.rejected {
        let place = [
            record.topic.clone(),
            record.partition.to_string(),
            record.offset.to_string(),
        ];
        let Some(detail) = details.get(&place) else {
            continue;
        };
        if detail.is_empty() || !detail.starts_with(pointer.as_str()) {
            let what = format!("detail should begin with {pointer:?}, is {detail:?}");
            differences.push(Difference::new(table, &place.join(" | "), what));
        }
    }
}

/// The day of an event is the same in the journal and beside its id.
fn compare_days(actual: &Actual, differences: &mut Vec<Difference>) {
    let day = |row: &TextRow| {
        (
            column(row, "event_id").to_owned(),
            column(row, "received_on").to_owned(),
        )
    };
    let ids: BTreeMap<_, _> = actual.rows("product_event_ids").iter().map(day).collect();
    for (id, on) in actual.rows("product_events").iter().map(day) {
        if ids.get(&id).is_some_and(|other| *other != on) {
            let what = format!("received_on is not {on} as in the journal");
            differences.push(Difference::new("product_event_ids", &id, what));
        }
    }
}

/// Counts by type, topic and partition, and by hour.
fn compare_stats(expected: &Expected, chosen: &Chosen, actual: &Actual, differences: &mut Vec<Difference>) {
    let table = "product_stats";
    let mut by_place = BTreeMap::<[String; 3], [i64; 3]>::new();
    let mut by_hour = BTreeMap::<(i64, String), [i64; 2]>::new();
    for row in actual.rows(table) {
        let number = |name| column(row, name).parse::<i64>().unwrap_or(i64::MIN);
        let numbers = ["events", "rejected", "duplicates"].map(number);
        let place = ["event_type", "topic", "partition"].map(|name| column(row, name).to_owned());
        let hour = by_hour.entry((number("hour"), place[0].clone())).or_default();
        hour[0] += numbers[0];
        hour[1] += numbers[1];
        let sum = by_place.entry(place).or_default();
        for (sum, number) in sum.iter_mut().zip(numbers) {
            *sum += number;
        }
    }
    let wanted = counts(expected, chosen);
    let places: std::collections::BTreeSet<_> = wanted.keys().chain(by_place.keys()).collect();
    for place in places {
        let (wanted, found) = (wanted.get(place), by_place.get(place));
        if wanted.copied().unwrap_or_default() != found.copied().unwrap_or_default() {
            let what = format!("events, rejected, duplicates should be {wanted:?}, are {found:?}");
            differences.push(Difference::new(table, &place.join(" | "), what));
        }
    }
    for (hour, wanted) in hours(expected, chosen) {
        let found = by_hour.get(&hour).copied().unwrap_or_default();
        // More rejected ones may be there: of some the hour is that of a receipt.
        if found[0] != wanted[0] || found[1] < wanted[1] {
            let what = format!("events, rejected should be {wanted:?}, are {found:?}");
            differences.push(Difference::new(table, &format!("{} | {}", hour.0, hour.1), what));
        }
    }
}

fn short(value: &Option<String>) -> String {
    let Some(text) = value else {
        return "null".to_owned();
    };
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}

// === impl Difference ===

impl Difference {
    fn new(table: &'static str, key: &str, what: impl Into<String>) -> Self {
        Self {
            table,
            key: key.to_owned(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.table, self.key, self.what)
    }
}
