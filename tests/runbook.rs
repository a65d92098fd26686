//! The runbook says something about every alert, and about nothing else.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use millrace::pipelines::batches_alert_rules;
use std::{fs, path::Path};

/// The sections of the rules: heading and text.
fn sections() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/ALERTS.md")).unwrap();
    let sections = text.split("\n### ").skip(1);
    sections
        .map(|section| {
            let (heading, text) = section.split_once('\n').unwrap();
            (heading.to_owned(), text.to_owned())
        })
        .collect()
}

#[test]
fn every_alert_has_its_section_and_nothing_else_has() {
    let headings: Vec<_> = sections().into_iter().map(|(heading, _)| heading).collect();
    let rules: Vec<_> = batches_alert_rules()
        .iter()
        .map(|rule| rule.name.to_owned())
        .collect();
    assert_eq!(headings, rules);
}

#[test]
fn every_section_begins_with_the_severity() {
    for ((_, text), rule) in sections().into_iter().zip(batches_alert_rules()) {
        let severity = format!("**{}.**", rule.severity.as_str());
        let begins = text.trim_start().to_lowercase().starts_with(&severity);
        assert!(begins, "{rule:?} is {severity}");
    }
}
