//! A comparison that cannot fail is worth nothing.

use super::*;
use crate::{Actual, Difference, Row, compare, report};

/// Tables as the service would have filled them for the guide's batch.
fn tables(expected: &Expected) -> Actual {
    let rows = |table: &std::collections::BTreeMap<String, Row>| table.values().cloned().collect::<Vec<_>>();
    let mut actual = Actual::default();
    actual.tables.insert("post_analytics", rows(&expected.posts));
    actual.tables.insert("authors", rows(&expected.authors));
    actual.tables.insert("comments", rows(&expected.comments));
    actual.tables.insert("crawl_errors", rows(&expected.crawl_errors));
    actual
        .tables
        .insert("rejected_items", rows(&expected.rejected_items));
    actual.tables.insert("ingested_batches", rows(&expected.ledger));
    let posts = actual.tables.get_mut("post_analytics").unwrap();
    posts[0].insert("extra".to_owned(), json!({"content": {"definition": "hd"}}));
    // As Postgres writes it.
    posts[0].insert("crawled_at".to_owned(), "2025-12-06T17:15:30.123+07:00".into());
    posts[0].insert("error_details".to_owned(), Value::Null);
    posts[0].insert("first_seen_at".to_owned(), "2025-12-07T00:00:00+00:00".into());
    for comment in actual.tables.get_mut("comments").unwrap() {
        comment
            .entry("comment_id".to_owned())
            .or_insert("derived-1234".into());
    }
    actual
}

fn differences(change: impl FnOnce(&mut Actual)) -> Vec<Difference> {
    let expected = expect_batches(&[("guide", guide_batch())]);
    let mut actual = tables(&expected);
    change(&mut actual);
    compare(&expected, &actual)
}

fn row<'a>(actual: &'a mut Actual, table: &'static str) -> &'a mut Row {
    &mut actual.tables.get_mut(table).unwrap()[0]
}

#[test]
fn equal_tables_have_no_difference() {
    let found = differences(|_| ());
    assert_eq!(report(&found), "");
    assert!(found.is_empty());
}

#[test]
fn a_changed_count_is_reported() {
    let found = differences(|actual| {
        row(actual, "post_analytics").insert("view_count".to_owned(), json!(125_341));
    });
    let text = report(&found);
    assert_eq!(found.len(), 1);
    assert!(text.contains("view_count should be 125340, is 125341"), "{text}");
}

#[test]
fn every_compared_column_can_fail() {
    let expected = expect_batches(&[("guide", guide_batch())]);
    for (table, _) in crate::actual::TABLES {
        let columns: Vec<String> = match tables(&expected).rows(table).first() {
            Some(first) => first.keys().cloned().collect(),
            None => continue,
        };
        let ours = ["first_seen_at", "extra", "comment_id"];
        for column in columns
            .into_iter()
            .filter(|column| !ours.contains(&column.as_str()))
        {
            let found = differences(|actual| {
                row(actual, table).insert(column.clone(), json!("something else"));
            });
            assert!(!found.is_empty(), "{table}.{column} is not compared");
        }
    }
}

#[test]
fn missing_and_extra_rows_are_reported() {
    for (table, _) in crate::actual::TABLES
        .into_iter()
        .filter(|(table, _)| *table != "rejected_items")
    {
        let found = differences(|actual| {
            actual.tables.get_mut(table).unwrap().remove(0);
        });
        assert!(
            matches!(&found[0], Difference::Missing(of, _) if *of == table),
            "{table}"
        );
        let found = differences(|actual| {
            let twice = row(actual, table).clone();
            actual.tables.get_mut(table).unwrap().push(twice);
        });
        assert!(
            matches!(&found[0], Difference::Extra(of, _) if *of == table),
            "{table}"
        );
    }
}

#[test]
fn a_comment_that_was_sent_without_an_id_is_found_by_what_it_says() {
    let found = differences(|actual| {
        let comments = actual.tables.get_mut("comments").unwrap();
        let derived = comments
            .iter_mut()
            .find(|row| row["comment_id"] == "derived-1234")
            .unwrap();
        derived.insert("comment_id".to_owned(), "another recipe".into());
    });
    assert!(found.is_empty());
    let found = differences(|actual| {
        let comments = actual.tables.get_mut("comments").unwrap();
        let mut twice = comments
            .iter()
            .find(|row| row["comment_id"] == "derived-1234")
            .unwrap()
            .clone();
        twice.insert("comment_id".to_owned(), "derived-5678".into());
        comments.push(twice);
    });
    assert!(
        matches!(&found[..], [Difference::Extra("comments", _)]),
        "{found:?}"
    );
}

#[test]
fn a_field_that_is_nowhere_is_reported() {
    let found = differences(|actual| {
        row(actual, "post_analytics").remove("extra");
    });
    assert!(
        matches!(&found[..], [Difference::Lost(_, path, _)] if path == "content.definition"),
        "{found:?}"
    );
}

#[test]
fn a_column_of_a_later_analysis_must_be_null() {
    let found = differences(|actual| {
        row(actual, "post_analytics").insert("overall_sentiment".to_owned(), "positive".into());
    });
    assert_eq!(found.len(), 1);
}
