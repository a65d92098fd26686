//! Every table is compared, and every column of it.

use super::*;
use crate::products::{
    Actual, compare,
    rows::{Chosen, Stored, rows},
};
use crate::products::{Expected, TextRow};
use serde_json::json;
use std::collections::BTreeMap;

fn sent() -> Vec<SentRecord> {
    let product = json!({"id": "p", "name": "n", "price": 1.50, "stock": 4, "category": "c"});
    let created =
        json!({"id": "a", "timestamp": "2026-03-01T10:00:00Z", "sellerId": "s", "product": product});
    let low = json!({"id": "b", "productId": "p", "currentStock": 1, "threshold": 2});
    let mut tombstone = record("ProductCreated", 3, &json!(null));
    tombstone.value = None;
    vec![
        record("ProductCreated", 0, &created),
        record("ProductCreated", 1, &created),
        record("ProductCreated", 2, &json!({"id": "c"})),
        tombstone,
        record("LowStockWarning", 0, &low),
        record("ProductDeleted", 0, &json!({"timestamp": "1970-01-01"})),
    ]
}

/// The tables as the service must fill them.
fn filled(expected: &Expected) -> BTreeMap<&'static str, Vec<TextRow>> {
    let received_at = expected.settings.received_at;
    let stored = |(id, same): (&String, &Vec<(SentRecord, crate::products::Event)>)| {
        let place = crate::products::expected::place(&same[0].0);
        (id.clone(), Stored { place, received_at })
    };
    let chosen: Chosen = expected.events.iter().map(stored).collect();
    let mut tables: BTreeMap<_, Vec<TextRow>> = rows(expected, &chosen)
        .into_iter()
        .map(|(table, rows)| (table, rows.into_values().collect()))
        .collect();
    for table in ["product_events", "product_event_ids"] {
        for row in tables.get_mut(table).unwrap() {
            row.insert("received_on", Some("2026-03-01".to_owned()));
            row.insert("received_at", Some(received_at.as_microsecond().to_string()));
        }
    }
    for row in tables.get_mut("rejected_events").unwrap() {
        row.insert("detail", Some("/product: missing".to_owned()));
    }
    let count = |hour: &str, kind: &str, topic: &str, numbers: [i32; 3]| {
        let hour: jiff::Timestamp = hour.parse().unwrap();
        let [events, rejected, duplicates] = numbers.map(|number| Some(number.to_string()));
        TextRow::from([
            ("hour", Some(hour.as_microsecond().to_string())),
            ("event_type", Some(kind.to_owned())),
            ("topic", Some(topic.to_owned())),
            ("partition", Some("0".to_owned())),
            ("events", events),
            ("rejected", rejected),
            ("duplicates", duplicates),
        ])
    };
    tables.insert(
        "product_stats",
        vec![
            count(
                "2026-03-01T10:00:00Z",
                "ProductCreated",
                "ProductCreated",
                [1, 0, 1],
            ),
            count("2026-03-01T11:00:00Z", "other", "ProductCreated", [0, 1, 0]),
            count(
                "2026-03-01T11:00:00Z",
                "LowStockWarning",
                "LowStockWarning",
                [1, 0, 0],
            ),
            count(
                "2026-03-01T12:00:00Z",
                "ProductDeleted",
                "ProductDeleted",
                [1, 0, 0],
            ),
        ],
    );
    tables
}

#[test]
fn tables_as_they_must_be_have_no_differences() {
    let expected = expect(sent(), &settings());
    assert_eq!(
        (expected.events(), expected.duplicates(), expected.tombstones()),
        (3, 1, 1)
    );
    assert_eq!(expected.reasons(), BTreeMap::from([("schema_violation", 1)]));
    let differences = compare(&expected, &Actual::of(filled(&expected)));
    assert_eq!(crate::products::report(&differences), "");
    let state = &filled(&expected)["product_state"][0];
    let shown = |name| state[name].as_deref();
    assert_eq!(
        (
            shown("price"),
            shown("stock"),
            shown("low_stock"),
            shown("status")
        ),
        (Some("1.5"), Some("1"), Some("true"), Some("deleted"))
    );
}

#[test]
fn another_value_in_any_column_is_a_difference() {
    let expected = expect(sent(), &settings());
    let mut changed = 0;
    for (table, rows) in filled(&expected) {
        for (at, row) in rows.iter().enumerate() {
            for column in row.keys() {
                let mut tables = filled(&expected);
                let place = tables.get_mut(table).unwrap()[at].get_mut(column).unwrap();
                *place = Some("7".to_owned());
                changed += 1;
                // When an event was received nothing can say but the row itself.
                if *column == "received_at" && row["event_id"].as_deref() != Some("a") {
                    continue;
                }
                let differences = compare(&expected, &Actual::of(tables));
                let free = *column == "received_at";
                assert!(free || !differences.is_empty(), "{table}.{column} of {row:?}");
            }
        }
    }
    assert!(changed > 80, "{changed}");
}

#[test]
fn a_row_more_or_less_in_any_table_is_a_difference() {
    let expected = expect(sent(), &settings());
    for (table, rows) in filled(&expected) {
        for (at, row) in rows.iter().enumerate() {
            let mut less = filled(&expected);
            less.get_mut(table).unwrap().remove(at);
            assert_ne!(
                compare(&expected, &Actual::of(less)),
                [],
                "{table} without {:?}",
                row
            );
            let mut twice = filled(&expected);
            twice.get_mut(table).unwrap().push(rows[at].clone());
            assert_ne!(
                compare(&expected, &Actual::of(twice)),
                [],
                "{table} with {:?} twice",
                row
            );
        }
    }
}

#[test]
fn of_several_records_with_one_id_the_first_of_its_partition_is_stored() {
    let expected = expect(sent(), &settings());
    let mut tables = filled(&expected);
    for row in tables.get_mut("product_events").unwrap() {
        if row["event_id"].as_deref() == Some("a") {
            row.insert("record_offset", Some("1".to_owned()));
        }
    }
    let differences = compare(&expected, &Actual::of(tables));
    assert!(
        differences.iter().any(|one| one.what.contains("not the first")),
        "{differences:?}"
    );
}
