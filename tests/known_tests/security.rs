//! `SECURITY.md` is held to tests and files that exist, and leaves no threat without an answer.

use super::{
    read, root,
    shown_by::{agree, shown_by},
    tables::{Row, rows},
    tests_there_are::is_in_its_file,
};

/// The rows of every table with the columns threat, what stops it, what is not stopped.
fn threats() -> Vec<Row> {
    let threats = rows(&read("SECURITY.md"), "threat");
    assert!(
        threats.len() > 40,
        "the tables are read as {} rows",
        threats.len()
    );
    threats
}

#[test]
fn threats_and_what_shows_them_are_the_same_list() {
    agree(&threats(), &shown_by("security.json"));
}

#[test]
fn every_test_that_is_named_exists() {
    let data = shown_by("security.json");
    let named = data.values().flatten();
    let named = named.flat_map(|shown| shown.tests.iter().map(move |test| (&shown.row, test)));
    let strange = named
        .filter(|(_, test)| !is_in_its_file(test))
        .collect::<Vec<_>>();
    assert!(strange.is_empty(), "no such tests: {strange:#?}");
}

/// What no test shows is something for the reader to do, or to know.
#[test]
fn a_threat_without_a_test_says_what_is_left_to_the_operator() {
    let data = shown_by("security.json");
    let untested = |threat: &Row| {
        let mut shown = data.get(&threat.section).into_iter().flatten();
        shown.any(|shown| shown.row == threat.cells[0] && shown.tests.is_empty())
    };
    let silent = threats().into_iter().filter(|threat| {
        let [_, stopped_by, left_to_you] = threat.cells.as_slice() else {
            panic!("{:?}", threat.cells)
        };
        stopped_by.is_empty() || left_to_you.is_empty() && untested(threat)
    });
    let silent = silent.map(|threat| threat.cells[0].clone()).collect::<Vec<_>>();
    assert!(silent.is_empty(), "neither shown nor owned up to: {silent:#?}");
}

#[test]
fn links_lead_somewhere() {
    let document = read("SECURITY.md");
    let targets = document
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    for target in targets.filter(|target| !target.starts_with('#')) {
        assert!(root().join(target).exists(), "{target} is not there");
    }
}
