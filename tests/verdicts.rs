//! `docs/VERDICTS.md` names tests that exist, and forgets no reason.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod known_tests;

use known_tests::{names, rows, tests_in};
use millrace_batches::domain::Reason;
use std::{collections::BTreeSet, fs, path::Path};

/// One line of the tables.
struct Row {
    what: String,
    verdict: String,
    tests: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of every table with the columns what, verdict, who pays, what to do, tests.
fn verdicts() -> Vec<Row> {
    let document = fs::read_to_string(root().join("docs/VERDICTS.md")).unwrap();
    let rows = rows(&document, 5)
        .into_iter()
        .filter(|cells| cells[4] != "shown by");
    rows.map(|cells| Row {
        what: cells[0].to_owned(),
        verdict: cells[1].to_owned(),
        tests: names(cells[4]),
    })
    .collect()
}

/// The tests below `folder`.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(tests_in(&fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_row_names_a_test_that_exists() {
    let mut known = BTreeSet::new();
    for folder in ["src", "actors", "tests"] {
        tests_below(&root().join(folder), &mut known);
    }
    let rows = verdicts();
    assert!(rows.len() > 60, "the tables are read as {} rows", rows.len());
    let strange = rows
        .iter()
        .flat_map(|row| row.tests.iter().map(move |test| (&row.what, test)))
        .filter(|(_, test)| !known.contains(*test))
        .collect::<Vec<_>>();
    assert!(strange.is_empty(), "no such tests: {strange:#?}");
    let unshown = rows.iter().filter(|row| row.tests.is_empty());
    let unshown = unshown.map(|row| row.what.as_str()).collect::<Vec<_>>();
    assert!(unshown.is_empty(), "rows without a test: {unshown:#?}");
}

#[test]
fn every_reason_has_a_row() {
    let named = verdicts().into_iter().flat_map(|row| names(&row.verdict));
    let listed = named.collect::<BTreeSet<_>>();
    let missing = Reason::ALL
        .iter()
        .filter(|reason| !listed.contains(reason.code()));
    let missing = missing.map(|reason| reason.code()).collect::<Vec<_>>();
    assert!(missing.is_empty(), "no row for {missing:?}");
}
