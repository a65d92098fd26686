//! What the oracle says of the end.

use std::collections::{BTreeMap, BTreeSet};

use millrace_oracle::{Copies, Difference, Expected, compare, compare_dead_letters, report};
use serde::Serialize;
use serde_json::Value;

use crate::settled::Settled;

/// Every event has a fate and every row its place, or not.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Findings {
    /// Different events.
    pub events: usize,
    /// Rows that must be there, compared column by column.
    pub rows: usize,
    /// The fate of each event and each of those rows.
    pub obligations: usize,
    /// Events, rows and values that are missing.
    pub lost: usize,
    /// Rows that should not be there, events that are both stored and dead-lettered, errors counted too often.
    pub doubled: usize,
    /// Counts and times that are lower than they must be.
    pub moved_backwards: usize,
    /// Columns that are wrong in another way.
    pub different: usize,
    /// Dead letters that nothing justifies, by reason.
    pub unexpected_dead_letters: BTreeMap<String, usize>,
    /// Copies of dead letters beyond one a message; a crash between confirmation and acknowledgement makes them.
    pub extra_copies: usize,
    /// The first differences in words.
    pub report: String,
}

// === impl Findings ===

impl Findings {
    pub(crate) fn of(expected: &Expected, settled: &Settled) -> Self {
        let differences = compare(expected, &settled.actual);
        let letters = compare_dead_letters(expected, &settled.dead_letters, Copies::AtLeastOne);
        let wanted: BTreeSet<_> = expected.dead_letters.iter().collect();
        let rows = expected.tables().iter().map(|table| table.len()).sum();
        let events = expected.ledger.len() + wanted.len();
        let mut findings = Self {
            events,
            rows,
            obligations: events + rows,
            extra_copies: settled
                .dead_letters
                .len()
                .saturating_sub(expected.dead_letters.len()),
            ..Self::default()
        };
        for difference in differences.iter().chain(&letters) {
            *findings.counter(difference) += 1;
        }
        for letter in settled
            .dead_letters
            .iter()
            .filter(|letter| !wanted.contains(letter))
        {
            *findings
                .unexpected_dead_letters
                .entry(letter.1.clone())
                .or_default() += 1;
        }
        findings.doubled += findings.both(settled);
        findings.report = report(&differences) + &report(&letters);
        findings
    }

    /// Whether nothing at all is wrong.
    pub fn is_green(&self) -> bool {
        self.lost + self.doubled + self.moved_backwards + self.different == 0
            && self.unexpected_dead_letters.is_empty()
    }

    fn counter(&mut self, difference: &Difference) -> &mut usize {
        match difference {
            Difference::Missing(..) | Difference::Lost(..) => &mut self.lost,
            // Counted by reason.
            Difference::Extra("dead letters", _) => &mut self.different,
            Difference::Extra(..) => &mut self.doubled,
            Difference::Column(_, _, column, wanted, found) => {
                match (column.as_str(), is_lower(found, wanted)) {
                    ("occurrences", Some(false)) => &mut self.doubled,
                    (_, Some(true)) => &mut self.moved_backwards,
                    _ => &mut self.different,
                }
            }
        }
    }

    /// Events that are in the ledger and in the dead-letter queue.
    fn both(&self, settled: &Settled) -> usize {
        let stored: BTreeSet<&str> = settled.ledger.iter().map(String::as_str).collect();
        let dead: BTreeSet<&str> = settled
            .dead_letters
            .iter()
            .filter_map(|(id, _)| id.as_deref())
            .collect();
        stored.intersection(&dead).count()
    }
}

/// Of two numbers or two times; nothing for what cannot be compared.
fn is_lower(found: &Value, wanted: &Value) -> Option<bool> {
    match (found, wanted) {
        (Value::Number(found), Value::Number(wanted)) => Some(found.as_f64()? < wanted.as_f64()?),
        // Times in UTC and of one format sort as text.
        (Value::String(found), Value::String(wanted)) if wanted.ends_with('Z') && found.ends_with('Z') => {
            Some(found < wanted)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sorted(difference: Difference) -> (usize, usize, usize, usize) {
        let mut findings = Findings::default();
        *findings.counter(&difference) += 1;
        (
            findings.lost,
            findings.doubled,
            findings.moved_backwards,
            findings.different,
        )
    }

    fn column(name: &str, wanted: Value, found: Value) -> Difference {
        Difference::Column("posts", "key".to_owned(), name.to_owned(), wanted, found)
    }

    #[test]
    fn differences_are_sorted_by_what_went_wrong() {
        let key = || "key".to_owned();
        assert_eq!(sorted(Difference::Missing("posts", key())), (1, 0, 0, 0));
        assert_eq!(sorted(Difference::Extra("posts", key())), (0, 1, 0, 0));
        assert_eq!(sorted(column("occurrences", json!(1), json!(2))), (0, 1, 0, 0));
        assert_eq!(sorted(column("view_count", json!(9), json!(7))), (0, 0, 1, 0));
        let (late, early) = (json!("2025-12-06T10:00:00Z"), json!("2025-12-05T10:00:00Z"));
        assert_eq!(
            sorted(column("crawled_at", late.clone(), early.clone())),
            (0, 0, 1, 0)
        );
        assert_eq!(sorted(column("crawled_at", early, late)), (0, 0, 0, 1));
        assert_eq!(sorted(column("url", json!("a"), Value::Null)), (0, 0, 0, 1));
    }

    #[test]
    fn only_nothing_at_all_is_green() {
        assert!(Findings::default().is_green());
        let letters = BTreeMap::from([("attempts_exhausted".to_owned(), 1)]);
        assert!(
            !Findings {
                unexpected_dead_letters: letters,
                ..Findings::default()
            }
            .is_green()
        );
        assert!(
            !Findings {
                moved_backwards: 1,
                ..Findings::default()
            }
            .is_green()
        );
    }
}
