//! `docs/VERDICTS.md` names tests that exist, and forgets no reason.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use millrace_actors::domain::Reason;
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
fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/VERDICTS.md")).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("| "));
    let cells = lines.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let rows = cells.filter(|cells| cells.len() == 7 && cells[5] != "shown by");
    rows.map(|cells| Row {
        what: cells[1].to_owned(),
        verdict: cells[2].to_owned(),
        tests: names(cells[5]),
    })
    .collect()
}

/// What stands between backticks.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
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

fn tests_in(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in code.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, name)) = line.split_once("fn ")
            && std::mem::take(&mut is_test)
        {
            found.extend(name.split('(').next().map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_row_names_a_test_that_exists() {
    let mut known = BTreeSet::new();
    for folder in ["src", "actors", "tests"] {
        tests_below(&root().join(folder), &mut known);
    }
    let rows = rows();
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
    let verdicts = rows().into_iter().flat_map(|row| names(&row.verdict));
    let listed = verdicts.collect::<BTreeSet<_>>();
    let missing = Reason::ALL
        .iter()
        .filter(|reason| !listed.contains(reason.code()));
    let missing = missing.map(|reason| reason.code()).collect::<Vec<_>>();
    assert!(missing.is_empty(), "no row for {missing:?}");
}
