//! `docs/OUTCOMES.md` is held to tests that exist, and forgets no reason.

use super::{
    read,
    shown_by::{agree, shown_by},
    tables::{Row, names, rows},
    tests_there_are::everywhere,
};
use millrace_batches::domain::Reason;
use std::collections::BTreeSet;

/// The rows of every table with the columns what, outcome, what is charged, what to do.
fn outcomes() -> Vec<Row> {
    let rows = rows(&read("docs/OUTCOMES.md"), "what happens");
    assert!(rows.len() > 60, "the tables are read as {} rows", rows.len());
    rows
}

#[test]
fn rows_and_what_shows_them_are_the_same_list() {
    agree(&outcomes(), &shown_by("outcomes.json"));
}

#[test]
fn every_row_is_shown_by_a_test_that_exists() {
    let known = everywhere();
    let data = shown_by("outcomes.json");
    let rows = data.values().flatten().collect::<Vec<_>>();
    let strange = rows
        .iter()
        .flat_map(|shown| shown.tests.iter().map(move |test| (&shown.row, test)))
        .filter(|(_, test)| !known.contains(*test))
        .collect::<Vec<_>>();
    assert!(strange.is_empty(), "no such tests: {strange:#?}");
    let unshown = rows.iter().filter(|shown| shown.tests.is_empty());
    let unshown = unshown.map(|shown| shown.row.as_str()).collect::<Vec<_>>();
    assert!(unshown.is_empty(), "rows without a test: {unshown:#?}");
}

#[test]
fn every_reason_has_a_row() {
    let named = outcomes().into_iter().flat_map(|row| names(&row.cells[1]));
    let listed = named.collect::<BTreeSet<_>>();
    let missing = Reason::ALL
        .iter()
        .filter(|reason| !listed.contains(reason.code()));
    let missing = missing.map(|reason| reason.code()).collect::<Vec<_>>();
    assert!(missing.is_empty(), "no row for {missing:?}");
}
