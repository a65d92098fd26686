//! `SECURITY.md` names tests and files that exist, and leaves no threat without an answer.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod known_tests;

use known_tests::{names, rows, tests_in};
use std::{fs, path::Path};

/// One line of the tables of threats.
struct Threat {
    what: String,
    stopped_by: String,
    /// `file::test`.
    tests: Vec<String>,
    left_to_you: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The rows of every table with the columns threat, what stops it, tests, what is not stopped.
fn threats() -> Vec<Threat> {
    let document = read("SECURITY.md");
    let threats = rows(&document, 4)
        .into_iter()
        .filter(|cells| cells[0] != "threat");
    threats
        .map(|cells| Threat {
            what: cells[0].to_owned(),
            stopped_by: cells[1].to_owned(),
            tests: names(cells[2]),
            left_to_you: cells[3].to_owned(),
        })
        .collect()
}

/// Whether the file has such a test: the name alone would also be found after it moved to another threat's file.
fn exists(named: &str) -> bool {
    let Some((file, test)) = named.split_once("::") else {
        return false;
    };
    let code = fs::read_to_string(root().join(file));
    code.is_ok_and(|code| tests_in(&code).iter().any(|known| known == test))
}

#[test]
fn every_test_that_is_named_exists() {
    let threats = threats();
    assert!(
        threats.len() > 40,
        "the tables are read as {} rows",
        threats.len()
    );
    let named = threats
        .iter()
        .flat_map(|threat| threat.tests.iter().map(move |test| (&threat.what, test)));
    let strange = named.filter(|(_, test)| !exists(test)).collect::<Vec<_>>();
    assert!(strange.is_empty(), "no such tests: {strange:#?}");
}

/// What no test shows is something for the reader to do, or to know.
#[test]
fn a_threat_without_a_test_says_what_is_left_to_the_operator() {
    let silent = threats().into_iter().filter(|threat| {
        threat.stopped_by.is_empty() || threat.tests.is_empty() && threat.left_to_you.is_empty()
    });
    let silent = silent.map(|threat| threat.what).collect::<Vec<_>>();
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
