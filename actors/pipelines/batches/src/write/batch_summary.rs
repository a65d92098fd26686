//! What a batch amounts to, for the ledger, the metrics and the log.

use crate::domain::Items;
use std::collections::BTreeMap;

/// How often each error code occurs, as a JSON object: `{"TIMEOUT":2}`.
pub(super) fn error_distribution(items: &Items) -> String {
    let mut codes = BTreeMap::<&str, u64>::new();
    for error in &items.errors {
        *codes.entry(error.error_code.as_str()).or_default() += 1;
    }
    serde_json::to_string(&codes).expect("a map of text to numbers is always JSON")
}

/// A length as a counter column.
pub(super) fn count(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
