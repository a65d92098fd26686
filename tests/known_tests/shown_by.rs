//! Which tests show which row of a document. The data files hold it, so that the documents can be read.

use super::{read, tables::Row};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What shows a row.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shown {
    /// The first cell, letter by letter.
    pub(crate) row: String,
    pub(crate) tests: Vec<String>,
}

/// The rows in their order, and by the heading above their table: tables say `the same for everything` more than once.
pub(crate) fn shown_by(file: &str) -> BTreeMap<String, Vec<Shown>> {
    serde_json::from_str(&read(&format!("tests/known_tests/{file}"))).unwrap()
}

/// Panics where the document has a row that the data has not, or the data one that the document has not.
pub(crate) fn agree(document: &[Row], data: &BTreeMap<String, Vec<Shown>>) {
    let mut written = BTreeMap::<_, Vec<_>>::new();
    for row in document {
        let rows = written.entry(row.section.as_str()).or_default();
        rows.push(row.cells[0].as_str());
    }
    let known = data.iter().map(|(section, rows)| {
        let rows = rows.iter().map(|shown| shown.row.as_str());
        (section.as_str(), rows.collect::<Vec<_>>())
    });
    let known: BTreeMap<_, _> = known.collect();
    let sections = |of: &BTreeMap<&str, Vec<&str>>| of.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(sections(&written), sections(&known), "headings: document, data");
    for (section, rows) in &written {
        let strange = rows.iter().filter(|row| !known[section].contains(row));
        let strange = strange.collect::<Vec<_>>();
        let gone = known[section].iter().filter(|row| !rows.contains(row));
        let gone = gone.collect::<Vec<_>>();
        assert!(
            strange.is_empty() && gone.is_empty(),
            "{section}: only in the document: {strange:#?}; only in the data: {gone:#?}"
        );
        assert_eq!(rows, &known[section], "{section}: rows in another order");
    }
}
